"""Show me something different: unlike what was shown, and still likely to be liked.

Novelty is the mean distance to the nearest few in an archive of what was shown (Lehman & Stanley
2011; founding papers 17 and 33 search with such archives), in the taste space, where every
coordinate counts as it varies among the candidates. Only the better part of these by predicted
liking is considered. It is for exploring; to learn a taste fast, d_optimal needs fewer answers.
Emitters, which search around a find, are not done.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Features, same_space
from engine.queries.base import Groups, Recent, Rows, same, sample, usable

SAMPLED = 256
NEAREST = 5
# Share of the candidates, by predicted liking, that is good enough.
LIKED = 0.35


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Groups = None,
    recent: Recent = (),
) -> Rows:
    """m rows of one group (or of a sample of all), each as new as can be beside the others."""
    same_space(belief.space, features.space)
    pools = usable(features, groups, m)
    pool, _ = sample([pools[rng.integers(len(pools))]], m, SAMPLED, rng)
    mean, _ = belief.believe(features.matrix[pool])
    shown = [i for items in recent for i in items if i in features]
    archive = features.of(list(dict.fromkeys(shown)))
    chosen = different(archive, features.matrix[pool], mean, m)
    if same(features, pool[chosen], recent) and len(pool) > m:
        rest = np.setdiff1d(np.arange(len(pool)), chosen)
        chosen[-1] = int(rng.choice(rest))
    return pool[chosen]


def different(archive: Array, vectors: Array, liking: NDArray[Any], m: int) -> Rows:
    """(m,) rows of vectors (n, d), one by one the newest beside archive (a, d) and those chosen.

    Out of the LIKED share with the best liking (n,), or of 2 m where that is more.
    """
    count = min(len(vectors), max(2 * m, round(LIKED * len(vectors))))
    good = np.argsort(-np.asarray(liking), kind="stable")[:count]
    scale = vectors.std(0).clip(1e-6)
    x, known = vectors[good] / scale, archive / scale
    chosen: list[int] = []
    for _ in range(m):
        new = novelty(known, x)
        new[chosen] = -1.0
        chosen.append(int(np.argmax(new)))
        known = np.concatenate([known, x[chosen[-1:]]])
    return good[chosen].astype(np.int64)


def novelty(archive: Array, vectors: Array, nearest: int = NEAREST) -> Array:
    """(n,) mean distance of vectors (n, d) to their nearest in the archive; without one, to their
    middle.
    """
    if not len(archive):
        return np.asarray(np.linalg.norm(vectors - vectors.mean(0), axis=1), np.float32)
    square = (vectors**2).sum(1)[:, None] + (archive**2).sum(1) - 2 * vectors @ archive.T
    near = np.sort(square.clip(0), axis=1)[:, :nearest]
    return np.asarray(np.sqrt(near).mean(1), np.float32)
