"""Pictures for the trainer: groups of pictures in, minus their denoising errors out.

Each picture is noised at a fixed set of draws (a time and a noise, the same for all pictures of a
group and for the reference); a step looks at a few of them in turn, a check at all. With that the
reference is read once per picture, caption and draw, and a run taken up again is the same run.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engine.album import MIRRORED
from engine.denoising import Conditions, Denoiser
from engine.objectives.smooth import speed

DRAWS, PER_STEP = 16, 2
EARLIER = 0.15
# Attention and the feed-forward layers of UNets, SD3 and Flux, by the ends of their paths.
LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj",
          "to_add_out", "net.0.proj", "net.2")  # fmt: skip

Bent = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class PictureRow:
    """One group: `pictures` by name, best first, `captions` one each, the draws to look at."""

    pictures: tuple[str, ...]
    captions: tuple[str, ...]
    draws: tuple[int, ...] = tuple(range(DRAWS))

    def __len__(self) -> int:
        return len(self.pictures) * len(self.draws)

    @property
    def tails(self) -> tuple[str, ...]:
        return self.pictures

    def mirrored(self) -> "PictureRow":
        """All pictures of the group with left and right changed."""
        return replace(self, pictures=tuple(p + MIRRORED for p in self.pictures))

    def keys(self, base: str) -> list[bytes]:
        """(K * draws,) of base, caption, picture and draw."""
        return [hashlib.sha256(f"{base}|{c}|{p}|{d}".encode()).digest()
                for p, c in zip(self.pictures, self.captions, strict=True)
                for d in self.draws]  # fmt: skip

    def folded(self, values: Sequence[float]) -> list[float]:
        """(K,) means over the draws of what lies under `keys`."""
        size = len(self.draws)
        return [sum(values[k : k + size]) / size for k in range(0, len(values), size)]


def draw_of(number: int, shape: Sequence[int]) -> tuple[Tensor, float]:
    """Noise and time of a draw; times are even steps of a logit-normal.

    The same for every group, so that a picture's reference serves all pairs it is in.
    """
    made = torch.Generator().manual_seed(number)
    share = torch.tensor((number + 0.5) / DRAWS)
    time = torch.sigmoid(torch.erfinv(2 * share - 1) * 2**0.5)
    return torch.randn(tuple(shape), generator=made), float(time)


@dataclass
class PictureReading:
    """`album` gives the latents (c, h, w) of a picture by name. `device`: where the model works, by
    default where its weights lie. `mirror`: the share of steps at which a group is shown with left
    and right changed, drawn by `seed`, group and step; checks show it as it is.
    """

    face: Denoiser
    album: Callable[[str], Tensor]
    perceptual: bool = False
    captions: bool = False
    names: tuple[str, ...] = LAYERS
    device: str | None = None
    mirror: float = 0.0
    seed: int = 0

    def mirroring(self, share: float, seed: int) -> "PictureReading":
        return replace(self, mirror=share, seed=seed)

    def smoothing(self, seed: int) -> "PictureReading":
        return replace(self, seed=seed)

    def check(self, model: Any) -> None:
        """Nothing can be odd about a denoiser that `family` knows."""

    def row(self, example: Any) -> PictureRow:
        captions = example.prompts if self.captions and example.prompts else ()
        return PictureRow(example.texts, captions or (example.prompt,) * len(example.texts))

    def at(self, row: PictureRow, step: int) -> PictureRow:
        """The draws of one step: a few, in turn, spread over the times."""
        gap = DRAWS // PER_STEP
        few = replace(row, draws=tuple((step + k * gap) % DRAWS for k in range(PER_STEP)))
        return few.mirrored() if self._turned(row, step) else few

    def _turned(self, row: PictureRow, step: int) -> bool:
        if not self.mirror:
            return False
        return self._drawn(row, step) < self.mirror * 2**64

    def _drawn(self, row: PictureRow, step: int, what: str = "") -> int:
        """A number below 2^64 by `seed`, group and step."""
        drawn = hashlib.sha256(f"{self.seed}|{row.pictures}|{step}{what}".encode()).digest()
        return int.from_bytes(drawn[:8], "big")

    def gathered(self, rows: Sequence[PictureRow], known: Any) -> list[PictureRow]:
        """Groups with something unknown, once each."""
        todo = dict.fromkeys(r for r in rows if not known(r))
        return list(todo)

    def index(self, rows: Sequence[PictureRow], who: Sequence[int], device: str) -> Tensor:
        """(forward rows,) whose adapter each picture is drawn with."""
        sizes = torch.tensor([len(r) for r in rows])
        return torch.tensor(list(who)).repeat_interleave(sizes).to(device)

    def each(self, model: Any, rows: Sequence[PictureRow], bent: Bent) -> list[Tensor]:
        """Minus the errors under `bent`, (K * draws,) a row, in the order of its keys."""
        clean, noise, times, told = self._batch(rows)
        if self.perceptual:
            errors = self._seen(clean, noise, times, told, bent)
        else:
            with bent():
                errors = self.face.errors(clean, noise, times, told)
        return list(torch.split(-errors, [len(r) for r in rows]))

    def measure(self, model: Any, rows: Sequence[PictureRow], bent: Bent) -> tuple[Tensor, Tensor]:
        """(B, K) minus mean errors and (B, K) ones; zeros where K is short."""
        found = self.each(model, rows, bent)
        widest = max(len(r.pictures) for r in rows)
        a = found[0].new_zeros(len(rows), widest)
        n = torch.zeros_like(a)
        parts = []
        for i, (row, values) in enumerate(zip(rows, found, strict=True)):
            mean = values.view(len(row.pictures), -1).mean(1)
            parts.append(torch.nn.functional.pad(mean, (0, widest - len(mean))))
            n[i, : len(mean)] = 1.0
        return torch.stack(parts), n

    def guesses(self, rows: Sequence[PictureRow], bent: Bent) -> Tensor:
        """What the denoiser answers under `bent`, one entry a picture and draw."""
        clean, noise, times, told = self._batch(rows)
        mixed, steps, _ = self.face.noised(clean, noise, times)
        with bent():
            return self.face.guess(mixed, steps, told)

    def speeds(self, rows: Sequence[PictureRow], step: int, bent: Bent) -> Tensor:
        """(B,) how fast the clean picture that is guessed from a group's best, at the first of its
        draws, moves along a direction of this step. `bent` meets each group twice, all of them and
        all again.
        """
        best = [replace(r, pictures=r.pictures[:1], captions=r.captions[:1], draws=r.draws[:1])
                for r in rows]  # fmt: skip
        clean, noise, times, told = self._batch(best)
        mixed, steps, _ = self.face.noised(clean, noise, times)
        n = torch.stack([torch.randn(mixed.shape[1:], generator=self._towards(r, step))
                         for r in rows]).to(mixed)  # fmt: skip
        told = {k: torch.cat([v, v]) for k, v in told.items()}

        def guess(x: Tensor) -> Tensor:
            found = self.face.guess(x, torch.cat([steps, steps]), told)
            return self.face.cleaned(x, found, torch.cat([times, times]))

        with bent():
            return speed(guess, mixed, n)

    def _towards(self, row: PictureRow, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(self._drawn(row, step, "|smooth") >> 1)

    def _batch(
        self, rows: Sequence[PictureRow]
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        clean, noise, times, captions = [], [], [], []
        for row in rows:
            shape = self.album(row.pictures[0]).shape
            shared = [draw_of(d, shape) for d in row.draws]
            for name, caption in zip(row.pictures, row.captions, strict=True):
                clean += [self.album(name)] * len(shared)
                noise += [n for n, _ in shared]
                times += [t for _, t in shared]
                captions += [caption] * len(shared)
        place = self.device or self.face.module.device
        told = self._told(captions)
        return torch.stack(clean).to(place), torch.stack(noise).to(place), torch.tensor(
            times, device=place), told  # fmt: skip

    def _told(self, captions: Sequence[str]) -> dict[str, Tensor]:
        distinct = list(dict.fromkeys(captions))
        with torch.no_grad():
            told = self.face.conditions(distinct)
        order = torch.tensor([distinct.index(c) for c in captions])
        return {k: v[order.to(v.device)] for k, v in told.items()}

    def _seen(
        self, clean: Tensor, noise: Tensor, times: Tensor, told: Conditions, bent: Bent
    ) -> Tensor:
        """Errors in the frozen model's inner features at an earlier time (founding paper 1)."""
        mixed, steps, _ = self.face.noised(clean, noise, times)
        with bent():
            guess = self.face.guess(mixed, steps, told)
        earlier = (times - EARLIER).clamp(min=0.02)
        leads = self.face.cleaned(mixed, guess, times)
        again, steps, _ = self.face.noised(leads, noise, earlier)
        true, _, _ = self.face.noised(clean, noise, earlier)
        ours = self.face.inner(again, steps, told)
        with torch.no_grad():
            theirs = self.face.inner(true, steps, told)
        return (ours - theirs).float().square().flatten(1).mean(1)
