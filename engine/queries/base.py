"""What every query rule shares: where its candidates come from, and what was shown lately.

A rule is pick(belief, features, m, rng, *, groups, recent) -> (m,) rows of `features`. It may use
`belief.joint(vectors)` when its table entry carries the trait "joint".
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.data import Features

Rows = NDArray[np.int64]
Groups = Sequence[Rows] | None
Recent = Sequence[tuple[int, ...]]
SPREAD = 24


def usable(features: Features, groups: Groups, m: int) -> list[Rows]:
    """Groups that can fill a question of m; the whole pool is one group when none are given."""
    found = [np.arange(len(features))] if groups is None else [g for g in groups if len(g) >= m]
    if not found or len(found[0]) < m:
        raise ValueError(f"no group holds {m} items; add items or ask about fewer at once")
    return found


def sample(
    groups: Sequence[Rows], m: int, limit: int, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """At most about `limit` rows out of random groups, at least m of each, and their group."""
    share = max(m, limit // min(len(groups), SPREAD))
    rows: list[Rows] = []
    held = 0
    for g in rng.permutation(len(groups)):
        group = groups[g]
        rows.append(group if len(group) <= share else rng.choice(group, share, replace=False))
        held += len(rows[-1])
        if held >= limit:
            break
    labels = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return np.concatenate(rows).astype(np.int64), labels


def seen(features: Features, rows: Rows, recent: Recent) -> NDArray[np.bool_]:
    """(len(rows),) whether the item was shown in one of the recent questions."""
    lately = {i for shown in recent for i in shown}
    return np.fromiter((i in lately for i in features.ids[rows].tolist()), bool, len(rows))


def same(features: Features, rows: Rows, recent: Recent) -> bool:
    """Whether these rows are the set that was shown last."""
    return bool(recent) and set(features.ids[rows].tolist()) == set(recent[-1])
