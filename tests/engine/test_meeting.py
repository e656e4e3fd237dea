"""One answer met by several beliefs at once: the same numbers as each belief by itself."""

import itertools

import numpy as np
import pytest

from engine import laplace
from engine.data import Outcome
from engine.meeting import Meeting, View, foretell

OUTCOMES = [
    ((1, 2), Outcome((2,))),
    ((1, 2), Outcome((), "both_good")),
    ((1, 2), Outcome((), "both_bad")),
    ((1, 2, 3, 4, 5), Outcome((4,))),
    ((1, 2, 3, 4, 5), Outcome((3, 1))),
    ((1, 2, 3, 4, 5), Outcome((5, 4, 3, 2))),
    ((1, 2, 3, 4, 5), Outcome((5, 4, 3, 2, 1))),
]


def views(m: int) -> list[View]:
    """Three beliefs of different sizes, sure of different things, about the same m items."""
    rng = np.random.default_rng(m)
    made = []
    for d, tie in ((3, 0.3), (6, 0.1), (2, 0.9)):
        root = rng.normal(size=(d + 2, d + 2))
        belief = laplace.Gaussian(rng.normal(size=d + 2), root @ root.T / d)
        made.append(View(belief, rng.normal(size=(m, d)).astype(np.float32), float(np.log(tie))))
    return made


@pytest.mark.parametrize(("shown", "outcome"), OUTCOMES)
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_each_belief_takes_the_step_it_takes_alone(
    shown: tuple[int, ...], outcome: Outcome, strength: float
) -> None:
    every = views(len(shown))
    for view, made in zip(every, Meeting(every, shown, outcome).steps(strength), strict=True):
        answer = laplace.read(view.items, shown, outcome, strength)
        alone = laplace.update(view.belief, answer, view.log_tie)
        np.testing.assert_allclose(made.mean, alone.mean, atol=1e-6)
        np.testing.assert_allclose(made.cov, alone.cov, atol=1e-6)
        assert (made.cov == made.cov.T).all()


@pytest.mark.parametrize(("shown", "outcome"), OUTCOMES)
def test_each_belief_foretells_what_it_foretells_alone(
    shown: tuple[int, ...], outcome: Outcome
) -> None:
    every = views(len(shown))
    alone = [foretell(v.belief, v.items, shown, outcome, v.log_tie) for v in every]
    np.testing.assert_allclose(Meeting(every, shown, outcome).told, alone, atol=1e-12)


def test_a_grid_is_foretold_as_the_mean_of_its_pairs() -> None:
    shown, picks = (1, 2, 3, 4, 5), (3, 1)
    view = views(5)[0]
    d, z = view.items.shape[1], view.items.astype(np.float64)
    u, cov = view.belief.mean[:d], view.belief.cov[:d, :d]
    told = []
    for a, b in itertools.product(picks, (2, 4, 5)):
        gap = z[a - 1] - z[b - 1]
        told.append(laplace.chance(gap @ u, gap @ cov @ gap))
    found = foretell(view.belief, view.items, shown, Outcome(picks), view.log_tie)
    assert found == pytest.approx(np.mean(told), abs=1e-12)


def test_ties_of_a_pair_are_as_likely_as_davidson_says_where_nothing_is_in_doubt() -> None:
    view = views(2)[0]
    sure = laplace.Gaussian(view.belief.mean, 0 * view.belief.cov)

    def told(outcome: Outcome) -> float:
        return foretell(sure, view.items, (1, 2), outcome, view.log_tie)

    z, mean = view.items.astype(np.float64), view.belief.mean
    gap = (z[0] - z[1]) @ mean[:3] + mean[3]
    tie = np.exp(view.log_tie)
    want = tie / (np.exp(gap / 2) + np.exp(-gap / 2) + tie)
    assert told(Outcome((), "both_good")) + told(Outcome((), "both_bad")) == pytest.approx(want)
    assert told(Outcome((1,))) == pytest.approx(1 / (1 + np.exp(-gap)))


def test_the_mode_of_a_grid_is_where_the_slope_is_zero() -> None:
    view = views(5)[1]
    answer = laplace.read(view.items, (1, 2, 3, 4, 5), Outcome((3, 1)), 1.0)
    assert answer is not None
    made = laplace.update(view.belief, answer, view.log_tie)
    _, slope, _ = laplace.local(answer.form, (answer.rows @ made.mean)[None], view.log_tie)
    away = np.linalg.solve(view.belief.cov, made.mean - view.belief.mean)
    np.testing.assert_allclose(slope[0] @ answer.rows, away, atol=1e-5)


def test_a_skip_says_nothing() -> None:
    with pytest.raises(ValueError, match="skip says nothing"):
        Meeting(views(2), (1, 2), Outcome((), "skip"))
