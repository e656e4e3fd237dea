"""Best of n: draw several, keep the one a person is predicted to like most (founding paper 2).

The reward is explicit (the belief's score of the pixels) or implicit: what a tuned model thinks of
a picture beside its base, r(x) = beta (log pi(x) - log ref(x)), which for a denoiser is the base's
denoising error less the tuned one's at the same noise and times. So a tuned model judges its own
drawings, and plain ones, without any encoder. Does not change what is drawn.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.data import Array, Request, Sample

FAR, MOST = 104_729, 8
# Deviations under the middle of the others at which a drawing is called odd.
ODD = 2.5

Score = Callable[[Sequence[NDArray[np.uint8]], Sequence[Any]], Any]


@dataclass(frozen=True, eq=False)
class Choice:
    """All drawings of one row, `scores` (n,), which was `kept`, and which are `odd` ones out."""

    drawn: tuple[Sample, ...]
    scores: Array
    kept: int
    odd: tuple[int, ...]

    @property
    def best(self) -> Sample:
        return self.drawn[self.kept]


def best_of(
    backbone: Any, prompts: Sequence[Any], seeds: Sequence[int], request: Request, score: Score,
    strength: float,
) -> list[Choice]:  # fmt: skip
    """A choice a row, of 1 + strength * (MOST - 1) drawings, the one of the given seed first.

    `score` takes pictures (h, w, 3) uint8 and their prompts. Nothing when cancelled.
    """
    n = 1 + round(max(0.0, strength) * (MOST - 1))
    every = [seed + k * FAR for seed in seeds for k in range(n)]
    told = [p for p in prompts for _ in range(n)]
    found = {s.index: s for s in backbone.stream(told, every, request) if s.done}
    if len(found) < len(every):
        return []
    drawn = [found[k] for k in range(len(every))]
    scores = np.asarray(score([s.pixels for s in drawn], told) if n > 1 else [0.0] * len(drawn))
    return [_chosen(drawn[k : k + n], scores[k : k + n]) for k in range(0, len(drawn), n)]


def _chosen(drawn: Sequence[Sample], scores: Any) -> Choice:
    middle = np.median(scores)
    wide = max(1.4826 * float(np.median(np.abs(scores - middle))), 1e-9)
    odd = np.flatnonzero(scores < middle - ODD * wide)
    return Choice(tuple(drawn), np.asarray(scores, np.float32), int(np.argmax(scores)),
                  tuple(int(k) for k in odd))  # fmt: skip


def implicit(
    backbone: Any, bent: Callable[[], AbstractContextManager[Any]], beta: float = 1.0, seed: int = 0
) -> Score:
    """A score by the model that `bent()` makes of `backbone`, against the model as it is."""

    def score(pictures: Sequence[NDArray[np.uint8]], prompts: Sequence[Any]) -> Array:
        found = np.zeros(len(pictures), np.float32)
        with torch.inference_mode():
            for k, (pixels, prompt) in enumerate(zip(pictures, prompts, strict=True)):
                clean = backbone.encode([Image.fromarray(pixels)])
                told = backbone.face.conditions([prompt])
                base = backbone.errors(clean, told, seed)
                with bent():
                    tuned = backbone.errors(clean, told, seed)
                found[k] = beta * float(base[0] - tuned[0])
        return found

    return score
