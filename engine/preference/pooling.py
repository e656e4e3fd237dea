"""Where a new person may start when others allow it: a pooled prior that nobody can poison.

Each person who opted in counts once, however many answers or profiles they have; their mean taste
is clipped to the length a typical taste has under the prior; below five people the prior is
returned as it is. So one person moves the pooled mean by at most 2 R / n whatever they send, and a
share f of conspirators by 2 R f, where R is that length: a bound that does not depend on the
others (a median's does). Clipped means: Karimireddy, He & Jaggi 2021; limits: reliability.md B4.
The prior's doubt is kept whole: how alike people are is for the shared models to learn.
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
    if len(by) < settings.least:
        return prior
    reach = length(prior, settings)
    away = [_clipped(np.mean([_clipped(m - prior.mean, reach) for m in own], 0), reach)
            for own in by.values()]  # fmt: skip
    return replace(prior, mean=prior.mean + np.mean(away, 0))


def _clipped(x: Float, reach: float) -> Float:
    """x (d,), no longer than reach. Scaled by its largest part first: no overflow."""
    top = float(np.abs(x).max(initial=0.0))
    if top == 0.0:
        return x
    size = top * float(np.linalg.norm(x / top))
    return x if size <= reach else (x / top) * (reach / float(np.linalg.norm(x / top)))
