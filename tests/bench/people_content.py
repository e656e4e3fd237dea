"""Items nobody has judged, by what is seen of them alone: what people think of other items, carried
over.

Five folds of items (of their blocks, where items are compared in blocks). The population's score of
four of them teaches a ridge regression over learned vectors and measured statistics; its pull is
settled inside those four. Judged: later pairs with both items in the fifth fold, of people who were
not learnt from either.
"""

from collections.abc import Sequence

import numpy as np

from engine.encoders import text_stats
from engine.preference import population
from tests.bench.people_beliefs import hits
from tests.bench.people_data import Float, Group, embedded, part, states

PULLS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FOLDS = 5
# Whether every group is learnt from by itself, and the weights of what is seen, settled on people
# learnt from: measured statistics, learned vectors (MiniLM, or what a group brings), and states of
# the small language model.
FORMS = {
    "polis": (False, (0.0, 0.0, 1.0)),
    "jester": (False, (0.0, 0.0, 1.0)),
    "convarg": (False, (1.0, 0.3, 0.0)),
    "aigen_images": (True, (1.0, 0.0, 0.0)),
    "pandalm": (True, (1.0, 0.3, 0.0)),
    "color_sets": (True, (1.0, 0.0, 0.0)),
}
Weights = tuple[float, float, float]


def accuracy(groups: Sequence[Group], alone: bool, weights: Weights) -> Float:
    """(people,) share of those pairs that go as foretold."""
    if alone:
        return np.concatenate([accuracy([g], False, weights) for g in groups])
    x = _features(groups, weights)
    fold = np.array([part(b, FOLDS, "item") for g in groups for b in g.blocks or g.texts])
    y, weight = (np.concatenate(parts) for parts in zip(*map(_scores, groups), strict=True))
    told = np.zeros(len(x))
    for f in range(FOLDS):
        rest = fold != f
        worth = [_worth(x[rest], y[rest], weight[rest], fold[rest], p) for p in PULLS]
        told[fold == f] = x[fold == f] @ _ridge(
            x[rest], y[rest], weight[rest], PULLS[int(np.argmin(worth))]
        )
    found, at = [], 0
    for g in groups:
        n = len(g.texts)
        found.append(_people(g, told[at : at + n], fold[at : at + n]))
        at += n
    return np.concatenate(found)


def _scores(group: Group) -> tuple[Float, Float]:
    """Score (n,) of each item, centred in what it is compared with, and its weight, 0 to 1."""
    n = len(group.texts)
    if group.picks is not None:
        p = group.picks
        made = population.of_pairs(np.stack([p.left, p.right], 1), p.label, n, 1.0)
        count = np.bincount(p.left, minlength=n) + np.bincount(p.right, minlength=n)
    else:
        known = ~np.isnan(group.answers)
        middle = group.answers[known].mean()
        # Pulled to the group's mean by five answers.
        made = np.where(known, group.answers - middle, 0.0).sum(0) / (known.sum(0) + 5.0)
        count = known.sum(0)
    return _centred(made[:, None], group)[:, 0], (count / 20.0).clip(0.0, 1.0)


def _centred(x: Float, group: Group) -> Float:
    """(n, d) less the mean of the block."""
    _, block = np.unique(group.blocks or [""] * len(x), return_inverse=True)
    sums = np.zeros((block.max() + 1, x.shape[1]))
    np.add.at(sums, block, x)
    return np.asarray(x - (sums / np.bincount(block)[:, None])[block])


def _features(groups: Sequence[Group], weights: Weights) -> Float:
    texts = [t for g in groups for t in g.texts]
    seen = [(g.stats, g.vectors) for g in groups if g.stats is not None and g.vectors is not None]
    parts = []
    if weights[0]:
        stats = np.concatenate([s for s, _ in seen]) if seen else _measured(texts)
        parts.append(weights[0] * (stats.argsort(0).argsort(0) / len(stats) - 0.5))
    if weights[1]:
        vectors = np.concatenate([v for _, v in seen]) if seen else embedded(texts)
        vectors = vectors - vectors.mean(0)
        parts.append(weights[1] * vectors / np.sqrt(vectors.var(0).mean()))
    if weights[2]:
        inner = states(texts)
        inner = inner - inner.mean(0)
        parts.append(weights[2] * inner / np.sqrt((inner**2).sum(1).mean()))
    made = np.split(np.concatenate(parts, 1), np.cumsum([len(g.texts) for g in groups])[:-1])
    return np.concatenate([_centred(x, g) if g.blocks else x
                           for x, g in zip(made, groups, strict=True)])  # fmt: skip


def _measured(texts: list[str]) -> Float:
    size = np.log([1.0 + len(t) for t in texts])[:, None]
    return np.concatenate([text_stats.measure_all(texts).astype(np.float64), size], 1)


def _ridge(x: Float, y: Float, weight: Float, pull: float) -> Float:
    """In the form of the smaller side: many columns cost no more than items."""
    root = np.sqrt(weight)[:, None]
    lead = x * root
    if x.shape[1] <= len(x):
        return np.asarray(np.linalg.solve(lead.T @ lead + pull * np.eye(x.shape[1]),
                                          lead.T @ (y * root[:, 0])))  # fmt: skip
    return np.asarray(lead.T @ np.linalg.solve(lead @ lead.T + pull * np.eye(len(x)),
                                               y * root[:, 0]))  # fmt: skip


def _worth(x: Float, y: Float, weight: Float, fold: Float, pull: float) -> float:
    """Weighted squared error on each fold, by what the others taught."""
    off = 0.0
    for f in np.unique(fold):
        there = fold == f
        w = _ridge(x[~there], y[~there], weight[~there], pull)
        off += float((weight[there] * (y[there] - x[there] @ w) ** 2).sum())
    return off


def _people(group: Group, told: Float, fold: Float) -> Float:
    a = group.judged
    same = fold[a.won] == fold[a.lost]
    right = np.bincount(a.who[same], hits(told[a.won[same]] - told[a.lost[same]]), len(a))
    count = np.bincount(a.who[same], minlength=len(a))
    if group.one:
        return np.atleast_1d(right.sum() / count.sum())
    return np.asarray(right[count > 0] / count[count > 0])
