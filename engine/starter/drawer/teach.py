"""Teach the transformer: noise to drawings along the straight path, from words and facts.

x_t = (1 - t) x + t n, the model learns n - x (Lipman et al. 2022, arXiv 2210.02747, eq. 23; the
choice of t as in Esser et al. 2024, arXiv 2403.03206, section 3.1). An average of the weights over
the last steps is what ships. The same code runs on a GPU; data lie on the device.
"""

import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine import checkpoints
from engine.data import Progress
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import LOUD, Scale, Words
from engine.starter.drawer.data import FACTS, STYLES, TOLD, Drawings

BATCH, RATE, DECAY, EVERY = 32, 1e-3, 0.999, 300.0
LEAN = 0.7
# How often each condition is told.
TELL_TEXT, TELL_STYLE, TELL_FACT, TELL_FACTS, TELL_GROUND, TELL_ANY = 0.9, 0.75, 0.6, 0.5, 0.8, 0.9
# Where the whole pool is shown, half of the pictures are of the lesson's own concepts.
CORE = 0.5


@dataclass
class Deck:
    """All that a batch is dealt from: latents (n, 4, h, w), the drawings' facts, and captions."""

    latents: torch.Tensor
    drawings: Drawings
    facts: torch.Tensor
    captions: Captions
    states: torch.Tensor
    sentences: torch.Tensor
    reach: NDArray[np.float64]

    @classmethod
    def of(cls, latents: torch.Tensor, drawings: Drawings, scale: Scale, words: Words,
           captions: Captions, device: str = "cpu") -> "Deck":  # fmt: skip
        states, sentences = words.of(captions.texts)
        facts = torch.from_numpy(scale.apply(drawings.facts))
        return cls(latents.to(device), drawings, facts.to(device), captions,
                   states.half().to(device), sentences.to(device),
                   reach(drawings.concept, 0))  # fmt: skip

    def centred(self, core: int) -> "Deck":
        """The same, with the first `core` concepts as CORE of what is dealt."""
        return replace(self, reach=reach(self.drawings.concept, core))

    def deal(self, size: int, made: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents, text states (B, TOKENS, 384), vectors (B, WIDTH), with parts left out."""
        rows = np.searchsorted(self.reach, made.random(size), side="right")
        told = made.random((7, size))
        told_any = told[0] < TELL_ANY
        said = np.array([
            self.captions.choose(int(self.drawings.concept[r]), int(self.drawings.style[r]),
                                 int(self.drawings.ground[r]), made) for r in rows
        ])  # fmt: skip
        said[~(told_any & (told[1] < TELL_TEXT))] = 0
        place = self.latents.device
        extra = np.zeros((size, len(STYLES)), np.float32)
        extra[np.arange(size), self.drawings.style[rows]] = told_any & (told[2] < TELL_STYLE)
        mask = made.random((size, len(FACTS))) < TELL_FACT
        mask[:, : len(TOLD)] &= (told[3] < TELL_FACTS)[:, None]
        mask[:, len(TOLD) :] = (told[4] < TELL_GROUND)[:, None]
        mask &= told_any[:, None]
        shown = torch.from_numpy(mask.astype(np.float32)).to(place)
        index = torch.from_numpy(rows).to(place)
        texts = torch.from_numpy(said).to(place)
        vector = torch.cat([
            self.sentences[texts] * LOUD, torch.from_numpy(extra).to(place),
            self.facts[index] * shown, shown,
        ], 1)  # fmt: skip
        return self.latents[index], self.states[texts].float(), vector


def reach(concept: NDArray[Any], core: int) -> NDArray[np.float64]:
    """(n,) running chances with which drawings are dealt, 1 at the end."""
    inside = concept < core
    if core <= 0 or inside.all() or not inside.any():
        return np.arange(1, len(concept) + 1) / len(concept)
    chance = np.where(inside, CORE / inside.sum(), (1 - CORE) / (~inside).sum())
    found: NDArray[np.float64] = np.cumsum(chance) / chance.sum()
    return found


def loss_of(model: Any, x: torch.Tensor, states: torch.Tensor, vector: torch.Tensor,
            t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:  # fmt: skip
    """(B,) squared errors of the direction, mean over the latent. t (B,) in 0..1."""
    wide = t[:, None, None, None]
    guess = model(
        hidden_states=(1 - wide) * x + wide * noise, encoder_hidden_states=states,
        pooled_projections=vector, timestep=t * 1000,
    ).sample  # fmt: skip
    errors: torch.Tensor = (guess - (noise - x)).square().mean((1, 2, 3))
    return errors


def times(count: int, device: Any) -> torch.Tensor:
    """(count,) half logit-normal, leaning to noise, half even over all of 0..1.

    What a picture is like as a whole, its ground above all, is decided near pure noise; the plain
    logit-normal hardly goes there, and the ground then came from the noise, not from what was told.
    """
    normal = torch.sigmoid(torch.randn(count, device=device) + LEAN)
    even = torch.rand(count, device=device)
    return torch.where(torch.arange(count, device=device) % 2 == 0, normal, even)


class Teacher:
    """Model, average, optimizer and their checkpoints in `folder`."""

    def __init__(self, model: Any, deck: Deck, folder: Path, seed: int = 0) -> None:
        self.model, self.deck, self.folder = model, deck, folder
        self.average = deepcopy(model).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.99),
                                           weight_decay=0.01)  # fmt: skip
        self.steps, self.seen, self.share, self.seed = 0, 0, 0.0, seed

    def resume(self, fresh_clock: bool = True) -> bool:
        """From the newest whole checkpoint. A fresh clock runs from full rate down again."""
        found = checkpoints.newest(self.folder)
        if found is None:
            return False
        tensors, numbers = found
        self.model.load_state_dict(_named(tensors, "model."))
        self.average.load_state_dict(_named(tensors, "average."))
        state = self.optimizer.state_dict()
        for k, p in enumerate(self.model.parameters()):
            state["state"][k] = {
                "step": torch.tensor(float(numbers["step"])), "exp_avg": tensors[f"first.{k}"],
                "exp_avg_sq": tensors[f"second.{k}"].view_as(p),
            }  # fmt: skip
        self.optimizer.load_state_dict(state)
        self.steps, self.seen = int(numbers["step"]), int(numbers["seen"])
        self.share = 0.0 if fresh_clock else float(numbers["share"])
        return True

    def save(self, share: float) -> None:
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for k, p in enumerate(self.model.parameters()):
            held = self.optimizer.state[p]
            tensors |= {f"first.{k}": held["exp_avg"], f"second.{k}": held["exp_avg_sq"]}
        checkpoints.save(self.folder, self.steps, tensors,
                         {"seen": self.seen, "share": share, "seed": self.seed})  # fmt: skip

    def teach(self, clock: Clock, batch: int = BATCH) -> Iterator[Progress]:
        """Steps until the clock says enough; reports every few seconds, checkpoints every EVERY."""
        made = np.random.default_rng((self.seed, self.steps))
        torch.manual_seed(self.seed * 1_000_003 + self.steps)
        begun, told, saved, sums = self.steps, time.monotonic(), time.monotonic(), []
        self.model.train()
        while not clock.over(self.steps - begun):
            sums.append(self._step(clock.rate(self.steps - begun), batch, made))
            now, share = time.monotonic(), clock.share(self.steps - begun)
            if now - told > 5 or share >= 1:
                numbers = {"loss": float(np.mean(sums)), "seen": self.seen, "share": share}
                yield Progress(self.steps, 0, "learning to draw", numbers)
                told, sums = now, []
            if now - saved > EVERY or share >= 1:
                self.save(share)
                saved = now

    def _step(self, rate: float, batch: int, made: Any) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * rate
        x, states, vector = self.deck.deal(batch, made)
        t = times(batch, x.device)
        loss = loss_of(self.model, x, states, vector, t, torch.randn_like(x)).mean()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        self.seen += batch
        self._follow(min(DECAY, (self.steps + 1) / (self.steps + 10)))
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        ours, theirs = list(self.average.parameters()), list(self.model.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)


def _named(tensors: dict[str, Any], start: str) -> dict[str, Any]:
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
