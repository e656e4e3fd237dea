"""What every preference model offers. Methods do not inherit from this; tests check the shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Comparison, Features, Outcome, Question


@dataclass(frozen=True)
class Prior:
    """Where a person starts: u ~ N(mean, var) in `space`. var is (d,) or a covariance (d, d).

    points (K, d): prototypes that tastes are mixtures of, where some are known.
    """

    space: str
    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    points: NDArray[np.float64] | None = None


class PreferenceModel(Protocol):
    """Immutable: update returns a new belief. Items are vectors of the model's own space."""

    space: str

    @classmethod
    def blank(cls, prior: Prior) -> "PreferenceModel":
        """Full doubt: every pair at 0.5."""

    @classmethod
    def fit(
        cls, comparisons: Sequence[Comparison], features: Features, prior: Prior
    ) -> "PreferenceModel":
        """From all answers at once; their order does not matter."""

    def update(self, comparison: Comparison, features: Features) -> "PreferenceModel":
        """One answer in, at a cost that does not depend on how many came before."""

    def prob(self, left: Array, right: Array) -> NDArray[np.float64]:
        """(n,) probability that left (n, d) is liked more than right (n, d), doubt included."""

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """Probability of this outcome, as asked, before it is learnt from."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Named arrays that `from_state` turns back into an equal belief."""

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "PreferenceModel":
        """The inverse of `state`."""
