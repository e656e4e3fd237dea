"""Scores and differences learnt from pairs, held to cases whose answer is known."""

from math import log

import numpy as np

from engine import laplace
from engine.preference import population


def test_two_items_score_the_odds_of_their_wins() -> None:
    """Three wins against one: without a pull the gap would be ln 3; with one, the slope is zero."""
    pairs, label = np.array([[0, 1]] * 4), np.array([1.0, 1.0, 1.0, -1.0])
    free = population.of_pairs(pairs, label, 2, 1e-6)
    assert abs(free[0] - free[1] - log(3)) < 1e-4 and abs(free.sum()) < 1e-4
    held = population.of_pairs(pairs, label, 2, 0.5)
    slope = 3.0 - 4.0 * laplace.sigmoid(held[:1] - held[1:]) - 0.5 * held[0]
    assert abs(float(slope[0])) < 1e-5


def test_an_equal_answer_is_half_of_each() -> None:
    both = population.of_pairs(np.array([[0, 1], [0, 1]]), np.array([1.0, -1.0]), 3)
    tie = population.of_pairs(np.array([[0, 1], [0, 1]]), np.zeros(2), 3)
    assert np.allclose(both, tie) and np.allclose(tie, 0.0)


def test_many_pairs_agree_with_a_plain_newton() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 12, (300, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    label = np.sign(rng.standard_normal(len(pairs)))
    rows = np.eye(12)[pairs[:, 0]] - np.eye(12)[pairs[:, 1]]
    plain = np.zeros(12)
    for _ in range(30):
        p = laplace.sigmoid(rows @ plain)
        bend = (rows * (p * (1 - p))[:, None]).T @ rows + 0.5 * np.eye(12)
        plain += np.linalg.solve(bend, rows.T @ (0.5 + 0.5 * label - p) - 0.5 * plain)
    assert np.allclose(population.of_pairs(pairs, label, 12), plain, atol=1e-5)


def test_people_are_found_to_differ_where_they_do() -> None:
    """400 people, 12 pairs each; they differ along the first column (variance 4), not the second;
    all of them like the third.
    """
    rng = np.random.default_rng(1)
    taste = rng.standard_normal((400, 3)) * [2.0, 0.0, 0.0] + [0.0, 0.0, 1.0]
    rows = rng.standard_normal((400, 12, 3))
    label = np.sign(laplace.sigmoid((rows @ taste[..., None])[..., 0]) - rng.random((400, 12)))
    label[:, 10:] = np.nan  # not asked
    told = population.Gaps(rows, label, np.zeros((400, 12)))
    mean, var = population.of_gaps(told, np.ones(3), 40, np.zeros(3))
    assert 2.0 < var[0] < 6.0 and var[1] < 0.6 and var[2] < 0.6
    assert abs(mean[0]) < 0.4 and abs(mean[1]) < 0.2 and 0.6 < mean[2] < 1.3
    still, _ = population.of_gaps(told, np.ones(3), 2)
    assert not still.any()
