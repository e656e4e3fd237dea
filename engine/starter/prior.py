"""Where every person starts: no taste, and doubt shaped by the pool (recipe in space.py).

The population term is zero until answers of real people stand behind a medium. The prototypes are
the middles of the kinds a pool has, its drawing styles or voices; they too wait for people.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.data import Kind
from engine.preference.base import Prior
from engine.starter.pool import passages, pictures


def prior(kind: Kind) -> Prior:
    """The prior of the taste space of a medium."""
    pool = pictures() if kind == "picture" else passages()
    return Prior(pool.space, np.zeros(len(pool.prior_var)), pool.prior_var, kinds(kind)[1])


@cache
def kinds(kind: Kind) -> tuple[tuple[str, ...], NDArray[np.float64], tuple[int, ...]]:
    """Names of the kinds, their middles (K, d), and the pool row nearest to each middle."""
    pool = pictures() if kind == "picture" else passages()
    of = np.array([r["style" if kind == "picture" else "voice"] for r in pool.records])
    names = tuple(sorted(set(of)))
    middles = np.array([pool.features[of == n].mean(0) for n in names], np.float64)
    rows = []
    for name, middle in zip(names, middles, strict=True):
        own = np.flatnonzero(of == name)
        rows.append(int(own[((pool.features[own] - middle) ** 2).sum(1).argmin()]))
    return names, middles, tuple(rows)
