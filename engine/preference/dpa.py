"""A person as a direction along named axes, read from answers, set by hand, or both.

Directional Preference Alignment (arXiv 2402.18571, founding paper 16): R(x, v) = v . r(x) with
|v| = 1. From answers, P(A > B) = sigma(s v . (r(A) - r(B))): a Gaussian over w = s v (laplace.py),
then its length is taken off; the doubt about w is the angle in which v may lie. `neighbours` is RPS
(ICLR 2026). Assumes axes that were standardised on the pool (starter/axes.py) and a taste that
grows along them; a liking for the middle of an axis is not seen, nor is what the axes do not name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import erf, radians
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Array, Comparison, Features, Outcome, Question, same_space
from engine.meeting import foretell
from engine.preference.base import Prior

Float = NDArray[np.float64]
STEPS = 720  # angles at which the density of a direction is evaluated
TAIL = 0.05


@dataclass(frozen=True)
class Angle:
    """Where a direction points in a plane of two axes, in degrees from the first to the second.

    low <= mean <= high, an interval of 90 %; when nothing is known 90 % of the circle, 324 degrees.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class DPA:
    """mean (k + 2,), cov over (w, side, level) from answers alone; hand (k,): unit, or zeros.

    trust, 0 to 1: how far the hand takes the direction over from the answers.
    """

    space: str
    mean: Float
    cov: Float
    hand: Float
    trust: float = 0.0

    @classmethod
    def blank(cls, prior: Prior) -> "DPA":
        start = laplace.prior_of(prior.mean, prior.var)
        return cls(prior.space, start.mean, start.cov, np.zeros(len(prior.mean)))

    @classmethod
    def fit(cls, comparisons: Sequence[Comparison], features: Features, prior: Prior) -> "DPA":
        same_space(prior.space, features.space)
        start = laplace.prior_of(prior.mean, prior.var)
        made, _ = laplace.fit(start, laplace.pack([_read(c, features) for c in comparisons]))
        return cls(prior.space, made.mean, made.cov, np.zeros(len(prior.mean)))

    def update(self, comparison: Comparison, features: Features) -> "DPA":
        same_space(self.space, features.space)
        belief = laplace.Gaussian(self.mean, self.cov)
        made = laplace.update(belief, _read(comparison, features))
        return replace(self, mean=made.mean, cov=made.cov)

    def by_hand(self, weights: Array | Float, trust: float = 1.0) -> "DPA":
        """Point it: weights (k,) of any length. Answers go on being learnt underneath."""
        hand = np.asarray(weights, np.float64)
        size = float(np.linalg.norm(hand))
        if hand.shape != self.hand.shape or not np.isfinite(size) or size == 0.0:
            raise ValueError(
                f"a direction here has {len(self.hand)} finite weights, not all of them 0"
            )
        if not 0.0 <= trust <= 1.0:
            raise ValueError("trust goes from 0 (what the answers say) to 1 (what the hand says)")
        return replace(self, hand=hand / size, trust=float(trust))

    def by_answers(self) -> "DPA":
        """What the answers say, without the hand."""
        return replace(self, hand=np.zeros(len(self.hand)), trust=0.0)

    def _held(self) -> laplace.Gaussian:
        """The belief that is used: the answers', turned towards the hand and that much surer.

        Its length stays what the answers know of it: the root of E|w|^2.
        """
        if not self.trust:
            return laplace.Gaussian(self.mean, self.cov)
        k = len(self.hand)
        w, left = self.mean[:k], 1.0 - self.trust
        size = float(np.sqrt(w @ w + np.trace(self.cov[:k, :k])))
        known = float(np.linalg.norm(w))
        start = w / known if known else self.hand
        mean, cov = self.mean.copy(), self.cov.copy()
        length = left * known + self.trust * size
        mean[:k] = length * turned(start, self.hand, self.trust)
        cov[:k] *= left
        cov[:, :k] *= left
        return laplace.Gaussian(mean, cov)

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its posterior deviation (n,) of vectors (n, k), in logits."""
        mean, std = laplace.scores(self._held(), np.asarray(vectors, np.float64))
        return mean.astype(np.float32), std.astype(np.float32)

    def prob(self, left: Array, right: Array) -> Float:
        """Without the side bias: which is liked more, not which is clicked."""
        mean, std = self.believe(np.asarray(left) - np.asarray(right))
        return laplace.chance(mean.astype(np.float64), std.astype(np.float64) ** 2)

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """See meeting.foretell."""
        same_space(self.space, features.space)
        z = features.of(question.items)
        return foretell(self._held(), z, question.items, outcome)

    def weights(self) -> Float:
        """w = s v as it is used (k,): logits for one unit of each axis."""
        return self._held().mean[: len(self.hand)].copy()

    def direction(self) -> Array:
        """v as a unit vector (k,); zeros before anything is known."""
        w = self.weights()
        size = float(np.linalg.norm(w))
        return (w / size if size > 0 else w).astype(np.float32)

    def among(self, chosen: Sequence[int]) -> "DPA":
        """What the answers say of some of the axes alone, in a space of its own."""
        k = len(self.hand)
        keep = np.array([*chosen, k, k + 1])
        space = f"{self.space}:{','.join(str(c) for c in chosen)}"
        return DPA(space, self.mean[keep], self.cov[np.ix_(keep, keep)], np.zeros(len(chosen)))

    def angle(self, first: int, second: int) -> Angle:
        """Where the answers point in the plane of two axes, with the angle it may lie in."""
        pair = np.array([first, second])
        return angle_of(self.mean[pair], self.cov[np.ix_(pair, pair)])

    def state(self) -> dict[str, NDArray[Any]]:
        return {"mean": self.mean, "cov": self.cov, "hand": self.hand,
                "trust": np.array([self.trust])}  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "DPA":
        mean, cov, hand = (np.array(state[k], np.float64) for k in ("mean", "cov", "hand"))
        return cls(space, mean, cov, hand, float(state["trust"][0]))


def _read(c: Comparison, features: Features) -> laplace.Answer | None:
    items = c.question.items
    return laplace.read(features.of(items), items, c.outcome, c.strength)


def angle_of(mean: Float, cov: Float) -> Angle:
    """The angle of a Gaussian in the plane, by its density: the offset normal of Mardia 1972."""
    middle = float(np.arctan2(mean[1], mean[0]))
    around = np.linspace(-np.pi, np.pi, STEPS, endpoint=False) + np.pi / STEPS
    ways = np.stack([np.cos(middle + around), np.sin(middle + around)], 1)
    precise = np.linalg.inv(cov)
    a = np.einsum("ni,ij,nj->n", ways, precise, ways)
    d = ways @ precise @ mean / np.sqrt(a)
    normal = np.array([0.5 * (1.0 + erf(x / np.sqrt(2.0))) for x in d])
    # p(t) ~ (1 + d Phi(d) / phi(d)) / a, over its largest factor: nothing over- or underflows.
    peak = float((d * d).max())
    rise = np.sqrt(2 * np.pi) * d * normal * np.exp((d * d - peak) / 2)
    density = (np.exp(-peak / 2) + rise) / a
    share = np.cumsum(density) / density.sum()
    edges = np.concatenate([[0.0], share])
    at = np.interp([TAIL, 1.0 - TAIL], edges, np.linspace(-180.0, 180.0, STEPS + 1))
    degrees = float(np.degrees(middle))
    return Angle(degrees, degrees + min(float(at[0]), 0.0), degrees + max(float(at[1]), 0.0))


def turned(start: Float, end: Float, share: float) -> Float:
    """From one unit vector (k,) to another on the shortest arc; opposite ends pass through none."""
    cosine = float(np.clip(start @ end, -1.0, 1.0))
    across = end - cosine * start
    size = float(np.linalg.norm(across))
    if size < 1e-9:
        return np.asarray(start if share < 0.5 or cosine > 0 else end)
    theta = share * float(np.arccos(cosine))
    return np.asarray(np.cos(theta) * start + np.sin(theta) * across / size)


def neighbours(target: Float, trained: Float, k: int = 5, within: float = 30.0) -> Float:
    """(k, d) directions to generate from in place of a target beyond the trained ones (RPS).

    From the target towards the nearest of `trained` (m, d), evenly, at most `within` degrees away.
    Of what they give, keep the best by the target itself: `best`.
    """
    goal = np.asarray(target, np.float64) / np.linalg.norm(target)
    known = np.asarray(trained, np.float64)
    known = known / np.linalg.norm(known, axis=1, keepdims=True)
    near = known[int(np.argmax(known @ goal))]
    gap = float(np.arccos(np.clip(near @ goal, -1.0, 1.0)))
    reach = min(radians(within), gap) / gap if gap > 1e-9 else 0.0
    return np.stack([turned(goal, near, reach * j / max(1, k - 1)) for j in range(k)])


def best(rewards: NDArray[Any], v: NDArray[Any]) -> NDArray[np.int64]:
    """(n,) of m answers with rewards (n, m, k): argmax v . r, the rejection sampling of DPA."""
    return np.asarray((np.asarray(rewards) @ np.asarray(v)).argmax(-1), np.int64)
