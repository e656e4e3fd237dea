"""MaxMin: several tastes under one roof (Chakraborty et al., arXiv 2402.08925).

Hard EM: everybody belongs to the taste under which all his pairs are likeliest (E), every taste is
a Bradley-Terry direction fitted to its people (M); the best of some random starts is kept. `fair`
then weighs items so that the worst-served taste is served best, less a pull to the uniform choice.
Assumes that tastes are few and apart; people of no taste in particular are put somewhere all the
same, and `margin` says by how little.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine import laplace

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    groups: int = field(default=2, metadata={"help": "tastes", "low": 1, "high": 12})
    starts: int = field(default=4, metadata={"help": "random starts", "low": 1, "high": 50})
    rounds: int = field(default=20, metadata={"help": "rounds of EM", "low": 1, "high": 200})
    var: float = field(default=1.0, metadata={"help": "prior variance of a direction"})


@dataclass(frozen=True)
class Tastes:
    """directions (g, d) in logits; group (p,) of each person; margin (p,) nats over the next."""

    directions: Float
    group: NDArray[np.int64]
    margin: Float


def fit(gaps: Float, rng: np.random.Generator, settings: Settings | None = None) -> Tastes:
    """gaps (p, m, d): chosen minus rejected, of p people; rows of zeros say nothing."""
    s = settings or Settings()
    best: tuple[float, Tastes] | None = None
    for _ in range(s.starts):
        group = rng.integers(0, s.groups, len(gaps))
        for _ in range(s.rounds):
            tastes = np.array([_direction(gaps[group == g], s.var) for g in range(s.groups)])
            like = -np.logaddexp(0.0, -(gaps @ tastes.T)).sum(1)  # (p, g)
            new = like.argmax(1)
            if (new == group).all():
                break
            group = new
        order = np.sort(like, 1)
        margin = order[:, -1] - order[:, -2] if s.groups > 1 else np.full(len(gaps), np.inf)
        if best is None or order[:, -1].sum() > best[0]:
            best = (float(order[:, -1].sum()), Tastes(tastes, new, margin))
    assert best is not None
    return best[1]


def _direction(gaps: Float, var: float) -> Float:
    """Bradley-Terry on the pairs of these people; a taste without people is nobody's: zero."""
    d = gaps.shape[-1]
    if not len(gaps):
        return np.zeros(d)
    rows = np.pad(gaps.reshape(-1, d), ((0, 0), (0, 2)))[:, None, :]
    made, _ = laplace.fit(laplace.prior_of(np.zeros(d), np.full(d, var)),
                          [laplace.Batch(("pick", 2, 1), rows)])  # fmt: skip
    return made.mean[:d]


def fair(scores: Float, beta: float = 0.1, rounds: int = 2000, rate: float = 0.05) -> Float:
    """(n,) shares of items: max over shares of min over groups of the mean score, less beta KL to
    the uniform choice. scores (g, n). Dual ascent on the groups' weights, averaged.
    """
    weights = np.full(len(scores), 1.0 / len(scores))
    total = np.zeros(scores.shape[1])
    for _ in range(rounds):
        z = (weights @ scores) / beta
        shares = np.exp(z - z.max())
        shares /= shares.sum()
        total += shares
        weights = weights * np.exp(-rate * (scores @ shares))
        weights /= weights.sum()
    return np.asarray(total / total.sum())
