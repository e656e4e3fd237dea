"""A Gaussian over one direction of taste, read from pairs, ties and grids.

A person's utility is linear, s(x) = u . x, and choices are logistic: Bradley-Terry with ties for
pairs, partial Plackett-Luce for grids. Papers: Bradley & Terry 1952; Davidson 1970; Plackett 1975;
inference: Laplace (engine/laplace.py, where the equations stand). Assumes one direction and one
temperature a person; does not model ideal points, contexts or slips of the hand.
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

Z90 = 1.645


@dataclass(frozen=True)
class Settings:
    scales: tuple[float, ...] = field(
        default=(0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8),
        metadata={"help": "temperatures the full refit chooses from, by evidence; 1 is the prior"},
    )
    scale_sd: float = field(
        default=0.5,
        metadata={"help": "prior deviation of the log temperature", "low": 0.05, "high": 3.0},
    )
    ties: tuple[float, ...] = field(
        default=(0.03, 0.1, 0.3, 1.0, 3.0),
        metadata={"help": "widths of a tie the refit chooses from; 1: a tie of equals is as likely "
                          "as either pick"},
    )  # fmt: skip
    tie_sd: float = field(
        default=1.5,
        metadata={"help": "prior deviation of the log width", "low": 0.05, "high": 5.0},
    )
    enough: int = field(
        default=15, metadata={"help": "answers before those two may move", "low": 1, "high": 1000}
    )


@dataclass(frozen=True)
class BradleyTerry:
    """mean (d + 2,) and cov over (u, side, level) in logits; knobs: temperature and tie width."""

    space: str
    mean: NDArray[np.float64]
    cov: NDArray[np.float64]
    scale: float = 1.0
    tie: float = laplace.TIE

    @classmethod
    def blank(cls, prior: Prior, scale: float = 1.0, tie: float = laplace.TIE) -> "BradleyTerry":
        start = laplace.prior_of(prior.mean, prior.var, scale)
        return cls(prior.space, start.mean, start.cov, scale, tie)

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
        batches = laplace.pack([_read(c, features) for c in comparisons])
        if sum(len(b.rows) for b in batches) < settings.enough:
            return cls._fit(prior, batches, (1.0, laplace.TIE), settings)[0]
        best = cls._fit(prior, batches, (1.0, laplace.TIE), settings)
        paired = any(b.form[0] != "grid" for b in batches)
        # The two hardly meet in the likelihood, so one after the other finds the peak.
        for knobs in [(s, laplace.TIE) for s in settings.scales if s != 1.0]:
            best = max(best, cls._fit(prior, batches, knobs, settings), key=_worth)
        if paired:
            for knobs in [(best[0].scale, t) for t in settings.ties if t != laplace.TIE]:
                best = max(best, cls._fit(prior, batches, knobs, settings), key=_worth)
        return best[0]

    def again(
        self, comparisons: Sequence[Comparison], features: Features, prior: Prior
    ) -> "BradleyTerry":
        """A fit to other answers with the knobs of this one: a twelfth of the work of `fit`."""
        same_space(prior.space, features.space)
        batches = laplace.pack([_read(c, features) for c in comparisons])
        return self._fit(prior, batches, (self.scale, self.tie), Settings())[0]

    @classmethod
    def _fit(
        cls,
        prior: Prior,
        batches: Sequence[laplace.Batch],
        knobs: tuple[float, float],
        settings: Settings,
    ) -> "tuple[BradleyTerry, float]":
        """The belief under fixed knobs, and its log-evidence with the prior of the knobs."""
        scale, tie = knobs
        start = laplace.prior_of(prior.mean, prior.var, scale)
        made, worth = laplace.fit(start, batches, log(tie))
        worth -= 0.5 * (log(scale) / settings.scale_sd) ** 2
        worth -= 0.5 * (log(tie / laplace.TIE) / settings.tie_sd) ** 2
        return cls(prior.space, made.mean, made.cov, scale, tie), worth

    def before(self, prior: Prior) -> "BradleyTerry":
        """The same belief before any answer, in the same units: what doubt is measured against."""
        return self.blank(prior, self.scale, self.tie)

    def doubt(self, spread: Array) -> float:
        """Mean posterior variance of vectors with second moments `spread` (d, d): tr(cov spread),
        at O(d^2) however many vectors there are.
        """
        d = len(spread)
        return float(np.einsum("ij,ij->", self.cov[:d, :d], spread))

    def update(self, comparison: Comparison, features: Features) -> "BradleyTerry":
        same_space(self.space, features.space)
        answer = _read(comparison, features)
        made = laplace.update(laplace.Gaussian(self.mean, self.cov), answer, log(self.tie))
        return self.moved(made)

    def view(self, items: Array) -> View:
        return View(laplace.Gaussian(self.mean, self.cov), items, log(self.tie))

    def moved(self, made: laplace.Gaussian) -> "BradleyTerry":
        return BradleyTerry(self.space, made.mean, made.cov, self.scale, self.tie)

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its posterior deviation (n,) of vectors (n, d), in logits."""
        made = laplace.Gaussian(self.mean, self.cov)
        mean, std = laplace.scores(made, np.asarray(vectors, np.float64))
        return mean.astype(np.float32), std.astype(np.float32)

    def joint(self, vectors: Array) -> tuple[Array, Array]:
        """Mean (n,) and root (n, r) of all scores at once: their covariance is root @ root.T."""
        d = len(self.mean) - 2
        cov = self.cov[:d, :d]
        lift = 1e-10 * float(np.trace(cov)) / d
        root = np.linalg.cholesky(cov + lift * np.eye(d)).astype(np.float32)
        x = np.asarray(vectors, np.float32)
        return x @ self.mean[:d].astype(np.float32), x @ root

    def prob(self, left: Array, right: Array) -> NDArray[np.float64]:
        """Without the side bias: which is liked more, not which is clicked."""
        mean, std = self.believe(np.asarray(left) - np.asarray(right))
        return laplace.chance(mean.astype(np.float64), std.astype(np.float64) ** 2)

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """See meeting.foretell."""
        same_space(self.space, features.space)
        made = laplace.Gaussian(self.mean, self.cov)
        z = features.of(question.items)
        return foretell(made, z, question.items, outcome, log(self.tie))

    def direction(self) -> Array:
        """The mean taste as a unit vector (d,); zeros before anything is known."""
        u = self.mean[:-2]
        size = float(np.linalg.norm(u))
        return (u / size if size > 0 else u).astype(np.float32)

    def side(self) -> tuple[float, float, float]:
        """Pull towards the left side in logits: mean and 90 % interval."""
        d = len(self.mean) - 2
        mean, sd = float(self.mean[d]), float(np.sqrt(self.cov[d, d]))
        return mean, mean - Z90 * sd, mean + Z90 * sd

    def state(self) -> dict[str, NDArray[Any]]:
        return {"mean": self.mean, "cov": self.cov, "knobs": np.array([self.scale, self.tie])}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "BradleyTerry":
        scale, tie = (float(k) for k in state["knobs"])
        return cls(
            space,
            np.array(state["mean"], np.float64),
            np.array(state["cov"], np.float64),
            scale,
            tie,
        )


def _read(c: Comparison, features: Features) -> laplace.Answer | None:
    items = c.question.items
    return laplace.read(features.of(items), items, c.outcome, c.strength)


def _worth(found: tuple[BradleyTerry, float]) -> float:
    return found[1]
