"""Choices in circles: nine items, each over the next four; a scalar score cannot hold them."""

import numpy as np

from engine import laplace
from engine.preference import gpm

N = 9
OVER = np.array([[1.0 if 1 <= (j - i) % N <= 4 else 0.0 for j in range(N)] for i in range(N)])


def said(prob: np.ndarray, wins: np.ndarray) -> float:
    """Share of the pairs that go as they went; an even chance counts half."""
    hit = (prob > 0.5) + 0.5 * (np.abs(prob - 0.5) < 1e-6)
    return float((hit * wins).sum() / wins.sum())


def scalar(wins: np.ndarray) -> np.ndarray:
    """Bradley-Terry over one column an item, as a belief of ours: (n, n) chances."""
    n = len(wins)
    i, j = np.nonzero(wins)
    rows = np.zeros((len(i), 1, n + 2))
    rows[np.arange(len(i)), 0, i], rows[np.arange(len(i)), 0, j] = 1.0, -1.0
    made, _ = laplace.fit(laplace.prior_of(np.zeros(n), np.ones(n)),
                          [laplace.Batch(("pick", 2, 1), rows)])  # fmt: skip
    return laplace.sigmoid(made.mean[:n, None] - made.mean[None, :n])


def test_a_circle_is_held_by_planes_and_by_no_score() -> None:
    prob = gpm.prob(gpm.fit(OVER), gpm.Settings().tau)
    assert said(prob, OVER) >= 0.95
    assert said(scalar(OVER), OVER) <= 0.6
    np.testing.assert_allclose(prob + prob.T, 1.0, atol=1e-6)


def test_pairs_left_out_of_a_circle_are_foretold() -> None:
    rng = np.random.default_rng(0)
    out = np.triu(rng.random((N, N)) < 0.2, 1)
    out = out | out.T
    prob = gpm.prob(gpm.fit(np.where(out, 0.0, OVER), gpm.Settings(planes=1)), 0.1)
    assert said(prob, OVER * out) >= 0.9 and (OVER * out).sum() >= 4


def test_a_consistent_person_loses_nothing() -> None:
    wins = np.triu(np.ones((N, N)), 1)
    assert said(gpm.prob(gpm.fit(wins), 0.1), wins) >= 0.95
    assert gpm.circular(wins) == (0, 0.0) and gpm.loop(wins) is None


def test_circles_are_counted_and_the_clearest_is_named_by_hand() -> None:
    """Rock over scissors over paper over rock: one circle of one triple. Of the nine, 30 of 84."""
    rock = np.array([[0, 3, 0], [0, 0, 3], [2, 0, 0]], float)
    assert gpm.circular(rock) == (1, 1.0) and sorted(gpm.loop(rock) or ()) == [0, 1, 2]
    count, share = gpm.circular(OVER)
    assert count == 30 and abs(share - 30 / 84) < 1e-12
    a, b, c = gpm.loop(OVER) or (0, 0, 0)
    assert OVER[a, b] and OVER[b, c] and OVER[c, a]


def test_nothing_compared_is_an_even_chance() -> None:
    none = np.zeros((4, 4))
    np.testing.assert_allclose(gpm.prob(gpm.fit(none), 0.1), 0.5)
    assert gpm.circular(none) == (0, 0.0) and gpm.loop(none) is None
