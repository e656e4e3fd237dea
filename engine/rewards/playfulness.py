"""Playfulness by its marks on the page: exclamations, comparisons, emphatic words.

Play without marks (a dry joke, a pun) is not seen.
"""

from collections.abc import Sequence

import numpy as np

from engine.encoders.text_stats import NAMES, measure_all
from engine.rewards.base import Axis, Float

COLUMN = {stat.name: k for k, stat in enumerate(NAMES)}


def measure(texts: Sequence[str]) -> Float:
    """Exclamation marks, comparisons and emphatic words, per 100 words."""
    if not len(texts):
        return np.zeros(0)
    found = np.asarray(measure_all(texts), np.float64)
    exclaimed = found[:, COLUMN["exclamations"]]  # per sentence
    per_word = exclaimed / found[:, COLUMN["sentence length"]].clip(1.0)
    rest = found[:, COLUMN["likenesses"]] + found[:, COLUMN["emphasis"]]
    return np.asarray(100.0 * (per_word + rest))


AXIS = Axis(
    name="playfulness",
    kind="text",
    unit="per 100 words",
    definition="Exclamation marks, comparisons (like a) and emphatic words, per 100 words.",
    low_word="sober",
    high_word="playful",
    measure=measure,
)
