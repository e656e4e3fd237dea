"""The taste space of pictures as a function that gradients pass through.

The same recipe as starter_picture.py (statistics to normal scores, learned features to scaled PCA)
in torch, on pixels that need not be a file. Statistics that jump are held at the pool's middle.
"""

from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor

from engine.encoders import ENCODERS, soft_stats
from engine.encoders.picture_stats import NAMES
from engine.starter import space as recipe

CONSTANTS = Path(__file__).parent.parent / "starter" / "picture_space.safetensors"
LOOK = 128
REACH = 0.3


class SoftPicture:
    space = "starter:picture"
    dim = recipe.DIM

    def __init__(self, learned: Any = None, device: str = "cpu") -> None:
        made = load_file(str(CONSTANTS))
        self._learned = learned or ENCODERS["lite0"].load()()
        self._constants = {k: torch.from_numpy(v.astype(np.float32)).to(device)
                           for k, v in made.items()}  # fmt: skip
        self._knots = [_knots(c) for c in made["knots"].T]
        self._known = torch.tensor([s.name not in soft_stats.ABSENT for s in NAMES], device=device)

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, 64) of pictures (B, 3, H, W) in -1..1, which may lie on another device."""
        place = pixels.device
        pixels = pixels.to(self._constants["centre"].device)
        made, stats = self._constants, soft_stats.measure(pixels)
        parts = [_between(x, *k) for x, k in zip(stats.T, self._knots, strict=True)]
        scores = torch.stack(parts, 1)
        scores = scores.where(self._known, made["centre"][: len(NAMES)])
        seen = self._learned.pooled(soft_stats.sized(pixels, LOOK).clamp(-1, 1))
        learned = ((seen - made["mean"]) @ made["project"].T).clamp(-recipe.CLIP, recipe.CLIP)
        return (torch.cat([scores, learned], 1) - made["centre"]).to(place)


def _knots(column: Any) -> tuple[Tensor, Tensor]:
    """Values of a statistic and their normal scores, as space.scores has them."""
    share = np.linspace(0.5 / recipe.KNOTS, 1 - 0.5 / recipe.KNOTS, recipe.KNOTS)
    normal = np.vectorize(NormalDist().inv_cdf)(share)
    values, first = np.unique(np.asarray(column, np.float64), return_inverse=True)
    middle = np.bincount(first, normal) / np.bincount(first)
    return torch.from_numpy(values.astype(np.float32)), torch.from_numpy(middle.astype(np.float32))


def _between(x: Tensor, values: Tensor, scores: Tensor) -> Tensor:
    """Straight lines between knots, flat outside. The slope that gradients see is the one over
    REACH deviations of the pool: pieces are steep where many pictures are alike.
    """
    if len(values) == 1:
        return scores.to(x.device).expand_as(x)
    values, scores, here = values.to(x.device), scores.to(x.device), x.detach()
    h = REACH * values.std()
    slope = (_line(here + h, values, scores) - _line(here - h, values, scores)) / (2 * h)
    return _line(here, values, scores) + slope * (x - here)


def _line(x: Tensor, values: Tensor, scores: Tensor) -> Tensor:
    k = torch.searchsorted(values, x.contiguous()).clamp(1, len(values) - 1)
    low, high = values[k - 1], values[k]
    share = ((x - low) / (high - low)).clamp(0, 1)
    return scores[k - 1] + share * (scores[k] - scores[k - 1])
