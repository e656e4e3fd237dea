"""PAL for one person at a time: a mixture over prototypes, learnt from every kind of answer.

score(x) = tau (2 z . (w P) - q (|z|^2 - middle)), z = root' x: PAL-A's -|f(x) - w P|^2 (arXiv
2406.08469) up to what no comparison sees, with f the root of the prior's covariance. Its |z|^2 has
a weight q of its own (q = 1 is PAL), for a taste need not have a best point. Given the prototypes
the score is linear in (w, q): a Gaussian belief and Laplace as in engine/laplace.py, instead of
Newton on the simplex as in pal.py, which reads pairs only. w ~ N(1/K, the covariance of a
Dirichlet), so that weights sum to one; one may fall below zero: away from that prototype.
Assumes that the prototypes span what people want. Prototypes: prior.points, learnt from people by
pal.learn or the middles of the kinds a pool has; without them two poles on each leading direction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Array, Comparison, Features, Outcome, Question, same_space
from engine.meeting import View, foretell
from engine.preference.base import Prior

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    rank: int = field(
        default=64, metadata={"help": "directions distance is measured in", "low": 1, "high": 256}
    )
    poles: int = field(
        default=6,
        metadata={"help": "directions with two prototypes each, where none are known", "low": 1},
    )
    reach: float = field(
        default=3.0,
        metadata={"help": "deviation between people of a typical score, in logits", "low": 0.01},
    )
    bend: float = field(
        default=0.5,
        metadata={"help": "deviation of the |z|^2 part, in logits of one deviation of |z|^2"},
    )


@dataclass(frozen=True)
class PalPerson:
    """root (d, r); points (K, r) prototypes; knobs: tau, the middle and spread of |z|^2, `bend`.

    mean (K + 3,) and cov: belief over (w, q, side, level), q in deviations of |z|^2.
    """

    space: str
    root: Float
    points: Float
    knobs: Float
    mean: Float
    cov: Float

    @classmethod
    def blank(cls, prior: Prior, settings: Settings | None = None) -> "PalPerson":
        s = settings or Settings()
        root = _root(prior, s.rank)
        points = _points(prior, root, s.poles)
        k = len(points)
        # Of N(0, I) in z: |z|^2 has mean r and deviation sqrt(2 r); root' x of a pool is near it.
        spread = np.sqrt(2.0 * root.shape[1])
        w = np.eye(k) / k - 1.0 / k**2
        gaps = points @ points.T
        # tau such that the score of z ~ N(0, I) differs by `reach` between people.
        size = 2.0 * np.sqrt(max(float((w * gaps).sum()), 1e-12))
        start = np.zeros((k + 1, k + 1))
        # The jitter lets weights drift off the simplex a little: a singular prior has no inverse.
        start[:k, :k] = w + 1e-6 * np.eye(k) / k
        start[k, k] = s.bend**2 + 1e-9
        made = laplace.prior_of(np.append(np.full(k, 1.0 / k), 0.0), start)
        knobs = np.array([s.reach / size, root.shape[1], spread])
        return cls(prior.space, root, points - points.mean(0), knobs, made.mean, made.cov)

    @classmethod
    def fit(
        cls, comparisons: Sequence[Comparison], features: Features, prior: Prior
    ) -> "PalPerson":
        same_space(prior.space, features.space)
        blank = cls.blank(prior)
        batches = laplace.pack([blank._read(c, features) for c in comparisons])
        return blank.moved(laplace.fit(blank._gauss(), batches)[0])

    def update(self, comparison: Comparison, features: Features) -> "PalPerson":
        same_space(self.space, features.space)
        return self.moved(laplace.update(self._gauss(), self._read(comparison, features)))

    def moved(self, made: laplace.Gaussian) -> "PalPerson":
        return PalPerson(self.space, self.root, self.points, self.knobs, made.mean, made.cov)

    def view(self, items: Array) -> View:
        return View(self._gauss(), self._seen(items), log(laplace.TIE))

    def _gauss(self) -> laplace.Gaussian:
        return laplace.Gaussian(self.mean, self.cov)

    def _read(self, c: Comparison, features: Features) -> laplace.Answer | None:
        items = c.question.items
        return laplace.read(self._seen(features.of(items)), items, c.outcome, c.strength)

    def _seen(self, vectors: Array) -> Array:
        """(n, K + 1): what each prototype, and distance from the middle, say of vectors (n, d)."""
        tau, middle, spread = self.knobs
        z = np.asarray(vectors, np.float64) @ self.root
        near = 2.0 * tau * (z @ self.points.T)
        out: Array = np.column_stack([near, (middle - (z**2).sum(1)) / spread]).astype(np.float32)
        return out

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its posterior deviation (n,) of items (n, d), in logits."""
        mean, std = laplace.scores(self._gauss(), self._seen(vectors).astype(np.float64))
        return mean.astype(np.float32), std.astype(np.float32)

    def prob(self, left: Array, right: Array) -> Float:
        """Without the side bias: which is liked more, not which is clicked."""
        gap = self._seen(left).astype(np.float64) - self._seen(right)
        mean, std = laplace.scores(self._gauss(), gap)
        return laplace.chance(mean, std**2)

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """See meeting.foretell."""
        same_space(self.space, features.space)
        z = self._seen(features.of(question.items))
        return foretell(self._gauss(), z, question.items, outcome)

    def mixture(self) -> Float:
        """(K,) the nearest point of the simplex to the mean weights (Duchi et al. 2008)."""
        w = np.sort(self.mean[:-3])[::-1]
        over = np.cumsum(w) - 1.0
        last = np.flatnonzero(w - over / np.arange(1, len(w) + 1) > 0)[-1]
        return np.asarray((self.mean[:-3] - over[last] / (last + 1)).clip(0.0))

    def state(self) -> dict[str, NDArray[Any]]:
        return {"root": self.root, "points": self.points, "knobs": self.knobs,
                "mean": self.mean, "cov": self.cov}  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "PalPerson":
        names = ("root", "points", "knobs", "mean", "cov")
        return cls(space, *(np.array(state[k], np.float64) for k in names))


def _root(prior: Prior, rank: int) -> Float:
    """(d, r): leading directions times the prior's deviation along them."""
    if prior.var.ndim == 1:
        values, vectors = np.asarray(prior.var, np.float64), np.eye(len(prior.var))
    else:
        values, vectors = np.linalg.eigh(prior.var)
    order = np.argsort(-values, kind="stable")[:rank]
    order = order[values[order] > 1e-4 * values[order[0]]]
    return np.asarray(vectors[:, order] * np.sqrt(values[order]))


def _points(prior: Prior, root: Float, poles: int) -> Float:
    if prior.points is not None:
        return np.asarray(np.asarray(prior.points, np.float64) @ root)
    one = np.eye(root.shape[1])[: min(poles, root.shape[1])]
    return np.concatenate([one, -one])
