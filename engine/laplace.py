"""The Gaussian belief of a linear utility from comparisons: pure functions shared by methods.

Coordinates: theta = (u, b, c) of size D = d + 2. u is the personal vector in a named space, in
logits; b the side bias (added to the left item of a pair); c the level above which an item counts
as good. Utilities are s(x) = u . x, choices are softmaxes of them:

- pick of a pair: Bradley-Terry with a tie as the third outcome (Davidson 1970, eq. 2.1). Given
  that one was picked, P(left) = sigma(s_l - s_r + b).
- both good / both bad: that tie, and P(good | tie) = sigma((s_l - c) + (s_r - c)). This is what
  two independent judgements against the level give once they are known to agree. The four
  probabilities of a pair add up to one.
- grid: partial Plackett-Luce (Plackett 1975); every pick is a softmax over what was left.
- strength multiplies the utilities of that answer: the probabilities still add up to one.

The step for one answer is Newton in the span of the answer's rows (rank 1 pair, 2 tie, m - 1
grid), then the Woodbury downdate. The refit is the Laplace approximation at the MAP (Bishop, PRML,
4.4 and 4.5). Not done here: lapses of the hand and context.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Outcome

Float = NDArray[np.float64]
Form = tuple[str, int, int]
SIDE_VAR, LEVEL_VAR = 0.09, 1.0
TIE = 0.3
ROUNDS = 30
CLOSE = 1e-7
# Of a Newton step in the weight of one answer: what is left after it is about its square.
NEAR = 1e-4


@dataclass(frozen=True)
class Gaussian:
    """mean (D,), cov (D, D) float64, exactly symmetric."""

    mean: Float
    cov: Float


@dataclass(frozen=True)
class Answer:
    """One answer as rows (q, D), y = rows @ theta, and the form of its likelihood in y.

    Forms: ("pick", 2, 1) winner - loser; ("tie", 2, 0) left - right and +-(left + right - 2 c);
    ("grid", m, k) picks in click order, then the rest, each minus the last row.
    """

    form: Form
    rows: Float


@dataclass(frozen=True)
class Batch:
    """Answers of one form stacked: rows (n, q, D)."""

    form: Form
    rows: Float


def sigmoid(x: Float | float) -> Float:
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, np.float64)))


def chance(mean: Float | float, var: Float | float) -> Float:
    """Mean of sigma(z) under z ~ N(mean, var): PRML eq. 4.153-4.154 (MacKay 1992)."""
    return sigmoid(np.asarray(mean) / np.sqrt(1.0 + np.pi * np.asarray(var) / 8.0))


def prior_of(mean: Float, var: Float, scale: float = 1.0) -> Gaussian:
    """Prior over (u, b, c); var is (d,) or (d, d). `scale` is the temperature: u is u / scale."""
    d = len(mean)
    cov = np.zeros((d + 2, d + 2))
    cov[:d, :d] = (np.diag(var) if var.ndim == 1 else var) / scale**2
    cov[d, d], cov[d + 1, d + 1] = SIDE_VAR, LEVEL_VAR
    return Gaussian(np.concatenate([np.asarray(mean, np.float64) / scale, np.zeros(2)]), cov)


def read(features: Array, shown: Sequence[int], outcome: Outcome, strength: float) -> Answer | None:
    """An answer about features (m, d) in display order, `shown` their ids; None when skipped."""
    if outcome.word == "skip":
        return None
    m, d = features.shape
    x = np.asarray(features, np.float64)
    if outcome.word:
        rows = np.zeros((2, d + 2))
        rows[0, :d], rows[0, d] = x[0] - x[1], 1.0
        rows[1, :d], rows[1, d + 1] = x[0] + x[1], -2.0
        rows[1] *= 1.0 if outcome.word == "both_good" else -1.0
        return Answer(("tie", 2, 0), strength * rows)
    picked = [list(shown).index(i) for i in outcome.picks]
    if m == 2:
        first = picked[0]
        row = np.zeros((1, d + 2))
        row[0, :d], row[0, d] = x[first] - x[1 - first], 1.0 - 2.0 * first
        return Answer(("pick", 2, 1), strength * row)
    order = picked + [k for k in range(m) if k not in picked]
    rows = np.zeros((m - 1, d + 2))
    rows[:, :d] = x[order[:-1]] - x[order[-1]]
    return Answer(("grid", m, min(len(picked), m - 1)), strength * rows)


@lru_cache(maxsize=64)
def _parts(form: Form) -> tuple[tuple[Float, Float], ...]:
    """Softmaxes of a form: (C (k, q), t (k,)), logits y @ C.T + log_tie * t, the first was taken.

    t is 1 at a tie and 0 elsewhere; `local` does not need it where there is none.
    """
    name, m, k = form
    half = np.array([[0.5], [-0.5], [0.0]])
    if name == "pick":
        return ((half, np.array([0.0, 0.0, 1.0])),)
    if name == "tie":
        pulled = np.concatenate([half[::-1], np.zeros((3, 1))], 1)
        return (
            (pulled, np.array([1.0, 0.0, 0.0])),
            (np.array([[0.0, 1.0], [0.0, 0.0]]), np.zeros(2)),
        )
    items = np.eye(m)[:, : m - 1]  # the last item is the origin
    return tuple((items[j:], np.zeros(m - j)) for j in range(k))


def local(form: Form, y: Float, log_tie: Float | float) -> tuple[Float, Float, Float]:
    """Log-likelihood (n,), gradient (n, q), minus the Hessian (n, q, q) in y (n, q). Concave."""
    n, q = y.shape
    value, grad, bend = np.zeros(n), np.zeros((n, q)), np.zeros((n, q, q))
    for mix, ties in _parts(form):
        z = y @ mix.T + log_tie * ties
        z -= z.max(1, keepdims=True)
        p = np.exp(z)
        total = p.sum(1, keepdims=True)
        p /= total
        mean = p @ mix
        value += z[:, 0] - np.log(total[:, 0])
        grad += mix[0] - mean
        bend += np.einsum("nk,ki,kj->nij", p, mix, mix) - mean[:, :, None] * mean[:, None, :]
    return value, grad, bend


def _likes(form: Form, y: Float, log_tie: Float | float) -> tuple[Float, Float, Float]:
    """`local`; of grids all softmaxes are taken at once: row j is over the items from j on, the
    last of which is the origin.
    """
    name, m, k = form
    if name != "grid":
        return local(form, y, log_tie)
    z = np.zeros((len(y), k, m))
    z[:, :, :-1] = y[:, None]
    z[:, _gone(m, k)] = -np.inf
    z -= z.max(2, keepdims=True)
    p = np.exp(z)
    total = p.sum(2, keepdims=True)
    p = (p / total)[:, :, :-1]
    sums = p.sum(1)
    grad = -sums
    grad[:, :k] += 1.0
    bend = -(p.transpose(0, 2, 1) @ p)
    bend.reshape(len(y), -1)[:, ::m] += sums
    own = z.diagonal(axis1=1, axis2=2).sum(1)
    return own - np.log(total).sum((1, 2)), grad, bend


@lru_cache(maxsize=64)
def _gone(m: int, k: int) -> NDArray[np.bool_]:
    """(k, m): the items that were picked before round j."""
    return np.tri(k, m, -1, dtype=bool)


def update(belief: Gaussian, answer: Answer | None, log_tie: float = log(TIE)) -> Gaussian:
    """One answer into the belief at O(q D^2), whatever came before."""
    if answer is None:
        return belief
    lifted = answer.rows @ belief.cov  # (q, D)
    gram = lifted @ answer.rows.T
    start = answer.rows @ belief.mean
    if answer.form[0] == "pick":
        return after_pick(belief, lifted[0], float(start[0]), float(gram[0, 0]), exp(log_tie))
    alpha, bend = modes(answer.form, start[None], gram[None], log_tie)
    return after(belief, lifted, gram, (alpha[0], bend[0]))


def after(belief: Gaussian, lifted: Float, gram: Float, mode: tuple[Float, Float]) -> Gaussian:
    """The belief moved to its mode: lifted = rows @ cov (q, D), gram = lifted @ rows.T (q, q)."""
    alpha, bend = mode
    # (S^-1 + A' H A)^-1 = S - S A' (I + H G)^-1 H A S
    middle = np.linalg.solve(np.eye(len(alpha)) + bend @ gram, bend)
    cov = lifted.T @ (middle @ lifted)
    cov = belief.cov - 0.5 * (cov + cov.T)
    return Gaussian(belief.mean + alpha @ lifted, cov)


def modes(form: Form, start: Float, gram: Float, log_tie: Float | float) -> tuple[Float, Float]:
    """alpha (c, q) with y = start + gram @ alpha at the modes of c beliefs that meet one answer,
    and the curvature (c, q, q) there. start (c, q), gram (c, q, q), log_tie a number or (c, 1).

    Maximises log p(y) - alpha' gram alpha / 2; stationary where alpha = grad(y). A Newton step
    that does not climb is halved, for that belief alone.
    """
    alpha, one = np.zeros_like(start), np.eye(start.shape[1])
    value, grad, bend = _likes(form, start, log_tie)
    for _ in range(ROUNDS):
        step = np.linalg.solve(one + bend @ gram, (grad - alpha)[:, :, None])[:, :, 0]
        while True:
            new = alpha + step
            pull = (gram @ new[:, :, None])[:, :, 0]
            like, grad, bend = _likes(form, start + pull, log_tie)
            high = like - 0.5 * (new * pull).sum(1)
            small = np.abs(step).max(1) < NEAR
            falls = ~small & (high < value - 1e-9)
            if not falls.any():
                break
            step[falls] *= 0.5
        alpha, value = new, high
        if small.all():
            break
    return alpha, bend


def after_pick(belief: Gaussian, lifted: Float, start: float, var: float, tie: float) -> Gaussian:
    """The same for a pick, where y is a number: Newton inside a bracket, rank-one downdate.
    lifted = cov @ row (D,); start and var: mean and variance of y.
    """
    low, high, alpha = 0.0, 1.0, 0.5  # the gradient lies between 0 and 1
    bend = 0.0
    for _ in range(ROUNDS):
        grad, bend = _pick(start + var * alpha, tie)
        gap = grad - alpha
        if gap > 0:
            low = alpha
        else:
            high = alpha
        new = alpha + gap / (1.0 + bend * var)
        if not low < new < high:
            new = 0.5 * (low + high)
        if abs(new - alpha) < NEAR:
            break
        alpha = new
    root = sqrt(bend / (1.0 + bend * var)) * lifted
    cov = np.multiply.outer(root, root)
    np.subtract(belief.cov, cov, out=cov)
    return Gaussian(belief.mean + alpha * lifted, cov)


def _pick(y: float, tie: float) -> tuple[float, float]:
    """Gradient and minus the second derivative of log p(pick) in y."""
    small = exp(-0.5 * abs(y))
    up, down = (1.0, small * small) if y > 0 else (small * small, 1.0)
    total = up + down + tie * small
    up, down = up / total, down / total
    lean = 0.5 * (up - down)
    return 0.5 - lean, 0.25 * (up + down) - lean * lean


def pack(answers: Sequence[Answer | None]) -> list[Batch]:
    """Answers stacked by form; skips fall out."""
    by: dict[Form, list[Float]] = {}
    for answer in answers:
        if answer is not None:
            by.setdefault(answer.form, []).append(answer.rows)
    return [Batch(form, np.stack(rows)) for form, rows in sorted(by.items())]


def fit(
    prior: Gaussian,
    batches: Sequence[Batch],
    log_tie: float = log(TIE),
    start: Float | None = None,
) -> tuple[Gaussian, float]:
    """Laplace approximation at the MAP of all answers, and the log-evidence it estimates.

    Newton with halving on a concave objective, O(n D^2) a round for n rows.
    """
    precision = np.linalg.inv(prior.cov)
    precision = 0.5 * (precision + precision.T)
    theta = prior.mean.copy() if start is None else start.copy()
    value, grad, hess = _posterior(theta, prior.mean, precision, batches, log_tie)
    for _ in range(ROUNDS):
        step = np.linalg.solve(hess, grad)
        rise = float(grad @ step)
        if rise < 1e-10:  # twice what is still to gain, in nats
            break
        while True:
            new = _posterior(theta + step, prior.mean, precision, batches, log_tie)
            if new[0] >= value + 1e-4 * rise or rise < 1e-10:
                break
            step, rise = 0.5 * step, 0.5 * rise
        theta, (value, grad, hess) = theta + step, new
    cov = np.linalg.inv(hess)
    _, doubt = np.linalg.slogdet(hess)
    _, before = np.linalg.slogdet(precision)
    return Gaussian(theta, 0.5 * (cov + cov.T)), value + 0.5 * float(before - doubt)


def _posterior(
    theta: Float, mean: Float, precision: Float, batches: Sequence[Batch], log_tie: float
) -> tuple[float, Float, Float]:
    """Log-posterior up to the prior's constant, its gradient (D,), minus its Hessian (D, D)."""
    away = theta - mean
    pull = precision @ away
    value, grad, hess = -0.5 * float(away @ pull), -pull, precision.copy()
    for batch in batches:
        like, slope, bend = local(batch.form, batch.rows @ theta, log_tie)
        flat = batch.rows.reshape(-1, len(theta))
        value += float(like.sum())
        grad += slope.reshape(-1) @ flat
        hess += np.matmul(bend, batch.rows).reshape(-1, len(theta)).T @ flat
    return value, grad, hess


def scores(belief: Gaussian, z: Float) -> tuple[Float, Float]:
    """Mean and deviation (n,) of utilities linear in z (n, d), side and level left out."""
    d = z.shape[1]
    var = np.einsum("nd,nd->n", z @ belief.cov[:d, :d], z)
    return z @ belief.mean[:d], np.sqrt(var.clip(0))


@dataclass(frozen=True)
class Many:
    """Beliefs of p people after k answers each, in the span of those answers.

    alpha (p, k), inner (p, k, k). For a score s with prior mean m, variance v and covariance c (k,)
    with the answers' y: mean m + c . alpha, variance v - c . inner . c.
    """

    alpha: Float
    inner: Float

    def margins(self, mean: Float, var: Float, cross: Float) -> tuple[Float, Float]:
        """Mean and variance (p, q) of scores with prior `mean`, `var` (p, q), `cross` (p, q, k)."""
        lifted = cross @ self.inner
        left = var - (lifted * cross).sum(-1)
        return mean + (cross @ self.alpha[..., None])[..., 0], left.clip(0.0)


def fit_many(start: Float, gram: Float, label: Float, log_tie: float = log(TIE)) -> Many:
    """The refit of many people at once, where every answer is one row y: a pair, or one thing
    against a level. `start` (p, k) and `gram` (p, k, k): prior mean and covariance of y. `label`:
    1 won, -1 lost, 0 neither, nan no answer. Cost O(p k^3), whatever the size of the space.
    """
    seen = ~np.isnan(label)
    gram = gram * (seen[:, :, None] & seen[:, None, :])
    label, start = np.where(seen, label, 0.0), np.where(seen, start, 0.0)
    eye = np.eye(label.shape[1])
    alpha = np.zeros_like(start)
    value, grad, bend = _judged(start, label, seen, log_tie)
    for _ in range(ROUNDS):
        step = np.linalg.solve(eye + bend[:, :, None] * gram, (grad - alpha)[..., None])[..., 0]
        for _ in range(12):  # people whose step does not climb take half of it
            new = alpha + step
            pull = (gram @ new[..., None])[..., 0]
            like, slope, curve = _judged(start + pull, label, seen, log_tie)
            high = like - 0.5 * (new * pull).sum(1)
            stuck = high < value - 1e-9
            if not stuck.any():
                break
            step = np.where(stuck[:, None], 0.5 * step, step)
        alpha, value, grad, bend = new, high, slope, curve
        if np.abs(step).max(initial=0.0) < CLOSE:
            break
    inner = np.linalg.solve(eye + bend[:, :, None] * gram, bend[:, :, None] * eye)
    return Many(alpha, 0.5 * (inner + inner.swapaxes(1, 2)))


def _judged(y: Float, label: Float, seen: NDArray[np.bool_], log_tie: float) -> tuple[Float, ...]:
    """Log-likelihood (p,), gradient and minus the second derivative (p, k); Davidson 1970."""
    z = np.stack([0.5 * y, -0.5 * y, np.full_like(y, log_tie)])
    total = np.logaddexp.reduce(z, axis=0)
    up, down = np.exp(z[0] - total), np.exp(z[1] - total)
    lean = 0.5 * (up - down)
    taken = np.where(label == 0, log_tie, 0.5 * label * y) - total
    bend = 0.25 * (up + down) - lean**2
    return (taken * seen).sum(1), (0.5 * label - lean) * seen, bend * seen
