"""Each slot shows the best item of one draw from the posterior (Thompson 1933), a fresh draw a
slot: in-slate Thompson sampling (dynamic slate recommendation, founding paper 58).

Asks about what the person may like best: pleasant, and good at finding favourites; for learning
the whole direction d_optimal needs fewer answers.
"""

from typing import Any

import numpy as np

from engine.data import Features, same_space
from engine.queries.base import Groups, Recent, Rows, same, sample, seen, usable

SAMPLED = 256
STALE = 2.0


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Groups = None,
    recent: Recent = (),
) -> Rows:
    """m distinct rows of one group (or of a sample of all): the favourites of m draws."""
    same_space(belief.space, features.space)
    pools = usable(features, groups, m)
    pool, _ = sample([pools[rng.integers(len(pools))]], m, SAMPLED, rng)
    mean, root = belief.joint(features.matrix[pool])
    draws = rng.standard_normal((root.shape[1], m), np.float32)
    scores = mean[:, None] + root @ draws  # (n, m), one draw a column
    scores[seen(features, pool, recent)] -= STALE * float(scores.std())
    chosen: list[int] = []
    for slot in range(m):
        scores[chosen, slot] = -np.inf
        chosen.append(int(np.argmax(scores[:, slot])))
    if same(features, pool[chosen], recent) and len(pool) > m:
        scores[chosen, -1] = -np.inf
        chosen[-1] = int(np.argmax(scores[:, -1]))
    return pool[chosen]
