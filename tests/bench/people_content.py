"""Items nobody has judged, by their words alone: what people think of other items, carried over.

Five folds of items. The population's score of four of them teaches a ridge regression over sentence
vectors, measured statistics and length; its pull is settled inside those four. Judged: later pairs
with both items in the fifth fold, of people who were not learnt from either.
"""

from collections.abc import Sequence

import numpy as np

from engine.encoders import text_stats
from tests.bench.people_beliefs import hits
from tests.bench.people_data import Float, Group, embedded, part

PULLS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FOLDS = 5


def accuracy(groups: Sequence[Group]) -> Float:
    """(people,) share of those pairs that go as foretold."""
    texts = [t for g in groups for t in g.texts]
    x, fold = _features(texts), np.array([part(t, FOLDS, "item") for t in texts])
    y = np.concatenate([_scores(g.answers) for g in groups])
    weight = np.concatenate([(~np.isnan(g.answers)).sum(0) for g in groups]) / 20.0
    weight = weight.clip(0.0, 1.0)
    told = np.zeros(len(texts))
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


def _scores(answers: Float) -> Float:
    """(n,) mean answer, pulled to the group's mean by five answers, centred in the group."""
    known = ~np.isnan(answers)
    middle = answers[known].mean()
    sums = np.where(known, answers - middle, 0.0).sum(0)
    made = sums / (known.sum(0) + 5.0)
    return np.asarray(made - made.mean())


def _features(texts: list[str]) -> Float:
    stats = text_stats.measure_all(texts).astype(np.float64)
    size = np.log([1.0 + len(t) for t in texts])[:, None]
    order = np.concatenate([stats, size], 1).argsort(0).argsort(0) / len(texts) - 0.5
    vectors = embedded(texts)
    vectors = (vectors - vectors.mean(0)) * np.sqrt(vectors.shape[1])
    return np.concatenate([order, 0.3 * vectors], 1)


def _ridge(x: Float, y: Float, weight: Float, pull: float) -> Float:
    lead = x * weight[:, None]
    return np.asarray(np.linalg.solve(lead.T @ x + pull * np.eye(x.shape[1]), lead.T @ y))


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
    return np.asarray(right[count > 0] / count[count > 0])
