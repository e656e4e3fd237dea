"""The taste space of pictures: measured statistics and the looks that Lite0 sees, 64 numbers.

The recipe is engine/starter/space.py, its constants ship in picture_space.safetensors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from engine.data import Array
from engine.encoders import ENCODERS, picture_stats
from engine.starter import space

CONSTANTS = Path(__file__).parent.parent / "starter" / "picture_space.safetensors"


class StarterPicture:
    space = "starter:picture"
    dim = 64

    def __init__(self, learned: Any = None) -> None:
        self._constants = load_file(str(CONSTANTS))
        self._learned = learned or ENCODERS["lite0"].load()()

    def encode(self, pictures: Sequence[Any]) -> Array:
        """(n, 64) of PIL pictures in RGB."""
        stats = picture_stats.measure_all(pictures)
        return space.apply(self._constants, self._learned.encode(pictures), stats)
