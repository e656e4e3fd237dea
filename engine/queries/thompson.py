"""Each slot shows the best item of one draw from the posterior (Thompson 1933).

Asks about what the person may like best: pleasant, and good at finding favourites; for learning
the whole direction d_optimal needs fewer answers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Features, same_space

Rows = NDArray[np.int64]
SAMPLED = 512


def pick(
    belief: Any,
    features: Features,
    m: int,
    rng: np.random.Generator,
    *,
    groups: Sequence[Rows] | None = None,
    recent: Sequence[tuple[int, ...]] = (),
) -> Rows:
    """m distinct rows of one group (or of a sample of all): the favourites of m draws."""
    same_space(belief.space, features.space)
    usable = [g for g in groups if len(g) >= m] if groups is not None else None
    if usable:
        pool = usable[rng.integers(len(usable))]
    else:
        pool = rng.choice(len(features), min(SAMPLED, len(features)), replace=False)
    mean, root = belief.factor()
    draws = mean + rng.standard_normal((m, len(mean))) @ root.T
    scores = features.matrix[pool].astype(np.float64) @ draws.T
    seen = {i for shown in recent for i in shown}
    scores[[int(i) in seen for i in features.ids[pool]]] -= 2 * float(scores.std())
    chosen: list[int] = []
    for slot in range(m):
        scores[chosen, slot] = -np.inf
        chosen.append(int(np.argmax(scores[:, slot])))
    return np.asarray(pool[chosen], np.int64)
