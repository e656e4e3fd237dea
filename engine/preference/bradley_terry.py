"""A Gaussian over one direction of taste, read from pairs, ties and grids.

A person's utility is linear, s(x) = u . x, and choices are logistic: Bradley-Terry for pairs,
partial Plackett-Luce for grids. Paper: Bradley & Terry 1952; Plackett 1975. Inference: Laplace
(engine/laplace.py). Assumes one direction and one temperature a person; does not model ideal
points or contexts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Array, Comparison, Features, Outcome, Question, same_space
from engine.preference.base import Prior


@dataclass(frozen=True)
class Settings:
    scales: tuple[float, ...] = field(
        default=(0.5, 0.7, 1.0, 1.4, 2.0),
        metadata={"help": "temperatures the full refit chooses from, by evidence"},
    )
    ties: tuple[float, ...] = field(
        default=(0.25, 0.5, 1.0), metadata={"help": "how much a tie pulls two items together"}
    )
    enough: int = field(default=15, metadata={"help": "answers before those two may move"})


@dataclass(frozen=True)
class BradleyTerry:
    space: str
    mean: NDArray[np.float64]
    cov: NDArray[np.float64]
    scale: float = 1.0
    tie: float = 0.5

    @classmethod
    def blank(cls, prior: Prior) -> "BradleyTerry":
        start = laplace.prior_of(prior.mean, prior.var)
        return cls(prior.space, start.mean, start.cov)

    @classmethod
    def fit(
        cls,
        comparisons: Sequence[Comparison],
        features: Features,
        prior: Prior,
        settings: Settings | None = None,
    ) -> "BradleyTerry":
        same_space(prior.space, features.space)
        settings = settings or Settings()
        start = laplace.prior_of(prior.mean, prior.var)
        free = len(comparisons) >= settings.enough
        best: tuple[float, BradleyTerry] | None = None
        for scale in settings.scales if free else (1.0,):
            for tie in settings.ties if free and _has_ties(comparisons) else (0.5,):
                found = [x for c in comparisons for x in _read(c, features, scale, tie)]
                made = laplace.fit(start, found)
                worth = laplace.log_evidence(start, made, found) - 0.5 * (np.log(scale) / 0.35) ** 2
                if best is None or worth > best[0]:
                    best = worth, cls(prior.space, made.mean, made.cov, scale, tie)
        assert best is not None
        return best[1]

    def update(self, comparison: Comparison, features: Features) -> "BradleyTerry":
        same_space(self.space, features.space)
        found = _read(comparison, features, self.scale, self.tie)
        made = laplace.update(laplace.Gaussian(self.mean, self.cov), found)
        return BradleyTerry(self.space, made.mean, made.cov, self.scale, self.tie)

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its posterior deviation (n,) of vectors (n, d)."""
        d = len(self.mean) - 2
        x = np.asarray(vectors, np.float64) / self.scale
        var = np.einsum("nd,nd->n", x @ self.cov[:d, :d], x)
        return (
            (x @ self.mean[:d]).astype(np.float32),
            np.sqrt(var.clip(0)).astype(np.float32),
        )

    def prob(self, left: Array, right: Array) -> NDArray[np.float64]:
        mean, std = self.believe(np.asarray(left) - np.asarray(right))
        return laplace.chance(mean.astype(np.float64), std.astype(np.float64) ** 2)

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """Pair: side bias included. Grid: mean over (picked, unpicked) pairs."""
        same_space(self.space, features.space)
        x = features.of(question.items)
        if question.form == "grid":
            picked = np.isin(question.items, outcome.picks)
            if picked.all():
                return 0.5
            gaps = x[picked][:, None, :] - x[~picked][None, :, :]
            flat = gaps.reshape(-1, x.shape[1])
            return float(self.prob(flat, np.zeros_like(flat)).mean())
        d = len(self.mean) - 2
        row = np.zeros(d + 2)
        row[:d] = (x[0] - x[1]) / self.scale
        row[d] = 1.0
        left = float(laplace.chance(float(row @ self.mean), float(row @ self.cov @ row)))
        return left if outcome.picks[0] == question.items[0] else 1.0 - left

    def direction(self) -> Array:
        """The mean taste as a unit vector (d,); zeros before anything is known."""
        u = self.mean[:-2]
        size = float(np.linalg.norm(u))
        return (u / size if size > 0 else u).astype(np.float32)

    def side(self) -> tuple[float, float, float]:
        """Pull towards the left side in logits: mean and 90 % interval."""
        d = len(self.mean) - 2
        mean, sd = float(self.mean[d]), float(np.sqrt(self.cov[d, d]))
        return mean, mean - 1.645 * sd, mean + 1.645 * sd

    def factor(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean (d,) and a root L (d, d) of the covariance of u / scale, so that cov = L L^T."""
        d = len(self.mean) - 2
        cov = self.cov[:d, :d]
        root = np.linalg.cholesky(cov + 1e-10 * np.trace(cov) / d * np.eye(d))
        return self.mean[:d] / self.scale, root / self.scale

    def state(self) -> dict[str, NDArray[Any]]:
        return {"mean": self.mean, "cov": self.cov, "knobs": np.array([self.scale, self.tie])}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "BradleyTerry":
        scale, tie = (float(k) for k in state["knobs"])
        return cls(space, np.array(state["mean"]), np.array(state["cov"]), scale, tie)


def _read(c: Comparison, features: Features, scale: float, tie: float) -> list[laplace.Choice]:
    q = c.question
    return laplace.choices(features.of(q.items), q.items, c.outcome, c.strength, scale, tie)


def _has_ties(comparisons: Sequence[Comparison]) -> bool:
    return any(c.outcome.word in ("both_good", "both_bad") for c in comparisons)
