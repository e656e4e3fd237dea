"""Hidden states of the shipped passages: the ground on which a person's direction is drawn.

Those of the shipped language model come with the pool (passage_states.safetensors); for any other
model they are computed once, a minute of CPU.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from engine.data import Array
from engine.starter.pool import passages

FILE = Path(__file__).parent / "passage_states.safetensors"


def passage_states(backbone: Any, layers: Sequence[int]) -> Array:
    """(n passages, len(layers), d) for this model, from the file when it holds them."""
    pool = passages()
    if FILE.exists():
        stored = load_file(str(FILE))
        names = [backbone.space(k) for k in layers]
        fits = all(name in stored and len(stored[name]) == len(pool) for name in names)
        if fits:
            return np.stack([stored[name].astype(np.float32) for name in names], 1)
    return np.asarray(backbone.hidden([r["text"] for r in pool.records], layers), np.float32)
