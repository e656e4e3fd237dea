"""The recipe of the taste space of passages: what makes 64 numbers of statistics and meaning.

x = [standardised statistics, principal directions of MiniLM]. The directions are learnt where the
task is held fixed (each task's mean is taken away first), so that they carry voice before topic;
a new text has no task, so only the mean of the pool is taken away when it is encoded.

The first `RULED` passages are the ruler: means, deviations and directions come from them alone, so
that passages which join later are measured like those before and move nobody's stored vectors.
(Made anew from 480 passages the space tells voices apart no better: .962 against .954 by the
nearest mean in a task never seen, .946 against .948 under the prior's weights.)

`prior_var` says how far apart tastes are expected to lie. A coordinate gets the more, the larger
the share s of its variance that voices explain within a task (one-way analysis of variance, with
the degrees of freedom counted, so that noise earns nothing): its weight is FLOOR + s^2, and that
times LEARNED where it comes from MiniLM. The scale is set so that the utilities of two random
passages of the pool differ by `SPREAD` standard deviations under the prior.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIM = 64
CLIP = 4.0
SPREAD = 2.0
RULED = 192
FLOOR = 0.02
LEARNED = 0.5
Float = NDArray[np.float64]


def make(
    minilm: NDArray[Any], stats: NDArray[Any], tasks: Sequence[str], voices: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Constants of the space from the pool. minilm (n, 384), stats (n, s); tasks, voices (n,)."""
    minilm, stats = np.asarray(minilm, np.float64), np.asarray(stats, np.float64)
    k = DIM - stats.shape[1]
    if k < 1 or len(minilm) <= k:
        raise ValueError(f"{len(minilm)} passages are too few for {k} directions; add passages")
    ruler = minilm[:RULED]
    mean = ruler.mean(0)
    _, _, rows = np.linalg.svd(ruler - group_means(ruler, tasks[:RULED]), full_matrices=False)
    spread = ((ruler - mean) @ rows[:k].T).std(0)
    made = {
        "stat_mean": stats[:RULED].mean(0),
        "stat_sd": stats[:RULED].std(0).clip(1e-6),
        "mean": mean,
        "project": rows[:k] / spread.clip(1e-6)[:, None],
    }
    x = apply(made, minilm, stats)
    made["prior_var"] = prior_var(x, stats.shape[1], tasks, voices)
    return {name: np.asarray(value, np.float32) for name, value in made.items()}


def apply(
    space: Mapping[str, NDArray[Any]], minilm: NDArray[Any], stats: NDArray[Any]
) -> NDArray[np.float32]:
    """(n, 64) coordinates of n texts, each within CLIP of the ruler's mean."""
    z = (stats - space["stat_mean"]) / space["stat_sd"]
    p = (minilm - space["mean"]) @ space["project"].T
    return np.asarray(np.clip(np.concatenate([z, p], 1), -CLIP, CLIP), np.float32)


def prior_var(x: NDArray[Any], measured: int, tasks: Sequence[str], voices: Sequence[str]) -> Float:
    """(64,) prior variances of a taste; the first `measured` coordinates are statistics."""
    x = np.asarray(x, np.float64)
    total = x.var(0).clip(1e-9)
    weight = FLOOR + voice_share(x, tasks, voices) ** 2
    weight[measured:] *= LEARNED
    per_item = weight / total
    # For independent x, y of the pool: E[(u . (x - y))^2] = 2 sum_k prior_var_k var_k.
    return np.asarray(per_item * SPREAD**2 / (2 * float((per_item * total).sum())))


def voice_share(x: NDArray[Any], tasks: Sequence[str], voices: Sequence[str]) -> Float:
    """(64,) share of the variance within tasks that voices explain, 0 to 1 (omega squared)."""
    inside = np.asarray(x, np.float64) - group_means(x, tasks)
    explained = group_means(inside, voices)
    between, rest = (explained**2).sum(0), ((inside - explained) ** 2).sum(0)
    groups, free = len(set(voices)) - 1, len(x) - len(set(tasks)) - len(set(voices)) + 1
    if groups < 1 or free < 1:
        raise ValueError("the pool needs at least two tasks and two voices")
    noise = rest / free
    share = (between - groups * noise) / (between + rest + noise).clip(1e-12)
    return np.asarray(share.clip(0.0, 1.0))


def group_means(x: NDArray[Any], groups: Sequence[str]) -> Float:
    """(n, d): each row replaced by the mean of its group."""
    names, rows = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), x.shape[1]))
    np.add.at(sums, rows, x)
    return np.asarray((sums / np.bincount(rows)[:, None])[rows])
