"""Where every person starts: no taste, and doubt shaped by the pool (recipe in space.py).

The population term is zero until answers of real people stand behind a medium.
"""

import numpy as np

from engine.data import Kind
from engine.preference.base import Prior
from engine.starter.pool import passages, pictures


def prior(kind: Kind) -> Prior:
    """The prior of the taste space of a medium."""
    pool = pictures() if kind == "picture" else passages()
    return Prior(pool.space, np.zeros(len(pool.prior_var)), pool.prior_var)
