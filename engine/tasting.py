"""What a person would make of what is drawn now: fixed things and seeds, judged by their belief.

While a picture model learns from pairs, its implicit accuracy may rise as its pictures get worse
(founding paper 8's reproduction); so a run is kept by its samples: the share of them that the
belief likes more than what the base model draws of the same thing on the same seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data import Array, Draw
from engine.preference import PREFERENCE

SEEDS, SHOWN, ODD = 2, 6, 7919


@dataclass(frozen=True)
class Tasting:
    """`encode` takes PIL pictures to features in the space of `belief`."""

    backbone: Any
    prompts: Sequence[str]
    encode: Any
    belief: Any
    request: Draw = field(default_factory=lambda: Draw(""))

    @classmethod
    def of(cls, backbone: Any, prompts: Sequence[str], judge: dict[str, str], state: Path,
           request: Draw) -> "Tasting":  # fmt: skip
        """`judge`: method, space and encoder by name; `state`: the arrays of the belief."""
        from safetensors.numpy import load_file

        from engine.encoders import ENCODERS

        belief = PREFERENCE[judge["method"]].load().from_state(load_file(state), judge["space"])
        encode = ENCODERS[judge["encoder"]].load()().encode
        return cls(backbone, prompts, encode, belief, request)

    def drawn(self) -> list[NDArray[np.uint8]]:
        """Every thing on the first seed, then on the next."""
        told = list(self.prompts) * SEEDS
        seeds = [ODD * (k // len(self.prompts)) + k % len(self.prompts) for k in range(len(told))]
        stream = self.backbone.stream(told, seeds, self.request)
        found = {s.index: s.pixels for s in stream if s.done}
        return [found[k] for k in range(len(told))]

    def seen(self, pictures: Sequence[NDArray[np.uint8]]) -> Array:
        """(n, d) features."""
        made: Array = self.encode([Image.fromarray(p) for p in pictures])
        return made

    def against(self, mine: Array, plain: Array) -> dict[str, float]:
        """`win`, the share liked more than plain; `sure`, the same with the doubt included."""
        gap = self.belief.believe(mine)[0] - self.belief.believe(plain)[0]
        return {"win": float(np.mean((gap > 0) + 0.5 * (gap == 0))),
                "sure": float(np.mean(self.belief.prob(mine, plain)))}  # fmt: skip


def show(pictures: Sequence[NDArray[np.uint8]], folder: Path, step: int) -> list[str]:
    """Write the first few as small files; their names."""
    folder.mkdir(exist_ok=True)
    names = []
    for k, pixels in enumerate(pictures[:SHOWN]):
        name = f"{step:05d}-{k}.png"
        small = Image.fromarray(pixels)
        small.thumbnail((192, 192))
        small.save(folder / name, optimize=True)
        names.append(name)
    return names
