"""Is the inference right: a check that needs no person, and an exact reference beside it.

Simulation-based calibration (Talts et al. 2018): draw a taste from the prior, let it answer, fit,
and rank the truth among draws of the posterior; over many tastes the ranks are even if, and in
practice only if, the posterior is the right one. Paper 6 builds inference from pieces that each
keep the represented distribution; here these are weighing by one answer's likelihood, systematic
resampling and Metropolis moves, and together they make a sequential Monte Carlo with an estimate
of the evidence. The quasi-Borel semantics is not done; its law is what is tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine import laplace

Float = NDArray[np.float64]
Kernel = Callable[[laplace.Gaussian, Sequence[laplace.Answer]], laplace.Gaussian]
PICK: laplace.Form = ("pick", 2, 1)


@dataclass(frozen=True)
class Settings:
    tastes: int = field(default=300, metadata={"help": "tastes drawn", "low": 20, "high": 100_000})
    answers: int = field(default=4, metadata={"help": "answers each", "low": 1, "high": 10_000})
    draws: int = field(
        default=19, metadata={"help": "posterior draws the truth is ranked in", "low": 3}
    )
    sd: float = field(default=1.0, metadata={"help": "prior deviation of a weight", "low": 0.01})
    dim: int = field(default=2, metadata={"help": "size of the space", "low": 1})


def calibrated(kernel: Kernel, rng: np.random.Generator, settings: Settings | None = None) -> float:
    """p of the ranks being even; small where the kernel's posterior is not the right one.

    Ranked are the weights and the likelihood of the data themselves: the latter sees a prior that
    was forgotten, or a step that went too far, where the weights need thousands of tastes (Modrak
    et al. 2023 on data-dependent quantities).
    """
    settings = settings or Settings()
    d = settings.dim
    prior = laplace.prior_of(np.zeros(d), np.full(d, settings.sd**2))
    ranks = np.empty((settings.tastes, d + 1), np.int64)
    for k in range(settings.tastes):
        theta = rng.standard_normal(d + 2) * np.sqrt(prior.cov.diagonal())
        given = answers(theta, rng, settings.answers)
        made = kernel(prior, given)
        root = np.linalg.cholesky(made.cov)
        drawn = made.mean + rng.standard_normal((settings.draws, d + 2)) @ root.T
        ranks[k, :d] = (drawn[:, :d] < theta[:d]).sum(0)
        ranks[k, d] = (_likes(drawn, given) < _likes(theta[None], given)).sum()
    return evenness(ranks, settings.draws + 1)


def answers(theta: Float, rng: np.random.Generator, n: int) -> list[laplace.Answer]:
    """n answers about pairs of random things by a person of taste theta (d + 2,), drawn from the
    likelihood itself: left, right, or a tie that is good or bad.
    """
    d = len(theta) - 2
    found = []
    for x in rng.standard_normal((n, 2, d)):
        row = np.concatenate([x[0] - x[1], [1.0, 0.0]])
        chance = np.array([row @ theta / 2, -row @ theta / 2, np.log(laplace.TIE)])
        chance = np.exp(chance - chance.max())
        drawn = int(rng.choice(3, p=chance / chance.sum()))
        if drawn == 2:
            found.append(_tie(x, theta, rng))
        else:
            found.append(laplace.Answer(PICK, (row if drawn == 0 else -row)[None]))
    return found


def _tie(x: Float, theta: Float, rng: np.random.Generator) -> laplace.Answer:
    """A tie, and whether both were good or both bad."""
    d = len(theta) - 2
    rows = np.zeros((2, d + 2))
    rows[0, :d], rows[0, d] = x[0] - x[1], 1.0
    rows[1, :d], rows[1, d + 1] = x[0] + x[1], -2.0
    good = rng.random() < laplace.sigmoid(rows[1] @ theta)
    rows[1] *= 1.0 if good else -1.0
    return laplace.Answer(("tie", 2, 0), rows)


def evenness(ranks: NDArray[np.int64], bins: int) -> float:
    """p of ranks (n, q) in 0 .. bins - 1 being even: chi-squared, summed over the q columns as if
    they were independent (of one posterior they nearly are).
    """
    n, q = ranks.shape
    counts = np.stack([np.bincount(column, minlength=bins) for column in ranks.T])
    worth = float(((counts - n / bins) ** 2).sum() / (n / bins))
    return _beyond(worth, q * (bins - 1))


def _beyond(value: float, degrees: int) -> float:
    """P(chi-squared > value) by Wilson & Hilferty (1931): within .002 from ten degrees on."""
    from statistics import NormalDist

    spread = 2 / (9 * degrees)
    z = ((value / degrees) ** (1 / 3) - (1 - spread)) / np.sqrt(spread)
    return 1 - NormalDist().cdf(float(z))


@dataclass(frozen=True)
class Particles:
    """theta (p, D), all of the same weight, and the log-evidence met on the way."""

    theta: Float
    evidence: float


def smc(
    prior: laplace.Gaussian,
    given: Sequence[laplace.Answer],
    rng: np.random.Generator,
    particles: int = 2000,
    moves: int = 2,
    step: float = 0.5,
) -> Particles:
    """Weigh by each answer, resample, move twice by Metropolis; Chopin 2002."""
    root = _root(prior.cov)
    inverse = np.asarray(np.linalg.pinv(prior.cov), np.float64)
    theta = prior.mean + rng.standard_normal((particles, len(prior.mean))) @ root.T
    like = np.zeros(particles)
    evidence = 0.0
    for k, answer in enumerate(given):
        new = _likes(theta, [answer])
        top = new.max()
        weight = np.exp(new - top)
        evidence += top + float(np.log(weight.mean()))
        rows = _systematic(weight / weight.sum(), rng)
        theta, like = theta[rows], (like + new)[rows]
        for _ in range(moves):
            theta, like = _move(
                theta, like, given[: k + 1], (prior.mean, inverse, step * root), rng
            )
    return Particles(theta, evidence)


def _move(
    theta: Float,
    like: Float,
    given: Sequence[laplace.Answer],
    shape: tuple[Float, Float, Float],
    rng: np.random.Generator,
) -> tuple[Float, Float]:
    """One Metropolis step of every particle; the proposal is symmetric."""
    mean, inverse, root = shape
    there = theta + rng.standard_normal(theta.shape) @ root.T
    new = _likes(there, given)
    rise = new - like + _log_prior(there - mean, inverse) - _log_prior(theta - mean, inverse)
    taken = np.log(rng.random(len(theta))) < rise
    return np.where(taken[:, None], there, theta), np.where(taken, new, like)


def _log_prior(away: Float, inverse: Float) -> Float:
    return np.asarray(-0.5 * np.einsum("pi,ij,pj->p", away, inverse, away))


def _likes(theta: Float, given: Sequence[laplace.Answer]) -> Float:
    """(p,) log-likelihood of the answers under each particle."""
    total = np.zeros(len(theta))
    for batch in laplace.pack(given):
        y = np.einsum("nqd,pd->pnq", batch.rows, theta)
        flat = y.reshape(-1, y.shape[2])
        value = laplace.local(batch.form, flat, float(np.log(laplace.TIE)))[0]
        total += value.reshape(len(theta), -1).sum(1)
    return total


def _systematic(weight: Float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows drawn with these weights, one random number for all (Kitagawa 1996)."""
    places = (rng.random() + np.arange(len(weight))) / len(weight)
    return np.searchsorted(np.cumsum(weight), places).clip(max=len(weight) - 1)


def _root(cov: Float) -> Float:
    """A root of a covariance that may be flat in some directions."""
    values, vectors = np.linalg.eigh(cov)
    return np.asarray(vectors * np.sqrt(values.clip(0.0)))
