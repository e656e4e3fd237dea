"""A person who goes in a circle is told so; one who only slips is not."""

import numpy as np

from engine.diagnostics.circles import circle


def asked(chance: np.ndarray, times: int, seed: int) -> np.ndarray:
    """Wins (n, n) after every two kinds were compared `times` times."""
    rng = np.random.default_rng(seed)
    wins = np.zeros(chance.shape)
    for i, j in zip(*np.triu_indices(len(chance), 1), strict=True):
        wins[i, j] = rng.binomial(times, chance[i, j])
        wins[j, i] = times - wins[i, j]
    return wins


def test_three_by_hand() -> None:
    """0 over 1 by 5 to 1, 1 over 2 by 4 to 2, 2 over 0 by 6 to 0: the weakest link leads by 2."""
    wins = np.array([[0, 5, 0], [1, 0, 4], [6, 2, 0]], np.float64)
    found = circle(wins, np.random.default_rng(0))
    assert found is not None and set(found.loop) == {0, 1, 2}
    assert sorted(found.wins) == [(4, 2), (5, 1), (6, 0)]
    assert circle(np.triu(np.ones((4, 4)), 1), np.random.default_rng(0)) is None


def test_a_circle_is_told_from_slips() -> None:
    ring = np.full((5, 5), 0.5)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        ring[i, j], ring[j, i] = 0.9, 0.1
    score = np.linspace(0.4, -0.4, 5)
    line = 1 / (1 + np.exp(score[None, :] - score[:, None]))
    true = [circle(asked(ring, 12, s), np.random.default_rng(s)) for s in range(20)]
    false = [circle(asked(line, 12, s), np.random.default_rng(s)) for s in range(40)]
    assert np.mean([c is not None and c.p < 0.05 and set(c.loop) == {0, 1, 2} for c in true]) > 0.8
    assert np.mean([c is not None and c.p < 0.05 for c in false]) < 0.1
