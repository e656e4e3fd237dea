"""PAL-A: a person is a mixture of K ideal points that many people share (arXiv 2406.08469).

score(x) = -scale |f(x) - w P|^2, f linear, w on the simplex: zero at the ideal point, in logits.
Many people teach f, P and their w by a logistic loss on the difference of two scores (`learn`,
full-batch Adam). A new person fits w alone, by Newton on the simplex with a pull to the uniform
mixture, pull * mean log w (concave: one answer, no start to choose; a softmax would stick in
corners), and capped steps; its doubt is the curvature there, along the simplex.
Assumes K shared tastes suffice: the opposite of a prototype can only be said through another one.
PAL-B is pal_prompts.py; a deep f is nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import same_space

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    prototypes: int = field(default=3, metadata={"help": "ideal points", "low": 1, "high": 32})
    steps: int = field(default=600, metadata={"help": "steps of Adam", "low": 1, "high": 10000})
    scale: float = field(default=10.0, metadata={"help": "logits to a unit of squared distance"})
    pull: float = field(
        default=0.25, metadata={"help": "answers that the uniform mixture counts for"}
    )
    cap: float = field(
        default=0.9, metadata={"help": "share of the way to the edge of a step", "low": 0.01}
    )
    rounds: int = field(default=40, metadata={"help": "steps for a new person", "low": 1})


@dataclass(frozen=True)
class Shared:
    """What people share: f (d, r), points (K, r), scale in logits, in a named space."""

    space: str
    f: Float
    points: Float
    scale: float

    def pieces(self, won: NDArray[Any], lost: NDArray[Any]) -> tuple[Float, Float]:
        """A pair's margin is linear in w: a . w + b, for a (..., K), b (...), from features.

        |f y - u|^2 - |f x - u|^2 = |f y|^2 - |f x|^2 + 2 u . (f x - f y), u = w P.
        """
        x, y = np.asarray(won, np.float64) @ self.f, np.asarray(lost, np.float64) @ self.f
        a = 2.0 * self.scale * (x - y) @ self.points.T
        return a, self.scale * ((y**2).sum(-1) - (x**2).sum(-1))

    def score(self, vectors: NDArray[Any], weights: Float) -> Float:
        """(..., n) liking in logits of vectors (n, d) under mixtures (..., K): at most zero."""
        z = np.asarray(vectors, np.float64) @ self.f
        ideal = weights @ self.points
        return np.asarray(-self.scale * ((z - ideal[..., None, :]) ** 2).sum(-1))

    def state(self) -> dict[str, NDArray[Any]]:
        return {"f": self.f, "points": self.points, "scale": np.array(self.scale)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "Shared":
        f, points = (np.array(state[k], np.float64) for k in ("f", "points"))
        return cls(space, f, points, float(state["scale"]))


def softmax(logits: Float) -> Float:
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def learn(
    won: NDArray[Any], lost: NDArray[Any], space: str, seed: int = 0,
    settings: Settings | None = None, offset: Float | float = 0.0,
) -> tuple[Shared, Float]:  # fmt: skip
    """Shared parts and mixtures (p, K) from pairs won, lost (p, m, d); nan rows are not asked.
    `offset` (p, m): margins already known, from the population, in logits.
    """
    s = settings or Settings()
    seen = ~np.isnan(won).any(-1) & ~np.isnan(lost).any(-1)
    won, lost = (np.where(seen[..., None], v, 0.0) for v in (won, lost))
    people, _, d = won.shape
    rng = np.random.default_rng(seed)
    parts = {"f": np.eye(d), "points": rng.standard_normal((s.prototypes, d)) / np.sqrt(d),
             "w": np.zeros((people, s.prototypes))}  # fmt: skip
    parts["w"] += 0.1 * rng.standard_normal(parts["w"].shape)
    rates = {"f": 0.005, "points": 0.02, "w": 0.05}
    first = {k: np.zeros_like(v) for k, v in parts.items()}
    second = {k: np.zeros_like(v) for k, v in parts.items()}
    for t in range(1, s.steps + 1):
        for k, g in _gradient(parts, won, lost, seen, (s.scale, offset)).items():
            first[k] = 0.9 * first[k] + 0.1 * g
            second[k] = 0.999 * second[k] + 0.001 * g**2
            size = np.sqrt(second[k] / (1 - 0.999**t)) + 1e-8
            parts[k] = parts[k] - rates[k] * first[k] / (1 - 0.9**t) / size
    return Shared(space, parts["f"], parts["points"], s.scale), softmax(parts["w"])


def _gradient(
    parts: Mapping[str, Float],
    won: Float,
    lost: Float,
    seen: NDArray[np.bool_],
    known: tuple[float, Float | float],
) -> dict[str, Float]:
    """Of the mean of -log sigma(margin) over people and pairs."""
    scale, offset = known
    f, points, w = parts["f"], parts["points"], softmax(parts["w"])
    x, y = won @ f, lost @ f
    ideal = w @ points
    gap = x - y
    margin = scale * ((y**2).sum(-1) - (x**2).sum(-1) + 2.0 * (gap @ ideal[..., None])[..., 0])
    slope = (
        -(1.0 - laplace.sigmoid(margin + offset)) * seen * scale / seen.sum()
    )  # d loss / d (m / scale)
    gx = 2.0 * slope[..., None] * (ideal[:, None, :] - x)
    gy = 2.0 * slope[..., None] * (y - ideal[:, None, :])
    d = won.shape[-1]
    grad_f = won.reshape(-1, d).T @ gx.reshape(-1, gx.shape[-1])
    grad_f += lost.reshape(-1, d).T @ gy.reshape(-1, gy.shape[-1])
    grad_ideal = 2.0 * (slope[:, None, :] @ gap)[:, 0]
    grad_w = grad_ideal @ points.T
    grad_logits = w * (grad_w - (w * grad_w).sum(-1, keepdims=True))
    return {"f": grad_f, "points": w.T @ grad_ideal, "w": grad_logits}


def mixtures(
    shared: Shared, won: NDArray[Any], lost: NDArray[Any], space: str,
    settings: Settings | None = None,
) -> tuple[Float, Float]:  # fmt: skip
    """New people, all at once: weights (p, K) at the mode and their covariance (p, K, K), from
    pairs (p, m, d); nan rows say nothing. Uniform before any answer.
    """
    same_space(shared.space, space)
    seen = ~np.isnan(won).any(-1) & ~np.isnan(lost).any(-1)
    a, b = shared.pieces(*(np.where(seen[..., None], v, 0.0) for v in (won, lost)))
    return of_pieces(a, b, seen.astype(np.float64), settings)


def of_pieces(
    a: Float, b: Float, label: Float, settings: Settings | None = None
) -> tuple[Float, Float]:
    """The same from margins a . w + b, a (p, m, K); label 1 won, -1 lost, 0 says nothing.

    Newton on the simplex: concave in w, the pull is the barrier. A step goes at most `cap` of the
    way to the edge, and half as far where it does not climb.
    """
    s = settings or Settings()
    people, _, k = a.shape
    w: Float = np.full((people, k), 1.0 / k)
    value, grad, hess = _posterior(w, a, b, label, s.pull)
    for _ in range(s.rounds):
        step = _along(hess, grad)
        room = np.where(step < 0, -w / np.minimum(step, -1e-300), np.inf).min(1)
        step *= np.minimum(1.0, s.cap * room)[:, None]
        for _ in range(20):
            new = _posterior(w + step, a, b, label, s.pull)
            stuck = new[0] < value - 1e-12
            if not stuck.any():
                break
            step = np.where(stuck[:, None], 0.5 * step, step)
        w, (value, grad, hess) = w + step, new
        if np.abs(step).max(initial=0.0) < 1e-7:
            break
    inverse = np.linalg.inv(hess)
    side = inverse.sum(2)
    cov = inverse - side[:, :, None] * side[:, None, :] / side.sum(1)[:, None, None]
    return w, np.asarray(cov)


def _along(hess: Float, grad: Float) -> Float:
    """The Newton step (p, K) whose entries sum to zero."""
    ones = np.ones_like(grad)
    both = np.linalg.solve(hess, np.stack([grad, ones], -1))
    total = both.sum(1)
    return np.asarray(both[..., 0] - both[..., 1] * (total[:, 0] / total[:, 1])[:, None])


def _posterior(
    w: Float, a: Float, b: Float, label: Float, pull: float
) -> tuple[Float, Float, Float]:
    """Log-posterior (p,), its gradient (p, K), minus its Hessian (p, K, K), in w."""
    margin = label * ((a @ w[..., None])[..., 0] + b)
    like = -np.logaddexp(0.0, -margin) * (label != 0)
    p = laplace.sigmoid(margin)
    part = pull / w.shape[1]
    grad = ((label * (1.0 - p))[:, None, :] @ a)[:, 0] + part / w
    bend = (p * (1.0 - p) * (label != 0))[..., None]
    hess = (a * bend).swapaxes(1, 2) @ a + (part / w**2)[:, :, None] * np.eye(w.shape[1])
    return like.sum(1) + part * np.log(w).sum(1), grad, hess


def prob(a: Float, b: Float, w: Float, cov: Float) -> Float:
    """(p, q) chance that a pair a (p, q, K), b (p, q) goes as written, the doubt of w included."""
    var = ((a @ cov) * a).sum(-1)
    return laplace.chance((a @ w[..., None])[..., 0] + b, var)
