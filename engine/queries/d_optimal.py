"""The question whose answer is expected to shrink the doubt most.

Pairs: expected information of a logistic answer about the gap of two items, log(1 + p (1 - p) v)
for gap variance v (Chaloner & Verdinelli 1995, D-optimality; p (1 - p) keeps foregone answers
out), over all pairs of a sample. Grids: greedy log-determinant spread in the posterior's own
metric, tilted a little towards what is liked, so that there is something to pick. The cost does
not grow with the pool: O(n d^2 + n^2 d) for n sampled items.
"""

from typing import Any

import numpy as np

from engine.data import Array, Features, same_space
from engine.queries.base import Groups, Recent, Rows, same, sample, seen, usable

SAMPLED = 192
TILT = 0.5
STALE = 0.7


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Groups = None,
    recent: Recent = (),
) -> Rows:
    """m rows of one group (or of all)."""
    same_space(belief.space, features.space)
    pools = usable(features, groups, m)
    if m > 2:
        pools = [pools[rng.integers(len(pools))]]
    pool, label = sample(pools, m, SAMPLED, rng)
    mean, root = belief.joint(features.matrix[pool])
    fresh = np.where(seen(features, pool, recent), np.float32(STALE), np.float32(1.0))
    if m == 2:
        worth = gains(mean, root) * fresh[:, None] * fresh
        worth[label[:, None] != label] = -1.0
        np.fill_diagonal(worth, -1.0)
        best = np.array(np.unravel_index(int(np.argmax(worth)), worth.shape))
        if same(features, pool[best], recent):
            worth[best, best[::-1]] = -1.0
            again = np.array(np.unravel_index(int(np.argmax(worth)), worth.shape))
            best = again if worth[tuple(again)] >= 0 else best
        return pool[best]
    chosen = spread(mean, root, fresh, m)
    if same(features, pool[chosen], recent) and len(pool) > m:
        rest = np.setdiff1d(np.arange(len(pool)), chosen)
        chosen[-1] = int(rng.choice(rest))
    return pool[chosen]


def gains(mean: Array, root: Array) -> Array:
    """(n, n) expected information, in nats, of each pair; scores ~ N(mean, root root^T)."""
    cov = root @ root.T
    own = np.diag(cov)
    var = np.maximum(own[:, None] + own - 2 * cov, 0)
    gap = np.abs(mean[:, None] - mean) / np.sqrt(1 + np.float32(np.pi / 8) * var)
    odds = np.exp(-gap)
    return np.asarray(0.5 * np.log1p(var * odds / (1 + odds) ** 2), np.float32)


def spread(mean: Array, root: Array, fresh: Array, m: int) -> Rows:
    """(m,) indices by greedy determinant maximisation (pivoted Cholesky), liked a little first."""
    z = root - root.mean(0)
    away = mean - mean.mean()
    size = float(away.std())
    weight = fresh * np.exp(TILT * away / size) if size > 1e-6 else fresh
    left = np.einsum("nd,nd->n", z, z)
    bound = np.zeros((m, len(z)), z.dtype)
    chosen: list[int] = []
    for j in range(m):
        score = (left + 1e-12) * weight
        score[chosen] = -1
        k = int(np.argmax(score))
        chosen.append(k)
        # What the chosen one says of the others beyond those before it; the rest is still in doubt.
        told = z @ z[k] - bound[:j, k] @ bound[:j]
        bound[j] = told / np.sqrt(max(float(left[k]), 1e-24))
        left = np.maximum(left - bound[j] ** 2, 0)
    return np.array(chosen, np.int64)
