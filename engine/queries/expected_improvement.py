"""Show what may be better than the best there is: expected improvement (Mockus 1978; Jones 1998).

The best so far is the candidate with the highest posterior mean; it is shown unless it just was.
The other slots are filled one by one with what is expected to beat it, and the slots before, by
most: greedy q-EI over draws of the posterior of all scores at once (Ginsbourger et al. 2010), so
that two lookalikes are not both shown. For finding a favourite, twice as well as at random;
thompson does that better still on simulated people with a linear taste (docs/evidence.md).
"""

from typing import Any

import numpy as np

from engine.data import Array, Features, same_space
from engine.queries.base import Groups, Recent, Rows, same, sample, seen, usable

SAMPLED = 256
DRAWS = 128
STALE = 0.3


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Groups = None,
    recent: Recent = (),
) -> Rows:
    """m distinct rows of one group (or of a sample of all)."""
    same_space(belief.space, features.space)
    pools = usable(features, groups, m)
    pool, _ = sample([pools[rng.integers(len(pools))]], m, SAMPLED, rng)
    mean, root = belief.joint(features.matrix[pool])
    scores = mean[:, None] + root @ rng.standard_normal((root.shape[1], DRAWS), np.float32)
    fresh = np.where(seen(features, pool, recent), np.float32(STALE), np.float32(1.0))
    chosen = improving(scores, int(np.argmax(mean)), fresh, m)
    if same(features, pool[chosen], recent) and len(pool) > m:
        rest = np.setdiff1d(np.arange(len(pool)), chosen)
        chosen[-1] = int(rng.choice(rest))
    return pool[chosen]


def improving(scores: Array, best: int, fresh: Array, m: int) -> Rows:
    """(m,) of n items: scores (n, draws); `best` is to be beaten; fresh (n,) weighs the gains."""
    bar = scores[best].copy()
    chosen = [best] if fresh[best] == 1 else []
    while len(chosen) < m:
        gain = np.maximum(scores - bar, 0).mean(1) * fresh
        gain[chosen] = -1.0
        chosen.append(int(np.argmax(gain)))
        bar = np.maximum(bar, scores[chosen[-1]])
    return np.array(chosen, np.int64)
