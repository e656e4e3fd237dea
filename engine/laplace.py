"""The Gaussian belief of a linear utility from comparisons: pure functions shared by methods.

Coordinates: theta = (u, b, c) of size d + 2. u is the personal vector in a named space, b the side
bias (added to the left item of a pair), c the level above which an item counts as good.
Utilities are s(x) = u . x; all likelihoods are logistic.

Sources: Bradley-Terry and Plackett-Luce likelihoods; the Gaussian step is assumed-density
filtering (one projected Newton step per answer, in the span of the answer's rows), the refit is
the Laplace approximation at the MAP. Bishop, PRML, sections 4.4 and 4.5, for both and for the
probit correction kappa(v) = (1 + pi v / 8)^(-1/2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Outcome

Float = NDArray[np.float64]
SIDE_VAR, LEVEL_VAR = 0.09, 1.0
NEWTON_STEPS = 3


@dataclass(frozen=True)
class Gaussian:
    """mean (D,), cov (D, D) float64, symmetric."""

    mean: Float
    cov: Float


@dataclass(frozen=True)
class Choice:
    """A softmax over rows: item 0 of `rows` was taken out of all of them, with a weight.

    rows: (k, D); the log-likelihood is weight * (z[0] - logsumexp(z)), z = rows @ theta.
    """

    rows: Float
    weight: float = 1.0


def sigmoid(x: Float | float) -> Float:
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, np.float64)))


def prior_of(mean: Float, var: Float) -> Gaussian:
    """Prior over (u, b, c) from the mean and the variance (d,) or covariance (d, d) of u."""
    d = len(mean)
    cov = np.zeros((d + 2, d + 2))
    cov[:d, :d] = np.diag(var) if var.ndim == 1 else var
    cov[d, d], cov[d + 1, d + 1] = SIDE_VAR, LEVEL_VAR
    return Gaussian(np.concatenate([mean, np.zeros(2)]), cov)


def choices(
    features: Array,
    order: Sequence[int],
    outcome: Outcome,
    strength: float,
    scale: float = 1.0,
    tie: float = 0.5,
) -> list[Choice]:
    """An answer as softmax choices. features (m, d) in display order, `order` the ids shown.

    Pair pick: two rows, the left one carries the side column. Grid: one choice per pick out of
    what was left (partial Plackett-Luce). Both good / bad: each item against the level c.
    """
    m, d = features.shape
    rows = np.zeros((m, d + 2))
    rows[:, :d] = features / scale
    if outcome.word == "skip":
        return []
    if outcome.word:
        sign = 1.0 if outcome.word == "both_good" else -1.0
        level = np.zeros(d + 2)
        level[d + 1] = 1.0
        zero = np.zeros(d + 2)
        absolute = [Choice(np.stack([sign * (r - level), zero]), strength) for r in rows]
        # A tie says that neither beats the other clearly: half a vote each way.
        tied = [Choice(rows, tie * strength), Choice(rows[::-1], tie * strength)]
        return absolute + tied
    if m == 2:
        rows[0, d] = 1.0
    left = list(range(m))
    found = []
    for pick in outcome.picks:
        k = list(order).index(pick)
        left.remove(k)
        if left:
            found.append(Choice(rows[[k, *left]], strength))
    return found


def _terms(choice: Choice, theta: Float) -> tuple[float, Float, Float]:
    """Log-likelihood, gradient in z (k,), and Fisher weights p (k,) of one choice."""
    z = choice.rows @ theta
    z = z - z.max()
    p = np.exp(z)
    p /= p.sum()
    g = -p
    g[0] += 1.0
    return choice.weight * float(np.log(max(p[0], 1e-300))), choice.weight * g, p


def update(belief: Gaussian, found: Sequence[Choice]) -> Gaussian:
    """One answer into the belief: the MAP along the answer's rows, then the Fisher downdate.

    O(r D^2) for r rows, whatever came before. The iterate stays in mean + cov @ span(rows).
    """
    if not found:
        return belief
    # Differences against the last row span the same space with one column less.
    diffs = [c.rows[:-1] - c.rows[-1] for c in found]
    basis = np.concatenate(diffs)  # (r, D)
    lifted = basis @ belief.cov  # (r, D)
    gram = lifted @ basis.T
    start = basis @ belief.mean
    alpha = np.zeros(len(basis))
    for _ in range(NEWTON_STEPS):
        grad, fisher = _dual(found, diffs, start + gram @ alpha)
        # Stationary: alpha = grad(z0 + gram alpha); Newton with d grad / dz = -fisher.
        step = np.linalg.solve(np.eye(len(alpha)) + fisher @ gram, grad - alpha)
        alpha = alpha + step
        if np.abs(step).max() < 1e-6:
            break
    _, fisher = _dual(found, diffs, start + gram @ alpha)
    middle = np.linalg.solve(np.eye(len(alpha)) + fisher @ gram, fisher)
    cov = belief.cov - lifted.T @ (middle @ lifted)
    return Gaussian(belief.mean + alpha @ lifted, 0.5 * (cov + cov.T))


def _dual(found: Sequence[Choice], diffs: Sequence[Float], z: Float) -> tuple[Float, Float]:
    """Gradient (r,) and Fisher (r, r) of all choices in the coordinates of stacked differences."""
    grad, fisher, at = np.zeros(len(z)), np.zeros((len(z), len(z))), 0
    for choice, rows in zip(found, diffs, strict=True):
        k = len(rows)
        part = np.append(z[at : at + k], 0.0)
        part = part - part.max()
        p = np.exp(part)
        p /= p.sum()
        p = p[:k]
        g = -p
        g[0] += 1.0
        grad[at : at + k] = choice.weight * g
        fisher[at : at + k, at : at + k] = choice.weight * (np.diag(p) - np.outer(p, p))
        at += k
    return grad, fisher


def fit(
    prior: Gaussian, found: Sequence[Choice], start: Float | None = None, steps: int = 30
) -> Gaussian:
    """Laplace approximation at the MAP of all answers. Independent of their order."""
    precision = np.linalg.inv(prior.cov)
    theta = prior.mean.copy() if start is None else start.copy()
    packed = _pack(found, len(theta))
    value, grad, hess = _all(packed, theta, prior, precision)
    for _ in range(steps):
        step = np.linalg.solve(hess, grad)
        size = 1.0
        while size > 1e-4:
            new, g, h = _all(packed, theta + size * step, prior, precision)
            if new >= value - 1e-10:
                break
            size *= 0.5
        theta, value, grad, hess = theta + size * step, new, g, h
        if np.abs(size * step).max() < 1e-8:
            break
    cov = np.linalg.inv(hess)
    return Gaussian(theta, 0.5 * (cov + cov.T))


def _pack(found: Sequence[Choice], dim: int) -> list[tuple[Float, Float]]:
    """Choices of the same length stacked: [(n, k, D) rows, (n,) weights]."""
    by: dict[int, list[Choice]] = {}
    for choice in found:
        by.setdefault(len(choice.rows), []).append(choice)
    return [
        (np.stack([c.rows for c in same]), np.array([c.weight for c in same]))
        for _, same in sorted(by.items())
    ]


def _all(
    packed: list[tuple[Float, Float]], theta: Float, prior: Gaussian, precision: Float
) -> tuple[float, Float, Float]:
    """Log-posterior, its gradient, and minus its Hessian."""
    away = theta - prior.mean
    value = -0.5 * float(away @ precision @ away)
    grad, hess = -precision @ away, precision.copy()
    for rows, weight in packed:
        z = rows @ theta
        z = z - z.max(1, keepdims=True)
        p = np.exp(z)
        p /= p.sum(1, keepdims=True)
        value += float(weight @ np.log(p[:, 0].clip(1e-300)))
        mean = np.einsum("nk,nkd->nd", p, rows)
        grad += weight @ (rows[:, 0] - mean)
        flat = (rows * np.sqrt(p * weight[:, None])[..., None]).reshape(-1, rows.shape[2])
        low = mean * np.sqrt(weight)[:, None]
        hess += flat.T @ flat - low.T @ low
    return value, grad, hess


def log_evidence(prior: Gaussian, belief: Gaussian, found: Sequence[Choice]) -> float:
    """Laplace estimate of the log marginal likelihood of all answers."""
    value = sum(_terms(c, belief.mean)[0] for c in found)
    away = belief.mean - prior.mean
    _, prior_det = np.linalg.slogdet(prior.cov)
    _, det = np.linalg.slogdet(belief.cov)
    return value - 0.5 * float(away @ np.linalg.solve(prior.cov, away)) + 0.5 * (det - prior_det)


def chance(mean: Float | float, var: Float | float) -> Float:
    """P(z > 0 in the logistic sense) under z ~ N(mean, var): PRML eq. 4.153-4.154."""
    return sigmoid(np.asarray(mean) / np.sqrt(1.0 + np.pi * np.asarray(var) / 8.0))
