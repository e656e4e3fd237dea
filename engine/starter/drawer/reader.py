"""A reader of drawing styles: a small network over pixels, taught by icons alone.

polish.py asks it what style a drawing is in. It shares no weights and no features with the judge of
bench starter. Half of what it sees went through the autoencoder, so that the decoder's traces say
nothing, and every picture is shifted, mirrored and stirred.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data import Progress
from engine.starter.drawer.autoencoder import as_tensor, back, latents_of
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.data import STYLES

BATCH, RATE, WIDTH, SHIFT, STIR = 64, 2e-3, 32, 6, 0.04
# Of these many things one is not shown, and its accuracy is told; so many icons are enough.
APART, MOST = 12, 12_000


class Reader(torch.nn.Module):
    """(n, 3, h, w) in -1..1 to (n, styles): means and deviations of four layers, and a line."""

    def __init__(self, width: int = WIDTH, styles: int = len(STYLES)) -> None:
        super().__init__()
        wide = (3, width, 2 * width, 4 * width, 4 * width)
        self.layers = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.Conv2d(a, b, 5, 2, 2), torch.nn.GroupNorm(4, b),
                                torch.nn.SiLU())
            for a, b in zip(wide[:-1], wide[1:], strict=True)
        )  # fmt: skip
        self.last = torch.nn.Linear(2 * sum(wide[1:]), styles)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = []
        for layer in self.layers:
            x = layer(x)
            found += [x.mean((2, 3)), (x.var((2, 3)) + 1e-5).sqrt()]
        out: torch.Tensor = self.last(torch.cat(found, 1))
        return out


@dataclass(frozen=True, eq=False)
class Icons:
    """Icons as they are and out of the autoencoder (n, side, side, 3), their things and styles."""

    pixels: NDArray[np.uint8]
    through: NDArray[np.uint8]
    concept: NDArray[np.int16]
    style: NDArray[np.int16]

    @classmethod
    def of(cls, vae: Any, drawings: Any) -> "Icons":
        """Of `drawings` those in their own colours on white, MOST of them."""
        rows = np.flatnonzero(~drawings.altered & (drawings.ground == 0))
        rows = rows[:: -(-len(rows) // MOST) or 1]
        parts = [rows[s : s + 64] for s in range(0, len(rows), 64)]
        through = [back(vae, latents_of(vae, drawings.pixels[p])) for p in parts]
        return cls(drawings.pixels[rows], np.concatenate(through), drawings.concept[rows],
                   drawings.style[rows])  # fmt: skip


def stirred(x: torch.Tensor) -> torch.Tensor:
    """Shifted by up to SHIFT, half of them mirrored, with a little noise; the page is white."""
    side = x.shape[-1]
    wide = torch.nn.functional.pad(x, (SHIFT,) * 4, mode="replicate")
    found = []
    for row in wide:
        top, left = torch.randint(2 * SHIFT + 1, (2,)).tolist()
        cut = row[:, top : top + side, left : left + side]
        found.append(cut.flip(2) if torch.rand(()) < 0.5 else cut)
    made = torch.stack(found)
    return made + STIR * torch.rand((), device=x.device) * torch.randn_like(made)


def teach(model: Reader, icons: Icons, clock: Clock, seed: int = 0) -> Iterator[Progress]:
    """In place, on the model's device, until the clock says enough; the last report holds the share
    of things it was not shown whose style it read (`apart`).
    """
    torch.manual_seed(seed)
    rng, place = np.random.default_rng(seed), next(model.parameters()).device
    apart = icons.concept % APART == 0
    if apart.all():
        raise ValueError("a reader of styles needs icons of more than one thing")
    known, rest = np.flatnonzero(~apart), np.flatnonzero(apart)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    steps, style = 0, torch.from_numpy(icons.style.astype(np.int64))
    while True:
        for group in optimizer.param_groups:
            group["lr"] = RATE * clock.rate(steps)
        rows = rng.choice(known, min(BATCH, len(known)), replace=False)
        pixels = np.where(rng.random(len(rows))[:, None, None, None] < 0.5, icons.pixels[rows],
                          icons.through[rows])  # fmt: skip
        told = model(stirred(as_tensor(pixels).to(place)))
        loss = torch.nn.functional.cross_entropy(told, style[rows].to(place), label_smoothing=0.1)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        steps += 1
        over = clock.over(steps)
        if steps % 50 == 0 or over:
            told_now = {"loss": float(loss.detach())}
            if over:
                told_now["apart"] = read_right(model, icons, rest)
            yield Progress(steps, 0, "learning to read styles", told_now)
            if over:
                break
    model.eval().requires_grad_(False)


@torch.inference_mode()
def read_right(model: Reader, icons: Icons, rows: Any) -> float:
    """Share of these icons whose style is read, out of the autoencoder."""
    place = next(model.parameters()).device
    best = [model(as_tensor(icons.through[p]).to(place)).argmax(1).cpu().numpy()
            for p in (rows[s : s + 64] for s in range(0, len(rows), 64))]  # fmt: skip
    return float((np.concatenate(best) == icons.style[rows]).mean()) if len(rows) else float("nan")
