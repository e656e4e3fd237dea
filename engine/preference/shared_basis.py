"""A person as a few weights over directions that many people share, on top of the population.

s(x) = follow * base . x + sum_k w_k (v_k . x): LoRe (V w, arXiv 2504.14439) and PReF (phi lambda,
arXiv 2503.06358) in their Bayesian form: w ~ N(0, I) over the root of the prior's covariance,
follow ~ N(1, small), Laplace as in engine/laplace.py. Assumes that the prior was learnt from people
(engine/preference/population.py) or from a pool and that its covariance is of low rank: what lies
outside the leading `rank` directions is not learnt. The step costs O(rank^2) whatever d is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Array, Comparison, Features, Outcome, Question, same_space
from engine.meeting import foretell
from engine.preference.base import Prior

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    rank: int = field(default=32, metadata={"help": "directions kept", "low": 1, "high": 256})
    least: float = field(
        default=1e-4,
        metadata={"help": "directions with less of the leading variance are dropped", "low": 0.0},
    )
    follow: float = field(
        default=0.2,
        metadata={"help": "deviation between people of how far they follow the population"},
    )


@dataclass(frozen=True)
class SharedBasis:
    """axes (d, K + 1): the population's direction, then the shared ones scaled by their deviation.

    mean (K + 3,) and cov: belief over (follow, w, side, level).
    """

    space: str
    axes: Float
    mean: Float
    cov: Float

    @classmethod
    def blank(cls, prior: Prior, settings: Settings | None = None) -> "SharedBasis":
        s = settings or Settings()
        base, root = np.asarray(prior.mean, np.float64), _root(prior.var, s)
        var = np.ones(root.shape[1] + 1)
        var[0] = s.follow**2
        start = laplace.prior_of(np.eye(len(var))[0], var)
        return cls(prior.space, np.column_stack([base, root]), start.mean, start.cov)

    @classmethod
    def fit(
        cls, comparisons: Sequence[Comparison], features: Features, prior: Prior
    ) -> "SharedBasis":
        same_space(prior.space, features.space)
        blank = cls.blank(prior)
        batches = laplace.pack([blank._read(c, features) for c in comparisons])
        made, _ = laplace.fit(laplace.Gaussian(blank.mean, blank.cov), batches)
        return cls(prior.space, blank.axes, made.mean, made.cov)

    def update(self, comparison: Comparison, features: Features) -> "SharedBasis":
        same_space(self.space, features.space)
        made = laplace.update(
            laplace.Gaussian(self.mean, self.cov), self._read(comparison, features)
        )
        return SharedBasis(self.space, self.axes, made.mean, made.cov)

    def _read(self, c: Comparison, features: Features) -> laplace.Answer | None:
        items = c.question.items
        z = (features.of(items) @ self.axes).astype(np.float32)
        return laplace.read(z, items, c.outcome, c.strength)

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its posterior deviation (n,) of vectors (n, d), in logits."""
        z = np.asarray(vectors, np.float64) @ self.axes
        mean, std = laplace.scores(laplace.Gaussian(self.mean, self.cov), z)
        return mean.astype(np.float32), std.astype(np.float32)

    def prob(self, left: Array, right: Array) -> Float:
        """Without the side bias: which is liked more, not which is clicked."""
        mean, std = self.believe(np.asarray(left) - np.asarray(right))
        return laplace.chance(mean.astype(np.float64), std.astype(np.float64) ** 2)

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """See meeting.foretell."""
        same_space(self.space, features.space)
        z = (features.of(question.items) @ self.axes).astype(np.float32)
        return foretell(laplace.Gaussian(self.mean, self.cov), z, question.items, outcome)

    def direction(self) -> Array:
        """The mean taste as a unit vector (d,); zeros before anything is known."""
        u = self.axes @ self.mean[:-2]
        size = float(np.linalg.norm(u))
        return (u / size if size > 0 else u).astype(np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"axes": self.axes, "mean": self.mean, "cov": self.cov}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "SharedBasis":
        axes, mean, cov = (np.array(state[k], np.float64) for k in ("axes", "mean", "cov"))
        return cls(space, axes, mean, cov)


def _root(var: NDArray[np.float64], s: Settings) -> Float:
    """(d, K) with root @ root.T close to the covariance: its leading directions."""
    if var.ndim == 1:
        values, vectors = np.asarray(var, np.float64), np.eye(len(var))
    else:
        values, vectors = np.linalg.eigh(var)
    order = np.argsort(-values, kind="stable")[: s.rank]
    order = order[values[order] > s.least * values[order[0]]]
    root: Float = vectors[:, order] * np.sqrt(values[order])
    return root
