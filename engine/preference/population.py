"""What many people have in common, learnt from their answers: the population's score of each item
and the few directions along which people differ. Score = this + the person's own.

`of_items`: people judged the same items. Factor analysis with missing answers by EM (Rubin & Thayer
1982), SVD start and L2 on the loadings, which PReF (arXiv 2503.06358) found crucial: the judgement
of item i by person u is base_i + loadings_i . w_u + own_iu, w_u ~ N(0, I), own_iu ~ N(0, own_i).
`of_pairs`: people judged pairs of the same items. The score alone: Bradley-Terry with an L2 pull.
`of_features`: things nobody has judged. u_p ~ N(mean, cov) over feature columns, from the pairs of
each person, all people counting alike: Bradley-Terry with a Gaussian between people. `of_gaps` is
its form for many people with few pairs each, in one batched pass, on top of known margins.
Assumes one population and no drift. It does not know the person who comes next: that is a belief's
work, started from these values as its prior.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.preference.base import Prior

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    rank: int = field(default=4, metadata={"help": "directions people differ along",
                                           "low": 1, "high": 64})  # fmt: skip
    rounds: int = field(default=25, metadata={"help": "rounds of EM", "low": 1, "high": 500})
    pull: float = field(
        default=5.0, metadata={"help": "L2 on loadings, in answers of one unit", "low": 0.01}
    )
    shrink: float = field(
        default=2.0, metadata={"help": "answers that an item's mean is pulled by", "low": 0.0}
    )
    even: float = field(
        default=20.0, metadata={"help": "answers that an item's own variance is pulled by"}
    )


@dataclass(frozen=True)
class Items:
    """base (n,), loadings (n, K), own (n,) variance of what only this person and item share."""

    base: Float
    loadings: Float
    own: Float

    def cov(self, own: float = 1.0) -> Float:
        """(n, n) between items, over people; `own` scales the part that items do not share."""
        return self.loadings @ self.loadings.T + own * np.diag(self.own)

    def prior(self, space: str, scale: float = 1.0, own: float = 0.0) -> Prior:
        """Over one column an item: u ~ N(base, cov) in logits, `scale` logits to a unit."""
        return Prior(space, scale * self.base, scale**2 * self.cov(own))


def of_items(answers: Float, settings: Settings | None = None) -> Items:
    """answers (p, n): how much person p likes item n, centred; nan where not asked."""
    s = settings or Settings()
    known = (~np.isnan(answers)).astype(np.float64)
    told = np.where(known > 0, answers, 0.0)
    count, n = known.sum(0), answers.shape[1]
    middle = told.sum() / max(1.0, known.sum())
    base = ((told - middle * known).sum(0)) / (count + s.shrink) + middle
    rank = max(1, min(s.rank, n - 1, len(answers) - 1))
    made = _start(told - base * known, known, rank)
    items = Items(base, made, np.full(n, _spread(told - base * known, known)))
    for _ in range(s.rounds):
        items = _round(items, told, known, middle, s)
    return items


def _spread(rest: Float, known: Float) -> float:
    return 0.6 * float((rest**2).sum() / max(1.0, known.sum())) + 1e-6


def _start(rest: Float, known: Float, rank: int) -> Float:
    """Leading eigenvectors of the covariance of what was answered together."""
    together = (rest.T @ rest) / np.maximum(known.T @ known, 20.0)
    values, vectors = np.linalg.eigh(together)
    out: Float = vectors[:, -rank:] * np.sqrt(values[-rank:].clip(1e-3))
    return out


def _round(items: Items, told: Float, known: Float, middle: float, s: Settings) -> Items:
    """E: weights of every person. M: base and loadings of every item, then its own variance."""
    (p, n), rank = told.shape, items.loadings.shape[1]
    outer = (items.loadings[:, :, None] * items.loadings[:, None, :]).reshape(n, -1)
    precision = np.eye(rank) + (known @ (outer / items.own[:, None])).reshape(p, rank, rank)
    cov = np.linalg.inv(precision)
    rest = told - items.base * known
    mean = (cov @ (rest @ (items.loadings / items.own[:, None]))[..., None])[..., 0]
    lead = np.concatenate([np.ones((p, 1)), mean], 1)
    second = lead[:, :, None] * lead[:, None, :]
    second[:, 1:, 1:] += cov
    normal = (known.T @ second.reshape(p, -1)).reshape(n, rank + 1, rank + 1)
    normal += np.diag([s.shrink, *[s.pull] * rank])
    found = np.linalg.solve(normal, ((told - middle * known).T @ lead)[..., None])[..., 0]
    # Weights are N(0, I) by convention: what the people's spread lacks goes into the loadings
    # (parameter expansion, Liu, Rubin & Wu 1998), or EM creeps.
    stretch = np.linalg.cholesky(second[:, 1:, 1:].mean(0))
    base, loadings = found[:, 0] + middle, found[:, 1:] @ stretch
    mean = mean @ np.linalg.inv(stretch).T
    cov = np.linalg.solve(stretch, np.linalg.solve(stretch, cov).swapaxes(1, 2))
    outer = (loadings[:, :, None] * loadings[:, None, :]).reshape(n, -1)
    left = known * ((told - base - mean @ loadings.T) ** 2 + cov.reshape(p, -1) @ outer.T)
    overall = left.sum() / max(1.0, known.sum())
    own = (left.sum(0) + s.even * overall) / (known.sum(0) + s.even) + 1e-9
    return Items(base, loadings, own)


def of_features(gaps: Sequence[NDArray[Any]], space: str, start: Float, rounds: int = 3) -> Prior:
    """gaps: for each person (m, d) features chosen minus rejected. `start` (d,): variances of a
    first guess. Between people: diagonal, pulled towards `start` where few people speak.
    """
    d, people = len(start), len(gaps)
    rows = [np.pad(np.asarray(g, np.float64), ((0, 0), (0, 2)))[:, None, :] for g in gaps]
    mean, var = np.zeros(d), np.asarray(start, np.float64)
    for _ in range(rounds):
        prior = laplace.prior_of(mean, var)
        made = [laplace.fit(prior, [laplace.Batch(("pick", 2, 1), r)])[0] for r in rows]
        means = np.array([m.mean[:d] for m in made])
        doubts = np.array([np.diag(m.cov)[:d] for m in made])
        # A mean nobody is sure of stays at zero: N(0, start) before it.
        share = start / (start + (var / max(1, people)))
        mean = share * means.mean(0)
        second = ((means - mean) ** 2 + doubts).sum(0)
        var = (second + 4.0 * start) / (people + 4.0)
    return Prior(space, mean, var)


@dataclass(frozen=True)
class Gaps:
    """Pairs of many people: rows (p, m, d) features left minus right; label (p, m): 1 left was
    chosen, -1 right, 0 neither, nan no pair; offset (p, m) margins already known, in logits.
    """

    rows: Float
    label: Float
    offset: Float


def of_gaps(told: Gaps, start: Float, rounds: int = 8, mean: Float | None = None) -> tuple[
    Float, Float
]:  # fmt: skip
    """Mean and variances (d,) between people by EM, as of_features; `start` is its first guess.

    Without `mean` the mean is zero and stays so.
    """
    people, var = len(told.rows), np.asarray(start, np.float64)
    centre = np.zeros(len(start)) if mean is None else np.asarray(mean, np.float64)
    for _ in range(rounds):
        lead = told.rows * var
        gram = lead @ told.rows.swapaxes(1, 2)
        made = laplace.fit_many(told.offset + told.rows @ centre, gram, told.label)
        means = centre + (made.alpha[:, None, :] @ lead)[:, 0]
        doubts = var - (lead * (made.inner @ lead)).sum(1)
        if mean is not None:
            centre = start / (start + var / max(1, people)) * means.mean(0)
        second = ((means - centre) ** 2 + doubts).sum(0)
        var = (second + 4.0 * start) / (people + 4.0)
    return centre, np.asarray(var)


def of_pairs(
    pairs: NDArray[np.int64], label: Float, n: int, pull: float = 0.5, rounds: int = 30
) -> Float:
    """Score (n,) in logits of items from pairs (m, 2), all answers of all people together.

    label 1: the first was chosen, -1 the second, 0 half of each. `pull`: the L2, which centres too.
    Newton, each step by conjugate gradients: its cost grows with the pairs, not with n^3.
    """
    wins, (a, b) = 0.5 + 0.5 * label, pairs.T
    score: Float = np.zeros(n)

    def spread(x: Float) -> Float:
        return np.asarray(np.bincount(a, x, n) - np.bincount(b, x, n), np.float64)

    for _ in range(rounds):
        p = laplace.sigmoid(score[a] - score[b])
        curve = p * (1.0 - p)
        rest = spread(wins - p) - pull * score
        scale = np.bincount(a, curve, n) + np.bincount(b, curve, n) + pull
        step, way = np.zeros(n), rest / scale
        worth = float(rest @ way)
        for _ in range(n):
            if worth < 1e-14:
                break
            bent = spread(curve * (way[a] - way[b])) + pull * way
            size = worth / float(way @ bent)
            step, rest = step + size * way, rest - size * bent
            last, worth = worth, float(rest @ (rest / scale))
            way = rest / scale + (worth / last) * way
        score = score + step / max(1.0, float(np.abs(step).max(initial=0.0)) / 2.0)
        if np.abs(step).max(initial=0.0) < 1e-6:
            break
    return score
