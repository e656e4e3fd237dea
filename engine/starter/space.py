"""The recipe of a taste space: how measured statistics and learned features become coordinates.

A space is a linear map: x = [clip(robust z-score of the statistics), PCA of the learned features].
`prior_var` says, per coordinate, how far apart people's tastes are expected to lie: coordinates in
which the same content differs between styles (or voices) get more, because that is where taste,
not topic, lives. Scaled so that two random items of the pool differ by `SPREAD` prior standard
deviations of liking on average.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIM = 64
CLIP = 3.5
SPREAD = 3.0


def make(
    learned: NDArray[Any], stats: NDArray[Any], content: Sequence[str], looks: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Constants of a space from the pool. learned (n, D), stats (n, s); content and looks (n,)."""
    stats = np.asarray(stats, np.float64)
    learned = np.asarray(learned, np.float64)
    middle = np.median(stats, 0)
    width = (np.quantile(stats, 0.9, 0) - np.quantile(stats, 0.1, 0)) / 2.56
    width = np.maximum(width, 0.25 * stats.std(0)).clip(1e-6)
    k = DIM - stats.shape[1]
    mean = learned.mean(0)
    within = learned - _group_means(learned, content)
    # Directions are found where content is held fixed, so that they carry looks first.
    _, _, rows = np.linalg.svd(within, full_matrices=False)
    project = rows[:k]
    coords = (learned - mean) @ project.T
    scale = coords.std(0)
    made = {
        "stat_middle": middle,
        "stat_width": width,
        "mean": mean,
        "project": project / scale[:, None],
    }
    x = apply(made, learned, stats)
    made["centre"] = x.mean(0)
    made["prior_var"] = prior_var(x - x.mean(0), stats.shape[1], content, looks)
    return {name: np.asarray(value, np.float32) for name, value in made.items()}


def apply(
    space: Mapping[str, NDArray[Any]], learned: NDArray[Any], stats: NDArray[Any]
) -> NDArray[np.float32]:
    """(n, 64) coordinates in the space."""
    z = np.clip((stats - space["stat_middle"]) / space["stat_width"], -CLIP, CLIP)
    p = np.clip((learned - space["mean"]) @ space["project"].T, -CLIP, CLIP)
    x = np.concatenate([z, p], 1)
    if "centre" in space:
        x = x - space["centre"]
    return np.asarray(x, np.float32)


def prior_var(
    x: NDArray[Any], stats: int, content: Sequence[str], looks: Sequence[str]
) -> NDArray[np.float64]:
    """(64,) prior variances; see the module text."""
    total = x.var(0).clip(1e-9)
    inside = (x - _group_means(x, content)).var(0)
    between = np.var(_group_means(x, looks), 0)
    weight = 0.25 + inside / total + between / total
    weight[:stats] *= 2.0
    per_item = weight / total
    expected = 2 * float((per_item * total).sum())
    return np.asarray(per_item * SPREAD**2 / expected)


def _group_means(x: NDArray[Any], groups: Sequence[str]) -> NDArray[Any]:
    names, rows = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), x.shape[1]))
    np.add.at(sums, rows, x)
    means: NDArray[Any] = (sums / np.bincount(rows)[:, None])[rows]
    return means
