"""The personal embedding: odd in the answers, short while little is known, refused elsewhere."""

import numpy as np
import pytest

from engine.data import WrongSpace
from engine.preference import ppd
from engine.preference.base import Prior

PRIOR = Prior("toy:three", np.zeros(3), np.array([1.0, 1.0, 4.0]))
RNG = np.random.default_rng(0)
CHOSEN, REJECTED = RNG.standard_normal((6, 3)), RNG.standard_normal((6, 3))


def test_no_pairs_is_the_zero_vector_and_swapping_turns_it_round() -> None:
    assert not ppd.from_pairs(CHOSEN[:0], REJECTED[:0], PRIOR, "toy:three").any()
    one = ppd.from_pairs(CHOSEN, REJECTED, PRIOR, "toy:three")
    other = ppd.from_pairs(REJECTED, CHOSEN, PRIOR, "toy:three")
    assert one.any() and np.allclose(one, -other, atol=1e-5)
    order = np.array([3, 1, 5, 0, 2, 4])
    again = ppd.from_pairs(CHOSEN[order], REJECTED[order], PRIOR, "toy:three")
    assert np.allclose(one, again, atol=1e-5)


def test_one_pair_by_hand() -> None:
    """x along the first axis: u = grad, with u = 1 - sigma(u) at the mode where the prior is 1."""
    found = ppd.from_pairs(np.array([[1.0, 0, 0]]), np.zeros((1, 3)), PRIOR, "toy:three")
    u, tie = float(found[0]), 0.3
    up, down = np.exp(0.5 * u), np.exp(-0.5 * u)
    slope = 0.5 - 0.5 * (up - down) / (up + down + tie)
    assert u == pytest.approx(slope, abs=1e-5) and not found[1:].any()


def test_more_answers_of_one_taste_reach_further_and_point_truer() -> None:
    taste = np.array([1.0, -2.0, 0.5])
    pairs = np.random.default_rng(3).standard_normal((64, 2, 3))
    first = (pairs @ taste)[:, 0] > (pairs @ taste)[:, 1]
    chosen = np.where(first[:, None], pairs[:, 0], pairs[:, 1])
    rejected = np.where(first[:, None], pairs[:, 1], pairs[:, 0])
    few, many = (ppd.from_pairs(chosen[:k], rejected[:k], PRIOR, "toy:three") for k in (2, 64))
    assert np.linalg.norm(many) > np.linalg.norm(few)
    told = many * np.sqrt(PRIOR.var)
    assert told @ taste / np.linalg.norm(told) / np.linalg.norm(taste) > 0.95


def test_a_belief_at_another_temperature_is_read_in_its_own_prior_deviations() -> None:
    mean = np.array([1.0, -1.0, 4.0, 0.2, 0.1])
    assert np.allclose(ppd.of_belief(mean, PRIOR), [1.0, -1.0, 2.0])
    assert np.allclose(ppd.of_belief(mean / 2, PRIOR, 2.0), [1.0, -1.0, 2.0])


def test_a_blend_is_linear_and_its_weights_sum_to_one() -> None:
    both = np.array([[1.0, 0, 2], [0, 4.0, 0]])
    assert np.allclose(ppd.blend(both, np.array([0.25, 0.75])), [0.25, 3.0, 0.5])
    with pytest.raises(ValueError, match="sum to 1"):
        ppd.blend(both, np.array([1.0, 1.0]))


def test_another_space_is_refused() -> None:
    with pytest.raises(WrongSpace):
        ppd.from_pairs(CHOSEN, REJECTED, PRIOR, "toy:four")
