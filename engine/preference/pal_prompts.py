"""PAL-B: what is ideal depends on what was asked for (arXiv 2406.08469, founding paper 3).

score(x | c) = min(exp(a), 100) cos(f(x), sum_k w_k g_k(c)): K maps g_k turn a prompt c into an
ideal point each, a person is a mixture w of them, and items are judged by their direction. Many
people teach f, g and a by cross-entropy of two scores; a new person fits w alone, from the uniform
mixture, with a pull to it (the published code starts at random and has none: few answers saturate
it). Assumes that prompts and items have vectors, and that K readings of a prompt suffice. It needs
pairs under many prompts; where the prompt does not matter PAL-A (pal.py) says the same with less.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.data import same_space

Float = NDArray[np.float64]
MOST = 100.0


@dataclass(frozen=True)
class Settings:
    prototypes: int = field(default=2, metadata={"help": "readings of a prompt", "low": 1})
    width: int = field(default=16, metadata={"help": "size of the space of liking", "low": 1})
    steps: int = field(default=400, metadata={"help": "steps of Adam over everybody", "low": 1})
    rate: float = field(default=0.02, metadata={"help": "size of a step", "low": 1e-5})
    own_steps: int = field(default=100, metadata={"help": "steps for new people", "low": 1})
    pull: float = field(default=0.5, metadata={"help": "answers the uniform mixture counts for"})


@dataclass(frozen=True)
class Shared:
    """f (d, r) of items, g (K, c, r) of prompts, `scale` in logits; spaces of both."""

    space: str
    prompts: str
    f: Float
    g: Float
    scale: float

    def score(self, vectors: NDArray[Any], asked: NDArray[Any], weights: Float) -> Float:
        """(n,) liking in logits of items (n, d) under prompts (n, c) for a mixture (K,)."""
        z = np.asarray(vectors, np.float64) @ self.f
        ideal = np.einsum("nc,kcr,k->nr", np.asarray(asked, np.float64), self.g, weights)
        size = np.linalg.norm(z, axis=1) * np.linalg.norm(ideal, axis=1)
        return np.asarray(self.scale * (z * ideal).sum(1) / np.maximum(size, 1e-12))

    def state(self) -> dict[str, NDArray[Any]]:
        return {"f": self.f, "g": self.g, "scale": np.array(self.scale)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str, prompts: str) -> "Shared":
        f, g = (np.array(state[k], np.float64) for k in ("f", "g"))
        return cls(space, prompts, f, g, float(state["scale"]))


def learn(
    won: NDArray[Any], lost: NDArray[Any], asked: NDArray[Any], spaces: tuple[str, str],
    seed: int = 0, settings: Settings | None = None,
) -> tuple[Shared, Float]:  # fmt: skip
    """Shared parts and mixtures (p, K) from pairs won, lost (p, m, d) under prompts (p, m, c)."""
    s = settings or Settings()
    made = torch.Generator().manual_seed(seed)
    x, y, c = (torch.as_tensor(np.asarray(v), dtype=torch.float32) for v in (won, lost, asked))

    def some(*shape: int) -> Tensor:
        start: Tensor = torch.randn(*shape, generator=made) / float(shape[-2]) ** 0.5
        return start.requires_grad_(True)

    f = some(x.shape[-1], s.width)
    g = some(s.prototypes, c.shape[-1], s.width)
    a = torch.tensor(float(np.log(1 / 0.07)), requires_grad=True)
    logits = (0.1 * torch.randn(len(x), s.prototypes, generator=made)).requires_grad_(True)
    optimizer = torch.optim.Adam([f, g, a, logits], lr=s.rate)
    for _ in range(s.steps):
        scale = a.exp().clamp(max=MOST)
        loss = F.softplus(-scale * _margin(x @ f, y @ f, _each(c, g), logits)).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    shared = Shared(*spaces, f.detach().numpy().astype(np.float64),
                    g.detach().numpy().astype(np.float64),
                    float(a.detach().exp().clamp(max=MOST)))  # fmt: skip
    return shared, torch.softmax(logits.detach(), 1).numpy().astype(np.float64)


def mixtures(
    shared: Shared, won: NDArray[Any], lost: NDArray[Any], asked: NDArray[Any],
    spaces: tuple[str, str], settings: Settings | None = None,
) -> Float:  # fmt: skip
    """(p, K) of new people, all at once, from pairs (p, m, d) under prompts (p, m, c); uniform
    without any. WrongSpace when the vectors lie elsewhere.
    """
    same_space(shared.space, spaces[0])
    same_space(shared.prompts, spaces[1])
    s = settings or Settings()
    people, k = len(won), len(shared.g)
    if won.shape[1] == 0:
        return np.full((people, k), 1.0 / k)
    x, y, c = (torch.as_tensor(np.asarray(v), dtype=torch.float32) for v in (won, lost, asked))
    f, g = (torch.as_tensor(v, dtype=torch.float32) for v in (shared.f, shared.g))
    left, right, ideals = x @ f, y @ f, _each(c, g)
    logits = torch.zeros(people, k, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(s.own_steps):
        gap = shared.scale * _margin(left, right, ideals, logits)
        # The pull is so many answers that every reading is as likely: the mean log share.
        even = -s.pull * torch.log_softmax(logits, 1).mean(1)
        optimizer.zero_grad()
        torch.autograd.backward((F.softplus(-gap).sum(1) + even).sum())
        optimizer.step()
    return torch.softmax(logits.detach(), 1).numpy().astype(np.float64)


def _each(asked: Tensor, g: Tensor) -> Tensor:
    """(p, m, K, r) what every reading holds ideal for each prompt."""
    return torch.einsum("pmc,kcr->pmkr", asked, g)


def _margin(left: Tensor, right: Tensor, ideals: Tensor, logits: Tensor) -> Tensor:
    """(p, m) cosine of the chosen minus that of the rejected."""
    ideal = torch.einsum("pmkr,pk->pmr", ideals, torch.softmax(logits, 1))
    near = F.cosine_similarity(left, ideal, dim=-1)
    return near - F.cosine_similarity(right, ideal, dim=-1)
