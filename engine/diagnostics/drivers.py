"""Which named properties drive a person's choices, each with the others held fixed.

A Bayesian logistic regression (grids and ties included) of the answers on named properties of the
items, with a small prior (Dissecting human preferences, arXiv 2402.11296: 29 properties). Weights
are log odds a deviation of the property; intervals are the Laplace posterior's 90 %. How much a
property matters is its share in the person's own choices, not the size of its weight: a strong
liking for what never differs decides nothing. Says what goes along with the choices; two
properties that always come together share their credit. Ten-fold averaging is not done: the
posterior is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Comparison, Features
from engine.diagnostics import base

Float = NDArray[np.float64]
SURE, ALARMED = 2.0, 3.0


@dataclass(frozen=True)
class Settings:
    scale: float = field(
        default=0.6,
        metadata={"help": "scale of a Laplace prior of the same variance", "low": 0.01, "high": 10},
    )
    gamed: float = field(
        default=0.5,
        metadata={"help": "share of choices one property may overturn before a warning", "low": 0.1,
                  "high": 1.0},
    )  # fmt: skip


@dataclass(frozen=True)
class Driver:
    """One property: its weight with a 90 % interval, its share in the person's own choices, and
    `swing`, the share of those choices it could have turned around by going from one end of what
    was shown to the other (5th to 95th percentile of the differences).
    """

    name: str
    weight: float
    low: float
    high: float
    share: float
    swing: float

    def beyond(self, deviations: float) -> bool:
        """Whether the weight stands further from zero than so many posterior deviations."""
        return abs(self.weight) > deviations * (self.high - self.low) / (2 * base.Z90)

    @property
    def sure(self) -> bool:
        """Many properties are looked at: a claim needs more than its own 90 % interval."""
        return self.beyond(SURE)


def drivers(
    comparisons: Sequence[Comparison],
    properties: Features,
    names: Sequence[str],
    settings: Settings | None = None,
) -> list[Driver]:
    """properties: (n, s) named values of the items, a deviation each. The strongest first."""
    settings = settings or Settings()
    told = base.stack(comparisons, properties)
    s = len(names)
    # A Laplace prior of scale b has the variance 2 b^2.
    prior = laplace.prior_of(np.zeros(s), np.full(s, 2 * settings.scale**2))
    made, _ = laplace.fit(prior, told.batches)
    parts = [base.leans(b)[:, :s] for b in told.batches if b.form[0] != "tie"]
    gaps = np.concatenate(parts) if parts else np.zeros((0, s))
    weight, sd = made.mean[:s], np.sqrt(np.diag(made.cov)[:s])
    given = gaps * weight  # (n, s): log odds each property gave to what was chosen
    share, swing = _share(given), _swing(gaps, given)
    order = np.argsort(-share, kind="stable")
    return [
        Driver(names[k], float(weight[k]), float(weight[k] - base.Z90 * sd[k]),
               float(weight[k] + base.Z90 * sd[k]), float(share[k]), float(swing[k]))
        for k in order
    ]  # fmt: skip


def gamed(found: Sequence[Driver], settings: Settings | None = None) -> Driver | None:
    """The property that alone could turn around half of the choices; None where none can."""
    settings = settings or Settings()
    worst = max((d for d in found if d.beyond(ALARMED)), key=lambda d: d.swing, default=None)
    return worst if worst is not None and worst.swing >= settings.gamed else None


def _share(given: Float) -> Float:
    """(s,) of what spoke for the person's choices, how much each property said; sums to 1."""
    total = given.sum(0).clip(0.0) if len(given) else np.zeros(given.shape[1])
    return np.asarray(total / total.sum() if total.sum() > 0 else total)


def _swing(gaps: Float, given: Float) -> Float:
    """(s,) share of choices that the property, at its worst end, would outweigh."""
    if not len(gaps):
        return np.zeros(gaps.shape[1])
    # Winner and loser may stand either way round, so the differences are symmetric.
    reach = np.quantile(np.abs(gaps), 0.9, axis=0)
    weight = np.divide(given, gaps, out=np.zeros_like(given), where=gaps != 0)
    size = np.abs(weight).max(0)
    others = given.sum(1, keepdims=True) - given
    won = given.sum(1, keepdims=True) > 0
    return np.asarray((won & (others - reach * size < 0)).sum(0) / max(1, int(won.sum())))
