"""Rows at random: the honest share, and the control arm of every other rule."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Features

Rows = NDArray[np.int64]
TRIES = 20


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Sequence[Rows] | None = None,
    recent: Sequence[tuple[int, ...]] = (),
) -> Rows:
    """m distinct rows of one group (or of all), never the set that was shown last."""
    last = set(recent[-1]) if recent else set()
    rows = np.empty(0, np.int64)
    usable = [g for g in groups if len(g) >= m] if groups is not None else None
    for _ in range(TRIES):
        pool = np.arange(len(features)) if not usable else usable[rng.integers(len(usable))]
        rows = rng.choice(pool, m, replace=False)
        if {int(i) for i in features.ids[rows]} != last:
            break
    return rows
