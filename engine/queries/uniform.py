"""Rows at random: the honest share, and the control arm of every other rule."""

from typing import Any

import numpy as np

from engine.data import Features
from engine.queries.base import Groups, Recent, Rows, same, usable

TRIES = 20


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Groups = None,
    recent: Recent = (),
) -> Rows:
    """m distinct rows of one group (or of all), never the set that was shown last."""
    pools = usable(features, groups, m)
    for _ in range(TRIES):
        rows = rng.choice(pools[rng.integers(len(pools))], m, replace=False)
        if not same(features, rows, recent):
            break
    return rows.astype(np.int64)
