"""The recipe of a taste space: how measured statistics and learned features become coordinates.

x = [normal scores of the statistics, scaled PCA of the learned features], 64 numbers. A normal
score is the statistic's rank in the pool on the scale of a Gaussian (van der Waerden), so that one
odd picture cannot outweigh the rest and one unit means the same everywhere. PCA directions are
found where content is held fixed, so that they carry looks (or voice) before topic.

`prior_var` is how far apart tastes are expected to lie per coordinate: the same for every
statistic, less for learned features (LEARNED), together such that two random items of the pool
differ by SPREAD prior deviations of liking. Measured alternatives stand in docs/log.md.
"""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIM = 64
KNOTS = 65
CLIP = 3.5
SPREAD = 3.0
LEARNED = 0.1


def make(
    learned: NDArray[Any], stats: NDArray[Any], content: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Constants of a space from the pool. learned (n, D), stats (n, s), content (n,) names."""
    stats = np.asarray(stats, np.float64)
    learned = np.asarray(learned, np.float64)
    k = DIM - stats.shape[1]
    mean = learned.mean(0)
    _, _, rows = np.linalg.svd(learned - group_means(learned, content), full_matrices=False)
    scale = ((learned - mean) @ rows[:k].T).std(0)
    made: dict[str, NDArray[Any]] = {
        "knots": np.quantile(stats, np.linspace(0, 1, KNOTS), axis=0),
        "mean": mean,
        "project": rows[:k] / scale[:, None],
    }
    x = apply(made, learned, stats)
    made["centre"] = x.mean(0)
    weight = np.concatenate([np.ones(stats.shape[1]), np.full(k, LEARNED)])
    made["prior_var"] = weight * SPREAD**2 / (2 * float((weight * x.var(0)).sum()))
    return {name: np.asarray(value, np.float32) for name, value in made.items()}


def apply(
    space: Mapping[str, NDArray[Any]], learned: NDArray[Any], stats: NDArray[Any]
) -> NDArray[np.float32]:
    """(n, 64) coordinates in the space."""
    z = scores(np.asarray(stats, np.float64), space["knots"])
    p = np.clip((learned - space["mean"]) @ space["project"].T, -CLIP, CLIP)
    x = np.concatenate([z, p], 1)
    return np.asarray(x - space["centre"] if "centre" in space else x, np.float32)


def scores(stats: NDArray[Any], knots: NDArray[Any]) -> NDArray[np.float64]:
    """Normal scores of stats (n, s) by the pool's quantiles `knots` (KNOTS, s).

    Equal knots (a statistic that is often 0) share their middle rank.
    """
    share = np.linspace(0.5 / KNOTS, 1 - 0.5 / KNOTS, KNOTS)
    normal = np.vectorize(NormalDist().inv_cdf)(share)
    out = np.empty(stats.shape)
    for j, column in enumerate(np.asarray(knots, np.float64).T):
        values, first = np.unique(column, return_inverse=True)
        middle = np.bincount(first, normal) / np.bincount(first)
        out[:, j] = np.interp(stats[:, j], values, middle)
    return out


def group_means(x: NDArray[Any], groups: Sequence[str]) -> NDArray[Any]:
    """(n, D): every row replaced by the mean of its group."""
    names, rows = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), x.shape[1]))
    np.add.at(sums, rows, x)
    means: NDArray[Any] = (sums / np.bincount(rows)[:, None])[rows]
    return means
