"""Paper 6: the shipped inference ranks true tastes evenly, broken ones are caught, and the
particles find the evidence and mean of a grid.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from engine import laplace
from engine.diagnostics import self_check

Answers = Sequence[laplace.Answer]
SHORT = self_check.Settings()


def steps(prior: laplace.Gaussian, given: Answers) -> laplace.Gaussian:
    for answer in given:
        prior = laplace.update(prior, answer)
    return prior


def refit(prior: laplace.Gaussian, given: Answers) -> laplace.Gaussian:
    return laplace.fit(prior, laplace.pack(given))[0]


def wrong_sign(prior: laplace.Gaussian, given: Answers) -> laplace.Gaussian:
    made = refit(prior, given)
    return laplace.Gaussian(-made.mean, made.cov)


def doubled_step(prior: laplace.Gaussian, given: Answers) -> laplace.Gaussian:
    for answer in given:
        made = laplace.update(prior, answer)
        prior = laplace.Gaussian(2 * made.mean - prior.mean, made.cov)
    return prior


def forgotten_prior(prior: laplace.Gaussian, given: Answers) -> laplace.Gaussian:
    return refit(laplace.Gaussian(prior.mean, 100 * prior.cov), given)


@pytest.mark.parametrize("kernel", [steps, refit])
def test_the_shipped_kernels_rank_the_truth_evenly(kernel: self_check.Kernel) -> None:
    """300 tastes, prior deviation 1, four answers each. What longer histories show stands in
    docs/evidence.md: the steps are too sure by then, the refit is not.
    """
    assert self_check.calibrated(kernel, np.random.default_rng(0), SHORT) >= 0.01


def test_the_refit_still_holds_after_twenty_answers() -> None:
    longer = self_check.Settings(answers=20)
    assert self_check.calibrated(refit, np.random.default_rng(0), longer) >= 0.01


@pytest.mark.parametrize("kernel", [wrong_sign, doubled_step, forgotten_prior])
def test_a_broken_kernel_is_caught(kernel: self_check.Kernel) -> None:
    assert self_check.calibrated(kernel, np.random.default_rng(0), SHORT) < 0.001


def test_many_people_at_once_have_the_posterior_of_one_by_one() -> None:
    """So what is shown of the refit holds for fit_many."""
    rng = np.random.default_rng(1)
    prior = laplace.prior_of(np.zeros(2), np.ones(2))
    for _ in range(20):
        given = [a for a in self_check.answers(rng.standard_normal(4), rng, 6)
                 if a.form == self_check.PICK]  # fmt: skip
        rows = np.concatenate([a.rows for a in given])
        one = refit(prior, given)
        many = laplace.fit_many(
            (rows @ prior.mean)[None], (rows @ prior.cov @ rows.T)[None], np.ones((1, len(rows)))
        )
        cross = (rows @ prior.cov[:, :2]).T[None]
        mean, var = many.margins(np.zeros((1, 2)), np.ones((1, 2)), cross)
        np.testing.assert_allclose(mean[0], one.mean[:2], atol=1e-5)
        np.testing.assert_allclose(var[0], one.cov.diagonal()[:2], atol=1e-5)


def test_particles_find_the_evidence_and_the_mean_of_a_grid() -> None:
    """d = 2, 20 comparisons, 2,000 particles, mean of 8 runs: evidence within .05, mean .02."""
    rng = np.random.default_rng(2)
    prior = laplace.Gaussian(np.zeros(4), np.diag([1.0, 1.0, 0.0, 0.0]))
    given = self_check.answers(np.array([0.8, -0.5, 0.0, 0.0]), rng, 20)
    axis = np.linspace(-6, 6, 401)
    u = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    logs = np.zeros(len(u))
    for batch in laplace.pack(given):
        for rows in batch.rows:
            y = u @ rows[:, :2].T
            logs += laplace.local(batch.form, y, float(np.log(laplace.TIE)))[0]
    logs += -0.5 * (u**2).sum(1) - np.log(2 * np.pi)
    weight = np.exp(logs - logs.max())
    evidence = logs.max() + np.log(weight.sum() * (axis[1] - axis[0]) ** 2)
    mean = weight @ u / weight.sum()
    runs = [self_check.smc(prior, given, rng) for _ in range(8)]
    assert abs(np.mean([r.evidence for r in runs]) - evidence) < 0.05
    assert np.abs(np.mean([r.theta.mean(0)[:2] for r in runs], 0) - mean).max() < 0.02


def test_ranks_that_are_all_the_same_are_not_even() -> None:
    assert self_check.evenness(np.zeros((100, 1), np.int64), 20) < 1e-6
    even = np.repeat(np.arange(20), 5)[:, None]
    assert self_check.evenness(even, 20) > 0.99
