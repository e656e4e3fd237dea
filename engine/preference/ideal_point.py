"""A taste with a best point: neither the palest nor the darkest, but one in between.

score(x) = sum_k u_k x_k - c_k (x_k^2 - 1) / sqrt(2): Coombs' unfolding (1964) in its quadratic
form, PAL's -|f(x) - a|^2 (arXiv 2406.08469) with a point a and a metric of one's own. Where c_k > 0
the best place along axis k is u_k / (sqrt(2) c_k); c_k = 0 is a direction. It is Bradley-Terry
(engine/preference/bradley_terry.py) over x and its squares, so that ties, grids, steps and the
refit are the same; c_k is as doubtful as `share` of the variance of u_k.
Assumes features of about unit variance. Needs more answers than a direction: on simulated people
with linear tastes it costs half a point of accuracy, on those with a best point it brings two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Comparison, Features, Outcome, Question, same_space
from engine.laplace import Gaussian
from engine.meeting import View
from engine.preference import PREFERENCE
from engine.preference.base import Prior

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    share: float = field(
        default=0.065,
        metadata={"help": "variance of a curvature beside that of a slope", "low": 0.0001},
    )


@dataclass(frozen=True)
class IdealPoint:
    """inner: a Bradley-Terry belief over 2 d columns, (x, its squares)."""

    space: str
    inner: Any

    @classmethod
    def blank(cls, prior: Prior, settings: Settings | None = None) -> "IdealPoint":
        return cls(prior.space, _inner().blank(_wide(prior, settings or Settings())))

    @classmethod
    def fit(
        cls,
        comparisons: Sequence[Comparison],
        features: Features,
        prior: Prior,
        settings: Settings | None = None,
    ) -> "IdealPoint":
        same_space(prior.space, features.space)
        # Temperature and tie width are settled without the squares: a tenth of the work.
        knobs = _inner().fit(comparisons, features, prior)
        wide = _wide(prior, settings or Settings())
        start = _inner().blank(wide, knobs.scale, knobs.tie)
        return cls(prior.space, start.again(comparisons, _bent(comparisons, features), wide))

    def again(
        self, comparisons: Sequence[Comparison], features: Features, prior: Prior
    ) -> "IdealPoint":
        """A fit to other answers with the knobs of this one."""
        same_space(prior.space, features.space)
        wide = _wide(prior, Settings())
        made = self.inner.again(comparisons, _bent(comparisons, features), wide)
        return IdealPoint(self.space, made)

    def update(self, comparison: Comparison, features: Features) -> "IdealPoint":
        same_space(self.space, features.space)
        return IdealPoint(self.space, self.inner.update(comparison, _bent([comparison], features)))

    def view(self, items: Array) -> View:
        found: View = self.inner.view(squares(items))
        return found

    def moved(self, made: Gaussian) -> "IdealPoint":
        return IdealPoint(self.space, self.inner.moved(made))

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its posterior deviation (n,) of items (n, d), in logits."""
        found: tuple[Array, Array] = self.inner.believe(squares(vectors))
        return found

    def prob(self, left: Array, right: Array) -> Float:
        """Without the side bias: which is liked more, not which is clicked."""
        return np.asarray(self.inner.prob(squares(left), squares(right)))

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """See meeting.foretell."""
        same_space(self.space, features.space)
        asked = Features(features.space, np.array(question.items, np.int64),
                         squares(features.of(question.items)))  # fmt: skip
        return float(self.inner.predict(question, outcome, asked))

    def best(self) -> Float:
        """(d,) the best place along each axis; nan where more (or less) is better without end."""
        d = (len(self.inner.mean) - 2) // 2
        slope, bend = self.inner.mean[:d], self.inner.mean[d : 2 * d]
        return np.where(bend < -1e-9, slope / (-np.sqrt(2.0) * bend.clip(None, -1e-9)), np.nan)

    def state(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = self.inner.state()
        return found

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "IdealPoint":
        return cls(space, _inner().from_state(state, space))


def squares(vectors: Array) -> Array:
    """(n, 2 d) of (n, d): the features, then their squares with mean 0 and deviation 1 under N."""
    x = np.asarray(vectors, np.float32)
    return np.concatenate([x, (x * x - 1.0) / np.float32(np.sqrt(2.0))], 1)


def _inner() -> Any:
    return PREFERENCE["bradley_terry"].load()


def _bent(comparisons: Sequence[Comparison], features: Features) -> Features:
    """Of the items that were asked about only: a pool is not squared for one answer."""
    ids = np.unique([i for c in comparisons for i in c.question.items]).astype(np.int64)
    return Features(features.space, ids, squares(features.of(ids.tolist())))


def _wide(prior: Prior, s: Settings) -> Prior:
    spread = prior.var if prior.var.ndim == 1 else np.diag(prior.var)
    mean = np.concatenate([prior.mean, np.zeros(len(prior.mean))])
    if prior.var.ndim == 1:
        return Prior(prior.space, mean, np.concatenate([prior.var, s.share * spread]))
    d = len(spread)
    var = np.zeros((2 * d, 2 * d))
    var[:d, :d], var[d:, d:] = prior.var, s.share * np.diag(spread)
    return Prior(prior.space, mean, var)
