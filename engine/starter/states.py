"""Hidden states of the shipped passages: the ground on which a person's direction is drawn.

Those of the shipped language model come with the pool (passage_states.safetensors); for any other
model they are computed once, two to three minutes of CPU.

On disk a state is 8 bits a number with a middle and a step of its own per layer and dimension: a
few dimensions of a language model are a hundred times as large as the rest. Directions are mean
differences over all passages, so that the rounding averages out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engine.data import Array
from engine.starter.pool import passages

STEPS = 254  # -127 to 127
FILE = Path(__file__).parent / "passage_states.safetensors"


def passage_states(backbone: Any, layers: Sequence[int]) -> Array:
    """(n passages, len(layers), d) for this model, from the file when it holds them."""
    pool = passages()
    if FILE.exists():
        stored = load_file(str(FILE))
        names = [backbone.space(k) for k in layers]
        fits = all(name in stored and len(stored[name]) == len(pool) for name in names)
        if fits:
            return np.stack([_whole(stored, name) for name in names], 1)
    return np.asarray(backbone.hidden([r["text"] for r in pool.records], layers), np.float32)


def packed(name: str, states: Array) -> dict[str, NDArray[Any]]:
    """Arrays by name for the file: states (n, d) of one layer in 8 bits, middle and step (d,)."""
    low, high = states.min(0), states.max(0)
    middle, step = (low + high) / 2, ((high - low) / STEPS).clip(1e-12)
    small = np.rint((states - middle) / step).clip(-127, 127).astype(np.int8)
    return {name: small, f"{name}:middle": middle.astype(np.float32),
            f"{name}:step": step.astype(np.float32)}  # fmt: skip


def _whole(stored: Mapping[str, NDArray[Any]], name: str) -> Array:
    small, middle, step = (stored[f"{name}{part}"] for part in ("", ":middle", ":step"))
    return np.asarray(middle + step * small.astype(np.float32), np.float32)
