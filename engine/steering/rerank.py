"""Instant: among what the backbone would offer anyway, prefer what the person likes.

Best of n by the posterior. On a collection the liking, standardised over the candidates, is added
to each candidate's key on the same noise; at strength 0 nothing is added, so the result is
bit-equal to the plain one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array

GAIN = 2.0

Score = Callable[[Array], tuple[Array, Array]]


@contextmanager
def rerank(backbone: Any, score: Score, strength: float) -> Iterator[Any]:
    """Tilt a pool backbone by `score(features) -> (mean, std)` inside the block."""
    before = backbone.tilt
    if strength:

        def tilt(rows: NDArray[np.int64]) -> Array:
            mean, _ = score(backbone.features.matrix[rows])
            spread = float(mean.std())
            if spread == 0.0:
                return np.zeros(len(rows), np.float32)
            return np.asarray(strength * GAIN * (mean - mean.mean()) / spread, np.float32)

        backbone.tilt = tilt
    try:
        yield backbone
    finally:
        backbone.tilt = before


def best(scores: Sequence[float], strength: float) -> int:
    """Which of n drafts to show; the first one at strength 0."""
    return int(np.argmax(np.asarray(scores))) if strength else 0
