"""What every reward axis offers: a name, a unit, words for both ends, and a measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Kind
from engine.encoders import picture_stats, text_stats

Float = NDArray[np.float64]
Measure = Callable[[Sequence[Any]], Float]


@dataclass(frozen=True)
class Axis:
    """`measure(items) -> (n,)` in `unit`; items are texts, or PIL pictures.

    Both words fit "pictures that are ..." or "passages that are ...".
    """

    name: str
    kind: Kind
    unit: str
    definition: str
    low_word: str
    high_word: str
    measure: Measure


def of_text(factor: float = 1.0, offset: float = 0.0, **parts: float) -> Measure:
    """offset + factor * sum of weight * statistic; names as in text_stats with _ for spaces."""
    return _of(text_stats, factor, offset, parts)


def of_picture(factor: float = 1.0, offset: float = 0.0, **parts: float) -> Measure:
    """The same over picture_stats."""
    return _of(picture_stats, factor, offset, parts)


def _of(source: Any, factor: float, offset: float, parts: dict[str, float]) -> Measure:
    names = [stat.name for stat in source.NAMES]
    columns = [names.index(name.replace("_", " ")) for name in parts]
    weights = np.array(list(parts.values()), np.float64)

    def measure(items: Sequence[Any]) -> Float:
        if not len(items):
            return np.zeros(0)
        found = np.asarray(source.measure_all(items), np.float64)[:, columns]
        return np.asarray(offset + factor * (found @ weights))

    return measure
