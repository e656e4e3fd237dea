"""How often an answer is not what the person means: the flip rate of robust DPO, estimated.

From repeats. A pair that comes back with its sides swapped is answered the same (A), left twice
(LL) or right twice (RR). With flip rates e_L, e_R where the better one stands left, right:
P(LL) = (1 - e_L) e_R, P(RR) = e_L (1 - e_R), P(A) the rest. Let d = P(LL) - P(RR) = e_R - e_L be
the pull of the side and e = (e_L + e_R) / 2; then 2 P(A) - 1 + d^2 = (1 - 2 e)^2, so
e = (1 - sqrt(2 P(A) - 1 + d^2)) / 2: a habit of one side makes people disagree with themselves
more than their slips do. The interval is exact Bayes on a grid over e in [0, 1/2] and the side's
share of the slips, both flat. Assumes that the two askings slip independently. It counts
indecision between near equals as well: an upper bound on slips of the hand.

From an ensemble, where nothing was repeated: the gap of each answer under models that never saw
it, P(said) = (1 - e) sigma(s gap) + e sigma(-s gap), with s and e on a grid (the lapse rate of a
psychometric curve, Wichmann & Hill 2001): indecision is in s, slips are in e.
Paper: robust DPO, arXiv 2403.00409, where the rate is given.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import laplace

Float = NDArray[np.float64]
RATES = np.linspace(0.0, 0.5, 101)
SHARES = np.linspace(-1.0, 1.0, 41)
SLOPES = np.geomspace(0.25, 8.0, 31)
TAIL = 0.05


@dataclass(frozen=True)
class Flips:
    """The rate with its 90 % interval; `side` is how much more often left wins by place alone,
    mean and 90 % interval, None where it cannot be told apart. n: what was looked at.
    """

    rate: float
    low: float
    high: float
    n: int
    side: tuple[float, float, float] | None = None


def by_hand(agreed: int, left: int, right: int) -> float:
    """The formula above: agreed, left twice, right twice; 1/2 where they disagree too much."""
    n = agreed + left + right
    inner = 2 * agreed / n - 1 + ((left - right) / n) ** 2
    return float((1 - np.sqrt(max(inner, 0.0))) / 2)


def from_repeats(agreed: int, left: int, right: int) -> Flips:
    """Counts of repeats answered the same, left both times, right both times."""
    e, t = np.meshgrid(RATES, SHARES, indexing="ij")
    e_left, e_right = e * (1 - t), e * (1 + t)
    twice_left, twice_right = (1 - e_left) * e_right, e_left * (1 - e_right)
    with np.errstate(divide="ignore"):
        logs = [np.log(p.clip(1e-12)) for p in (1 - twice_left - twice_right, twice_left,
                                               twice_right)]  # fmt: skip
    weight = agreed * logs[0] + left * logs[1] + right * logs[2]
    weight = np.exp(weight - weight.max())
    pull = (e_right - e_left).ravel()
    order = np.argsort(pull)
    side = _summary(pull[order], weight.ravel()[order])
    return Flips(*_summary(RATES, weight.sum(1)), agreed + left + right, side)


def from_ensemble(gaps: Float) -> Flips:
    """gaps (n, M) as of `base.halves`: nan where a model was fitted on the answer."""
    spoken = ~np.isnan(gaps).all(1)
    gap = np.nanmean(gaps[spoken], 1)
    p = laplace.sigmoid(SLOPES[:, None] * gap)  # (slopes, n)
    e = RATES[:, None, None]
    logs = np.log((p + e * (1 - 2 * p)).clip(1e-12)).sum(2)
    weight = np.exp(logs - logs.max()).sum(1)
    return Flips(*_summary(RATES, weight), int(spoken.sum()))


def _summary(values: Float, weight: Float) -> tuple[float, float, float]:
    """Mean and 90 % interval of sorted values under unnormalised weights."""
    share = weight / weight.sum()
    grown = np.cumsum(share)
    low, high = (float(values[np.searchsorted(grown, q)]) for q in (TAIL, 1 - TAIL - 1e-12))
    return float(values @ share), low, high
