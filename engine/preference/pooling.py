"""Where a new person may start when others allow it: a pooled prior that nobody can poison.

Each person who opted in counts once, however many answers or profiles they have; their mean taste
is clipped to the length a typical taste has under the prior; below five people the prior is
returned as it is. So one person moves the pooled mean by at most 2 R / n whatever they send, and a
share f of conspirators by 2 R f, where R is that length: a bound that does not depend on the
others (a median's does). Clipped means: Karimireddy, He & Jaggi 2021.
`pooled` keeps the prior's doubt whole: how alike people are is for the shared models to learn.

Two starts for a person who asks for one. `common`, before any answer: the pooled mean, shrunk by
how much of a taste the others' mean foretells (the median over people, each left out in turn), so
that a crowd without common ground moves nobody. `near`, after the first few answers: a mixture of
the others, each weighed by how likely those answers are for somebody like them (the evidence of
N(taste, within V)), nobody with more than one in `least`; shrunk, and with the doubt narrowed. The
answers are used twice, for the weights and by the person's belief: hence the shrinking. For both a
taste counts as long as the typical one at most (the median, itself clipped): beliefs from few
answers are far shorter than R, and one liar of length R would outvote twenty of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.data import same_space
from engine.preference.base import Prior

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    least: int = field(
        default=5, metadata={"help": "people before anything is pooled", "low": 5, "high": 1000}
    )
    reach: float = field(
        default=1.0,
        metadata={"help": "longest taste that counts, in lengths of the prior", "low": 0.1,
                  "high": 3.0},
    )  # fmt: skip
    within: float = field(
        default=0.5,
        metadata={"help": "variance between people alike, of the prior's", "low": 0.05},
    )
    shrink: float = field(
        default=0.7, metadata={"help": "share of a near start that is believed", "low": 0.0}
    )
    narrow: float = field(
        default=0.7,
        metadata={"help": "variance left of the prior's after a near start", "low": 0.5,
                  "high": 1.0},
    )  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """mean (d,); `narrow` times the prior's variance; weights (n,) of the people in it."""

    mean: Float
    narrow: float
    weights: Float

    def on(self, prior: Prior) -> Prior:
        return replace(prior, mean=self.mean, var=self.narrow * prior.var)


@dataclass(frozen=True)
class Contribution:
    """One belief of one person: its mean (d,) in `space`. Not `allowed`: never looked at."""

    person: int
    space: str
    mean: Float
    allowed: bool = False


def length(prior: Prior, settings: Settings | None = None) -> float:
    """R: `reach` times the root mean square length of a taste under the prior."""
    settings = settings or Settings()
    var = np.asarray(prior.var, np.float64)
    return settings.reach * float(np.sqrt(var.sum() if var.ndim == 1 else np.trace(var)))


def pooled(
    prior: Prior, contributions: Sequence[Contribution], settings: Settings | None = None
) -> Prior:
    """The prior moved to what those who allowed it have in common; itself below `least` people."""
    settings = settings or Settings()
    away = _people(prior, contributions, settings)
    if len(away) < settings.least:
        return prior
    return replace(prior, mean=prior.mean + away.mean(0))


def common(
    prior: Prior, contributions: Sequence[Contribution], settings: Settings | None = None
) -> Pool | None:
    """What everybody has in common, as far as they have; None below `least` people."""
    settings = settings or Settings()
    away = _typical(_people(prior, contributions, settings))
    n = len(away)
    if n < settings.least:
        return None
    return Pool(prior.mean + agreement(away) * away.mean(0), 1.0, np.full(n, 1.0 / n))


def near(
    prior: Prior,
    contributions: Sequence[Contribution],
    belief: tuple[Float, Float],
    settings: Settings | None = None,
) -> Pool | None:
    """From people like this one. belief: mean (d,) and covariance (d, d) after the first answers,
    under `prior` itself. Weights in the order of people. None below `least` people.
    """
    settings = settings or Settings()
    away = _typical(_people(prior, contributions, settings))
    if len(away) < settings.least:
        return None
    weights = _capped(_evidence(prior, away, belief, settings.within), 1.0 / settings.least)
    return Pool(prior.mean + settings.shrink * (weights @ away), settings.narrow, weights)


def agreement(away: Float) -> float:
    """In [0, 1]: how much of a person (n, d) the mean of all others foretells, in the median."""
    others = (away.sum(0) - away) / (len(away) - 1)
    size = (others**2).sum(1)
    share = np.divide((away * others).sum(1), size, out=np.zeros(len(away)), where=size > 0)
    return float(np.median(share).clip(0.0, 1.0))


def _evidence(prior: Prior, away: Float, belief: tuple[Float, Float], within: float) -> Float:
    """(n,) log p(answers | u ~ N(away, within V)) up to a constant; the answers as the Gaussian
    factor that turned the prior into the belief: information L and L u = eta.
    """
    var = np.asarray(prior.var, np.float64)
    inverse = np.diag(1.0 / var) if var.ndim == 1 else np.linalg.inv(var)
    after = np.linalg.inv(belief[1])
    eta = after @ (belief[0] - prior.mean)
    alike = inverse / within
    b = away @ alike + eta
    fit = np.linalg.solve(alike + after - inverse, b.T).T
    return np.asarray(0.5 * ((b * fit).sum(1) - ((away @ alike) * away).sum(1)))


def _capped(logs: Float, cap: float) -> Float:
    """Weights min(cap, c exp(logs)) that sum to 1: whom one leaves out makes all others grow."""
    raw = np.exp(logs - logs.max()).clip(1e-12)
    full = np.zeros(len(raw), bool)
    while True:
        share = np.where(full, cap, 0.0)
        rest = raw[~full].sum()
        share[~full] = raw[~full] * (1.0 - share.sum()) / rest if rest > 0 else 0.0
        over = share > cap * (1 + 1e-9)
        if not over.any():
            return share
        full |= over


def _people(prior: Prior, contributions: Sequence[Contribution], settings: Settings) -> Float:
    """(n, d) how far each person who allows it is from the prior, clipped; first come first."""
    by: dict[int, list[Float]] = {}
    for given in (c for c in contributions if c.allowed):
        same_space(prior.space, given.space)
        mean = np.asarray(given.mean, np.float64)
        if mean.shape != prior.mean.shape or not np.isfinite(mean).all():
            raise ValueError(
                f"the taste of person {given.person} is not {len(prior.mean)} finite numbers; "
                "leave it out"
            )
        by.setdefault(given.person, []).append(mean)
    reach = length(prior, settings)
    rows = [_clipped(np.mean([_clipped(m - prior.mean, reach) for m in own], 0), reach)
            for own in by.values()]  # fmt: skip
    return np.array(rows).reshape(-1, len(prior.mean))


def _typical(away: Float) -> Float:
    """The same people (n, d), nobody longer than the median."""
    size = np.linalg.norm(away, axis=1, keepdims=True)
    if not len(away):
        return away
    return np.asarray(away * np.minimum(1.0, np.median(size) / np.maximum(size, 1e-300)))


def _clipped(x: Float, reach: float) -> Float:
    """x (d,), no longer than reach. Scaled by its largest part first: no overflow."""
    top = float(np.abs(x).max(initial=0.0))
    if top == 0.0:
        return x
    size = top * float(np.linalg.norm(x / top))
    return x if size <= reach else (x / top) * (reach / float(np.linalg.norm(x / top)))
