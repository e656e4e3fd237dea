"""The taste space of passages: measured statistics and the voice that MiniLM hears, 64 numbers.

The recipe is engine/starter/text_space.py, its constants ship in text_space.safetensors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from engine.data import Array
from engine.encoders import ENCODERS, text_stats
from engine.starter import text_space

CONSTANTS = Path(__file__).parent.parent / "starter" / "text_space.safetensors"


class StarterText:
    """`learned` encodes texts in minilm-l6:text; pass the one already loaded to save memory."""

    space = "starter:text"
    dim = text_space.DIM

    def __init__(self, learned: Any = None) -> None:
        self._constants = load_file(str(CONSTANTS))
        self._learned = learned or ENCODERS["minilm-l6"].load()()

    def encode(self, texts: Sequence[str]) -> Array:
        """(n, 64) coordinates of texts."""
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        stats = text_stats.measure_all(texts)
        return text_space.apply(self._constants, self._learned.encode(texts), stats)
