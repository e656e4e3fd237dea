"""Teach the transformer: noise to drawings along the straight path, from words and facts.

x_t = (1 - t) x + t n, the model learns n - x (Lipman et al. 2022, arXiv 2210.02747, eq. 23; the
choice of t as in Esser et al. 2024, arXiv 2403.03206, section 3.1). An average of the weights over
the last steps is what ships. The same code runs on a GPU; data lie on the device.
"""

import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
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
# Where more than the lesson is shown, so many of the pictures are of the lesson's own concepts.
CORE = 0.2


@dataclass(frozen=True, eq=False)
class Said:
    """Captions, and who reads them."""

    captions: Captions
    words: Words


@dataclass
class Deck:
    """All that a batch is dealt from, on one device: latents (n, c, h, w), what is true of them,
    and captions with their states. `reach` (n,): running chances with which they are dealt.
    """

    latents: torch.Tensor
    facts: torch.Tensor
    concept: torch.Tensor
    style: torch.Tensor
    ground: torch.Tensor
    altered: torch.Tensor
    said: torch.Tensor
    states: torch.Tensor
    sentences: torch.Tensor
    reach: torch.Tensor

    @classmethod
    def of(cls, latents: torch.Tensor, drawings: Drawings, scale: Scale, said: "Said",
           core: int = 0) -> "Deck":  # fmt: skip
        """On the device of the latents (n, c, h, w), which are of `drawings`, in order."""
        captions, (states, sentences) = said.captions, said.words.of(said.captions.texts)
        facts, device = torch.from_numpy(scale.apply(drawings.facts)), latents.device
        true = (torch.from_numpy(v.astype(np.int64)) for v in (
            drawings.concept, drawings.style, drawings.ground))  # fmt: skip
        chances = torch.from_numpy(reach(drawings.concept, core).astype(np.float32))
        held = (latents, facts, *true, torch.from_numpy(drawings.altered),
                torch.from_numpy(captions.table.astype(np.int64)), states.half(), sentences,
                chances)  # fmt: skip
        return cls(*(each.to(device) for each in held))

    def deal(self, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents, text states (B, TOKENS, 384), vectors (B, WIDTH), with parts left out.

        A recoloured drawing always tells some of its facts: otherwise its colours would pass for
        those of its style.
        """
        place = self.latents.device
        rows = torch.searchsorted(self.reach, torch.rand(size, device=place))
        rows = rows.clamp(max=len(self.latents) - 1)
        chance = torch.rand(7, size, device=place)
        told = chance[0] < TELL_ANY
        style, altered = self.style[rows], self.altered[rows]
        key = torch.where(chance[5] < 0.65, style, len(STYLES) + self.ground[rows])
        pick = (chance[6] * self.said.shape[2]).long()
        said = self.said[self.concept[rows], key, pick] * (told & (chance[1] < TELL_TEXT))
        shown = torch.nn.functional.one_hot(style, len(STYLES)).float()
        shown = shown * (told & (chance[2] < TELL_STYLE))[:, None]
        mask = torch.rand(size, len(FACTS), device=place) < TELL_FACT
        mask[:, : len(TOLD)] &= ((chance[3] < TELL_FACTS) | altered)[:, None]
        mask[:, len(TOLD) :] = (chance[4] < TELL_GROUND)[:, None]
        facts = (mask & told[:, None]).float()
        vector = torch.cat([self.sentences[said] * LOUD, shown, self.facts[rows] * facts, facts], 1)
        return self.latents[rows].float(), self.states[said].float(), vector


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
    """(B,) squared errors of the direction, mean over the latent. t (B,) in 0..1. What the model is
    given is in the number format of its weights.
    """
    wide, kind = t[:, None, None, None], next(model.parameters()).dtype
    guess = model(
        hidden_states=((1 - wide) * x + wide * noise).to(kind), timestep=t * 1000,
        encoder_hidden_states=states.to(kind), pooled_projections=vector.to(kind),
    ).sample  # fmt: skip
    errors: torch.Tensor = (guess.float() - (noise - x)).square().mean((1, 2, 3))
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
    """Model, average, optimizer and their checkpoints in `folder`. On a GPU a compiled copy in 16
    bits, `quick`, finds the gradients of the model (`halved` asks for one, or none, anywhere).
    """

    def __init__(self, model: Any, deck: Deck, folder: Path, seed: int = 0,
                 halved: bool | None = None) -> None:  # fmt: skip
        self.model, self.deck, self.folder = model, deck, folder
        self.average = deepcopy(model).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.01,
            fused=deck.latents.is_cuda)  # fmt: skip
        self.steps, self.seen, self.share, self.seed = 0, 0, 0.0, seed
        cuda = deck.latents.is_cuda
        self.quick = in_bfloat16(model) if (cuda if halved is None else halved) else model
        # As one program: block by block it starts sooner, but then waits for Python at every step.
        if cuda:
            self.quick.compile()

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
        torch.manual_seed(self.seed * 1_000_003 + self.steps)
        begun, told, saved, sums = self.steps, time.monotonic(), time.monotonic(), []
        self.model.train()
        self._spread()
        while not clock.over(self.steps - begun):
            sums.append(self._step(clock.rate(self.steps - begun), batch))
            now, share = time.monotonic(), clock.share(self.steps - begun)
            if now - told > 5 or share >= 1:
                loss = float(torch.stack(sums).mean())
                numbers = {"loss": loss, "seen": self.seen, "share": share}
                yield Progress(self.steps, 0, "learning to draw", numbers)
                told, sums = now, []
            if now - saved > EVERY or share >= 1:
                self.save(share)
                saved = now

    def _step(self, rate: float, batch: int) -> torch.Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * rate
        x, states, vector = self.deck.deal(batch)
        t = times(batch, x.device)
        loss = loss_of(self.quick, x, states, vector, t, torch.randn_like(x)).mean()
        self.quick.zero_grad()
        torch.autograd.backward(loss)
        self._gather()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self._spread()
        self.steps += 1
        self.seen += batch
        self._follow(min(DECAY, (self.steps + 1) / (self.steps + 10)))
        return loss.detach()

    def _gather(self) -> None:
        """The gradients that the quick copy found become the model's own."""
        if self.quick is self.model:
            return
        both = zip(self.model.parameters(), self.quick.parameters(), strict=True)
        told = [(ours, theirs.grad) for ours, theirs in both if theirs.grad is not None]
        for ours, _ in told:
            if ours.grad is None:
                ours.grad = torch.zeros_like(ours)
        torch._foreach_copy_([ours.grad for ours, _ in told], [grad for _, grad in told])

    @torch.no_grad()
    def _spread(self) -> None:
        """The quick copy gets the model's weights."""
        if self.quick is not self.model:
            torch._foreach_copy_(list(self.quick.parameters()), list(self.model.parameters()))

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        ours, theirs = list(self.average.parameters()), list(self.model.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)


def in_bfloat16(model: Any) -> Any:
    """A copy whose weights are in 16 bits; fixed tables (where tokens lie) stay as exact."""
    copy = deepcopy(model).train()
    for p in copy.parameters():
        p.data = p.data.bfloat16()
    return copy


def _named(tensors: dict[str, Any], start: str) -> dict[str, Any]:
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
