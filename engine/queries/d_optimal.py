"""The question whose answer is expected to shrink the doubt most, per candidate at O(d).

Pairs: expected information of a logistic answer, p(1-p) v for gap variance v (Chaloner &
Verdinelli 1995, D-optimality; the p(1-p) factor keeps foregone answers out). Grids: greedy
log-determinant spread in the posterior's own metric, tilted a little towards what is liked, so
that there is something to pick. Candidates are sampled; the cost does not grow with the pool.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Features, same_space
from engine.laplace import chance

Rows = NDArray[np.int64]
SAMPLED = 256
PER_GROUP = 12
TILT = 0.5


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Sequence[Rows] | None = None,
    recent: Sequence[tuple[int, ...]] = (),
) -> Rows:
    """m rows of one group (or of all)."""
    same_space(belief.space, features.space)
    usable = [g for g in groups if len(g) >= m] if groups is not None else None
    seen = {i for shown in recent for i in shown}
    if m == 2:
        return _pair(belief, features, rng, usable, seen)
    if usable:
        pool = usable[rng.integers(len(usable))]
        pool = pool if len(pool) <= 64 else rng.choice(pool, 64, replace=False)
    else:
        pool = rng.choice(len(features), min(SAMPLED, len(features)), replace=False)
    return _spread(belief, features, m, pool, seen)


def _pair(
    belief: Any, features: Features, rng: np.random.Generator, usable: Any, seen: set[int]
) -> Rows:
    if usable:
        chosen = rng.integers(len(usable), size=SAMPLED // PER_GROUP * 2)
        pairs = np.concatenate([_within(usable[g], rng) for g in chosen])
    else:
        pairs = rng.integers(len(features), size=(SAMPLED * 2, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    gap = features.matrix[pairs[:, 0]] - features.matrix[pairs[:, 1]]
    mean, std = belief.believe(gap)
    var = std.astype(np.float64) ** 2
    p = chance(mean.astype(np.float64), var)
    gain = np.log1p(p * (1 - p) * var)
    stale = np.array([[int(i) in seen for i in features.ids[row]] for row in pairs]).sum(1)
    gain = gain * 0.7**stale
    return np.asarray(pairs[int(np.argmax(gain))], np.int64)


def _within(group: Rows, rng: np.random.Generator) -> Rows:
    a = rng.integers(len(group), size=PER_GROUP)
    b = (a + 1 + rng.integers(len(group) - 1, size=PER_GROUP)) % len(group)
    return np.stack([group[a], group[b]], 1)


def _spread(belief: Any, features: Features, m: int, pool: Rows, seen: set[int]) -> Rows:
    """Greedy determinant maximisation on x L (pivoted Cholesky), liked things a little first."""
    mean, root = belief.factor()
    x = features.matrix[pool].astype(np.float64)
    x = x - x.mean(0)
    z = x @ root
    liking = x @ mean
    bonus = np.exp(TILT * (liking - liking.mean()) / max(float(liking.std()), 1e-9))
    fresh = np.array([0.5 if int(i) in seen else 1.0 for i in features.ids[pool]])
    weight = bonus * fresh if float(liking.std()) > 1e-9 else fresh
    left = np.einsum("nd,nd->n", z, z) + 1e-12
    chosen: list[int] = []
    for _ in range(m):
        score = left * weight
        score[chosen] = -1
        k = int(np.argmax(score))
        chosen.append(k)
        axis = z[k] / max(float(np.linalg.norm(z[k])), 1e-12)
        z = z - np.outer(z @ axis, axis)
        left = np.einsum("nd,nd->n", z, z) + 1e-12
    return np.asarray(pool[chosen], np.int64)
