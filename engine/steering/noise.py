"""Noise picked by its first look: of several noises, draw on with the one that promises most.

After two steps the picture a noise leads to can be told (engine/stages.py); a person's belief
scores these looks, and only the liked noise is drawn to its end. Beside best of n this looks at
more noises for the same number of steps. The score is paper 2's explicit reward. Does not change
the model: what comes out is the plain drawing of another seed, at strength 0 of the same one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Request
from engine.stages import Stage, as_bytes

FAR = 104_729
STEPS, MOST = 2, 12

Score = Callable[[Sequence[NDArray[np.uint8]]], Any]


def liked_noise(
    backbone: Any, prompts: Sequence[Any], seeds: Sequence[int], request: Request, score: Score,
    strength: float,
) -> list[int]:  # fmt: skip
    """The seed to draw each row with: the best of 1 + strength * (MOST - 1), the given one first.

    `score` takes pictures (h, w, 3) uint8 and gives a number each.
    """
    tries = 1 + round(max(0.0, strength) * (MOST - 1))
    if tries == 1:
        return list(seeds)
    every = [seed + k * FAR for seed in seeds for k in range(tries)]
    looks = glimpsed(backbone, [p for p in prompts for _ in range(tries)], every, request)
    if len(looks) < len(every):
        return list(seeds)
    found = np.asarray(score(looks)).reshape(len(seeds), tries).argmax(1)
    return [seed + int(k) * FAR for seed, k in zip(seeds, found, strict=True)]


def glimpsed(
    backbone: Any, prompts: Sequence[Any], seeds: Sequence[int], request: Request,
    steps: int = STEPS,
) -> list[NDArray[np.uint8]]:  # fmt: skip
    """The picture each row leads to after `steps` steps, where the drawing ends. Fewer when the
    request was cancelled.
    """
    found: dict[int, NDArray[np.uint8]] = {}

    def look(stage: Stage) -> None:
        if stage.number + 1 >= steps and stage.leads is not None:
            pixels = as_bytes(stage.face.pixels(stage.leads))
            found.update(zip(stage.part, pixels, strict=True))
            stage.stop()

    backbone.touches.append(look)
    try:
        for _ in backbone.stream(prompts, seeds, request):
            pass
    finally:
        backbone.touches.remove(look)
    return [found[k] for k in sorted(found)]
