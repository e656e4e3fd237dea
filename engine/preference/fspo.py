"""FSPO in vectors: a few labelled pairs read in one forward pass, nothing fitted to a person.

A set transformer (engine/fewshot.py, where the equations stand) was taught over many people to read
k pairs of one and foretell the others of the same: min E_i E_{pair, shots ~ D_i} L(pair | shots)
(Singh et al. 2025, arXiv 2502.19312, founding paper 49; there the reader is a language model). L is
the logistic loss, or IPO's (h - 1 / (2 beta))^2 of Azar et al. 2023, eq. 17, on the logit h.
A person is the last pairs themselves: `update` appends, `fit` appends them all, and the two agree
exactly. Without pairs the population's score stands alone. Forward in numpy, so that a click needs
no torch; torch is loaded by `Learning` alone. The reader that ships met SIMULATED people only
(fewshot.simulated) and serves any space through the root of its prior; `Learning` teaches one
further, its map of the space included, on real people.
Assumes a taste that is linear in the mapped space. Ties say nothing to it, sides are not learnt. A
grid is read as each pick over the mean of what was left.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import fewshot, laplace
from engine.data import Array, Comparison, Features, Outcome, Progress, Question, same_space
from engine.meeting import foretell
from engine.preference.base import Prior

Float = NDArray[np.float64]
FAR = 60_000.0  # half precision ends a little further out
FILE = Path(__file__).parents[1] / "starter" / "fewshot.safetensors"


@dataclass(frozen=True)
class Settings:
    rank: int = field(default=64, metadata={"help": "directions of the space that are read",
                                            "low": 1, "high": 256})  # fmt: skip
    least: float = field(
        default=1e-4,
        metadata={"help": "directions with less of the leading variance are dropped", "low": 0.0},
    )
    most: int = field(default=128, metadata={"help": "newest pairs that are kept",
                                             "low": 1, "high": 1024})  # fmt: skip


@dataclass(frozen=True)
class Shared:
    """What people share, in a named space: map (d, r) into coordinates where people are N(0, I),
    base (d,) the population's direction, and the reader's numbers.
    """

    space: str
    map: NDArray[np.float32]
    base: NDArray[np.float32]
    core: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, prior: Prior, core: fewshot.Core | None = None,
           settings: Settings | None = None) -> "Shared":  # fmt: skip
        """The root of a prior's covariance as the map, and the reader that ships."""
        root = _root(prior.var, settings or Settings()).astype(np.float32)
        return cls(prior.space, root, np.asarray(prior.mean, np.float32), core or shipped())

    def state(self) -> dict[str, NDArray[Any]]:
        return {"map": self.map, "base": self.base} | {f"core.{k}": v for k, v in self.core.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "Shared":
        core = {k.removeprefix("core."): np.array(v, np.float32)
                for k, v in state.items() if k.startswith("core.")}  # fmt: skip
        return cls(space, np.array(state["map"], np.float32), np.array(state["base"], np.float32),
                   core)  # fmt: skip


@cache
def shipped() -> dict[str, NDArray[np.float32]]:
    """The reader taught on simulated people by `python -m engine.starter.build_fewshot`."""
    from safetensors.numpy import load_file

    return dict(load_file(str(FILE)))


@dataclass(frozen=True)
class FSPO:
    """z (k, r) float16 the pairs, chosen minus rejected; known (k,) the population's margins."""

    shared: Shared
    z: NDArray[np.float16]
    known: NDArray[np.float32]
    most: int = Settings.most

    @property
    def space(self) -> str:
        return self.shared.space

    @classmethod
    def blank(cls, prior: Prior, shared: Shared | None = None) -> "FSPO":
        """`shared`: taught for this very space; without one, what ships."""
        shared = shared or Shared.of(prior)
        same_space(shared.space, prior.space)
        return cls(shared, np.zeros((0, shared.map.shape[1]), np.float16), np.zeros(0, np.float32))

    @classmethod
    def fit(
        cls,
        comparisons: Sequence[Comparison],
        features: Features,
        prior: Prior,
        shared: Shared | None = None,
    ) -> "FSPO":
        made = cls.blank(prior, shared)
        same_space(made.space, features.space)
        return made._with(sorted(comparisons, key=lambda c: c.seq), features)

    def update(self, comparison: Comparison, features: Features) -> "FSPO":
        same_space(self.space, features.space)
        return self._with([comparison], features)

    def _with(self, comparisons: Sequence[Comparison], features: Features) -> "FSPO":
        gaps = [g for c in comparisons[-self.most :] for g in _gaps(c, features)]
        if not gaps:
            return self
        x = np.stack(gaps)
        new = (x @ self.shared.map).clip(-FAR, FAR).astype(np.float16)
        z = np.concatenate([self.z, new])[-self.most :]
        known = np.concatenate([self.known, x @ self.shared.base])[-self.most :]
        return replace(self, z=z, known=known.astype(np.float32))

    @cached_property
    def _gauss(self) -> laplace.Gaussian:
        """Over (u, follow, side, level): what the reader says of this person."""
        core = {k: v.astype(np.float64) for k, v in self.shared.core.items()}
        z = self.z.astype(np.float64)
        u, inner = fewshot.read(core, z, self.known.astype(np.float64), np.ones(len(z)))
        r = z.shape[1]
        start = laplace.prior_of(np.append(u, np.exp(core["follow"])), np.append(np.ones(r), 0.0))
        start.cov[:r, :r] -= z.T @ inner @ z
        return start

    def _seen(self, vectors: Array) -> Float:
        """(n, r + 1) of vectors (n, d)."""
        x = np.asarray(vectors, np.float64)
        return np.column_stack([x @ self.shared.map, x @ self.shared.base])

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its deviation (n,) of vectors (n, d), in logits."""
        mean, std = laplace.scores(self._gauss, self._seen(vectors))
        return mean.astype(np.float32), std.astype(np.float32)

    def joint(self, vectors: Array) -> tuple[Array, Array]:
        """Mean (n,) and root (n, r) of all scores at once: their covariance is root @ root.T."""
        seen, r = self._seen(vectors), self.z.shape[1]
        root = np.linalg.cholesky(self._gauss.cov[:r, :r] + 1e-9 * np.eye(r))
        mean = seen @ self._gauss.mean[: r + 1]
        return mean.astype(np.float32), (seen[:, :r] @ root).astype(np.float32)

    def prob(self, left: Array, right: Array) -> Float:
        """Which is liked more, the doubt included."""
        gap = np.asarray(left, np.float64) - np.asarray(right, np.float64)
        mean, std = laplace.scores(self._gauss, self._seen(gap))  # type: ignore[arg-type]
        return laplace.chance(mean, std**2)

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """See meeting.foretell."""
        same_space(self.space, features.space)
        z = self._seen(features.of(question.items)).astype(np.float32)
        return foretell(self._gauss, z, question.items, outcome)

    def direction(self) -> Array:
        """The taste as a unit vector (d,); zeros before anything is known."""
        mean, r = self._gauss.mean, self.z.shape[1]
        u = self.shared.map @ mean[:r] + mean[r] * self.shared.base
        size = float(np.linalg.norm(u))
        return np.asarray(u / size if size > 0 else u, np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        return self.shared.state() | {"z": self.z, "known": self.known,
                                      "most": np.array(self.most)}  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "FSPO":
        return cls(Shared.from_state(state, space), np.array(state["z"], np.float16),
                   np.array(state["known"], np.float32), int(state["most"]))  # fmt: skip


def _gaps(c: Comparison, features: Features) -> list[Float]:
    """(d,) chosen minus rejected: of a grid, each pick over the mean of what was left."""
    if c.outcome.word or len(c.outcome.picks) == len(c.question.items):
        return []
    x = features.of(c.question.items).astype(np.float64)
    picked = np.array([c.question.items.index(i) for i in c.outcome.picks])
    rest = np.delete(x, picked, 0).mean(0)
    return [c.strength * (x[p] - rest) for p in picked]


def _root(var: Float, s: Settings) -> Float:
    """(d, r) with root @ root.T close to the covariance: its leading directions."""
    if var.ndim == 1:
        values, vectors = np.asarray(var, np.float64), np.eye(len(var))
    else:
        values, vectors = np.linalg.eigh(var)
    order = np.argsort(-values, kind="stable")[: s.rank]
    order = order[values[order] > s.least * values[order[0]]]
    return np.asarray(vectors[:, order] * np.sqrt(values[order]))


@dataclass(frozen=True)
class Meta:
    """How a reader is taught."""

    objective: str = field(default="logistic", metadata={"help": "logistic or ipo"})
    beta: float = field(default=0.25, metadata={"help": "ipo: the margin aimed at is 1 / (2 beta)",
                                                "low": 0.01, "high": 5.0})  # fmt: skip
    steps: int = field(default=6000, metadata={"help": "steps of Adam", "low": 1})
    rate: float = field(default=3e-3, metadata={"help": "of the reader", "low": 1e-6})
    map_rate: float = field(default=0.0, metadata={"help": "of the map; 0 keeps it", "low": 0.0})
    unit_rate: float = field(
        default=0.0,
        metadata={"help": "of the unit of the space, and of how far people follow the population; "
                          "0 keeps both", "low": 0.0},
    )  # fmt: skip
    seed: int = 0


class Learning:
    """Meta-training: `run` goes on from wherever the state stands; step s follows from (seed, s)
    and the people alone, so that a run taken up again is the same run.
    """

    def __init__(self, shared: Shared, meta: Meta, state: Mapping[str, NDArray[Any]] | None = None):
        import torch

        if meta.objective not in ("logistic", "ipo"):
            raise ValueError(f"objective {meta.objective!r} is not known; say logistic or ipo")
        self.start, self.meta, self.step = shared, meta, 0
        self.core = {k: torch.tensor(v) for k, v in shared.core.items()}
        self.map, self.unit = torch.tensor(shared.map), torch.zeros(1)
        reader = [v for k, v in self.core.items() if k != "follow"]
        parts = ((reader, meta.rate), ([self.map], meta.map_rate),
                 ([self.core["follow"], self.unit], meta.unit_rate))  # fmt: skip
        self.optimizer = torch.optim.Adam(
            [{"params": p, "full": rate} for p, rate in parts if rate > 0]
        )
        for tensor in self._tensors():
            tensor.requires_grad_()
        if state is not None:
            self._restore(state)

    def run(self, tasks: Callable[[np.random.Generator], fewshot.Task]) -> Iterator[Progress]:
        """tasks: draws people; its pairs are differences (b, k, d) in the shared space."""
        while self.step < self.meta.steps:
            rng = np.random.default_rng([self.meta.seed, self.step])
            loss = self._one(tasks(rng))
            yield Progress(self.step, self.meta.steps, "reading people", {"loss": loss})

    def _one(self, task: fewshot.Task) -> float:
        import torch

        named = {k: torch.as_tensor(np.asarray(v, np.float32)) for k, v in vars(task).items()}
        # People may come in the reader's own coordinates, of whatever width: simulated ones do.
        if self.map.numel():
            named |= {k: named[k] @ self.map for k in ("shots", "pairs")}
        unit = torch.exp(self.unit)
        named |= {k: unit * named[k] for k in ("shots", "known", "pairs", "expected")}
        h = fewshot.logits(*fewshot.margins(self.core, fewshot.Task(**named), torch))
        loss = self._loss(h, named["chance"])
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._tensors(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full"] * self._share()
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def _loss(self, h: Any, p: Any) -> Any:
        """Mean over pairs; p: the chance that the first was chosen."""
        from torch.nn.functional import softplus

        if self.meta.objective == "ipo":
            aim = 1.0 / (2.0 * self.meta.beta)  # Azar et al., eq. 17
            return (p * (h - aim) ** 2 + (1.0 - p) * (h + aim) ** 2).mean()
        return (p * softplus(-h) + (1.0 - p) * softplus(h)).mean()

    def _share(self) -> float:
        """Of the full rate: up over fifty steps, then half a cosine down to a twentieth."""
        up = min(1.0, (self.step + 1) / 50)
        return float(up * (0.05 + 0.475 * (1.0 + np.cos(np.pi * self.step / self.meta.steps))))

    def shared(self) -> Shared:
        """What was learnt, its unit taken into the map and the population's direction."""
        core = {k: v.detach().numpy().copy() for k, v in self.core.items()}
        unit = np.exp(self.unit.detach().numpy())
        return replace(self.start, core=core, map=unit * self.map.detach().numpy(),
                       base=unit * self.start.base)  # fmt: skip

    def state(self) -> dict[str, NDArray[Any]]:
        """Named arrays from which a new Learning goes on."""
        made = {f"core.{k}": v.detach().numpy().copy() for k, v in self.core.items()}
        made |= {k: getattr(self, k).detach().numpy().copy() for k in ("map", "unit")}
        for n, tensor in enumerate(self._tensors()):
            for name, value in self.optimizer.state.get(tensor, {}).items():
                made[f"{n:03d}.{name}"] = value.numpy().copy()
        return made | {"step": np.array(self.step)}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        import torch

        with torch.no_grad():
            for k, v in self.core.items():
                v.copy_(torch.as_tensor(state[f"core.{k}"]))
            for name in ("map", "unit"):
                getattr(self, name).copy_(torch.as_tensor(state[name]))
        for n, tensor in enumerate(self._tensors()):
            mine = {k[4:]: torch.tensor(v) for k, v in state.items() if k.startswith(f"{n:03d}.")}
            if mine:
                self.optimizer.state[tensor] = mine
        self.step = int(state["step"])

    def _tensors(self) -> list[Any]:
        return [p for g in self.optimizer.param_groups for p in g["params"]]
