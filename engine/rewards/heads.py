"""Fitted axes: one linear head an attribute over frozen vectors, learnt from ratings.

HelpSteer2's attribute regression (founding paper 25) with the recipe of ArmoRM (arXiv 2406.12845):
ridge without intercept, attribute by attribute, alpha by validation, missing ratings left out, then
freed of length. Validation leaves each item out once, in closed form from the hat matrix. Assumes
ratings around a middle of zero (take the middle of the scale away first); does not learn which
attribute matters to whom: that is the direction of preference/dpa.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Features, same_space
from engine.rewards.base import Float


@dataclass(frozen=True)
class Settings:
    alphas: tuple[float, ...] = field(
        default=(1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4),
        metadata={"help": "strengths of the ridge that are tried for each attribute"},
    )


@dataclass(frozen=True)
class Heads:
    """weights (d, a) in `space`; alphas (a,) as chosen; wordy (a,): score per unit of length."""

    space: str
    names: tuple[str, ...]
    weights: Float
    alphas: Float
    wordy: Float

    def score(self, features: Features, length: NDArray[Any] | None = None) -> Float:
        """(n, a). With the items' length (n,) given, what length alone explains is taken away."""
        same_space(self.space, features.space)
        raw = np.asarray(features.matrix, np.float64) @ self.weights
        if length is None:
            return raw
        return np.asarray(raw - np.asarray(length, np.float64)[:, None] * self.wordy)

    def freed(self, features: Features, length: NDArray[Any]) -> "Heads":
        """The same heads, with the multiples of length that these items show (n of them)."""
        return replace(self, wordy=multiples(self.score(features), length))

    def state(self) -> dict[str, NDArray[Any]]:
        return {"names": np.array(self.names), "weights": self.weights, "alphas": self.alphas,
                "wordy": self.wordy}  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "Heads":
        weights, alphas, wordy = (np.array(state[k], np.float64) for k in
                                  ("weights", "alphas", "wordy"))  # fmt: skip
        return cls(space, tuple(str(n) for n in state["names"]), weights, alphas, wordy)


def fit(
    features: Features,
    ratings: NDArray[Any],
    names: Sequence[str],
    settings: Settings | None = None,
) -> Heads:
    """ratings (n, a), nan where nobody rated; an attribute without any rating is an error."""
    x, y = np.asarray(features.matrix, np.float64), np.asarray(ratings, np.float64)
    if y.shape != (len(x), len(names)):
        raise ValueError(f"ratings are {y.shape}; give one row an item and one column a name")
    weights, alphas = np.zeros((x.shape[1], len(names))), np.zeros(len(names))
    tried, parts = (settings or Settings()).alphas, {}
    for k, name in enumerate(names):
        rated = ~np.isnan(y[:, k])
        if not rated.any():
            raise ValueError(f"nobody rated {name!r}; rate some items or leave the attribute out")
        if (same := rated.tobytes()) not in parts:  # mostly all are rated on the same items
            parts[same] = np.linalg.svd(x[rated], full_matrices=False)
        weights[:, k], alphas[k] = ridge(parts[same], y[rated, k], tried)
    return Heads(features.space, tuple(names), weights, alphas, np.zeros(len(names)))


def ridge(x: tuple[Float, Float, Float], y: Float, alphas: Sequence[float]) -> tuple[Float, float]:
    """(d,) weights w = (X'X + alpha I)^-1 X'y, and the alpha with the least left-out error.

    x: the singular value decomposition of X (n, d).
    """
    left, sizes, right = x
    along = left.T @ y
    best = (np.inf, 0.0)
    for alpha in alphas:
        kept = sizes**2 / (sizes**2 + alpha)
        away = y - left @ (kept * along)
        # The error of an item that was left out: e_i / (1 - h_i).
        out = away / (1.0 - (left**2) @ kept).clip(1e-9)
        best = min(best, (float(np.mean(out**2)), float(alpha)))
    shrunk = sizes / (sizes**2 + best[1])
    return np.asarray(right.T @ (shrunk * along)), best[1]


def multiples(scores: NDArray[Any], length: NDArray[Any]) -> Float:
    """(a,) m with corr(score - m * length, length) = 0; 0 where all lengths are alike."""
    away = np.asarray(length, np.float64) - np.mean(length)
    spread = float(away @ away)
    if spread == 0.0:
        return np.zeros(np.asarray(scores).shape[1])
    return np.asarray(away @ np.asarray(scores, np.float64) / spread)
