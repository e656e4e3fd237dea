"""Heads by hand, and the gates of founding papers 25 and 13."""

import numpy as np
import pytest

from engine.data import Comparison, Features, Outcome, Question, WrongSpace
from engine.preference.base import Prior
from engine.preference.dpa import DPA
from engine.rewards import heads

SPACE = "test:space"


def rows(matrix: np.ndarray) -> Features:
    return Features(SPACE, np.arange(len(matrix), dtype=np.int64), matrix.astype(np.float32))


def split(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, sizes, right = np.linalg.svd(x, full_matrices=False)
    return left, sizes, right


def test_one_feature_by_hand() -> None:
    """x = (1, 2), y = (1, 3): w = 7 / (5 + alpha), no intercept. Left out at alpha = 0: from the
    second alone w = 1.5, an error of -.5; from the first alone w = 1, an error of 1.
    """
    x, y = np.array([[1.0], [2.0]]), np.array([1.0, 3.0])
    weights, alpha = heads.ridge(split(x), y, [2.0])
    assert (weights[0], alpha) == (pytest.approx(1.0), 2.0)
    # At alpha 0 the mean square of what was left out is (.25 + 1) / 2; at 1e6 all is left: 5.
    weights, alpha = heads.ridge(split(x), y, [0.0, 1e6])
    assert (weights[0], alpha) == (pytest.approx(1.4), 0.0)


def test_left_out_errors_are_those_of_leaving_out() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    tried = [0.1, 3.0, 40.0]

    def error(alpha: float) -> float:
        out = []
        for i in range(12):
            keep = np.arange(12) != i
            a = x[keep].T @ x[keep] + alpha * np.eye(3)
            out.append(y[i] - x[i] @ np.linalg.solve(a, x[keep].T @ y[keep]))
        return float(np.mean(np.square(out)))

    weights, alpha = heads.ridge(split(x), y, tried)
    assert alpha == min(tried, key=error)
    np.testing.assert_allclose(weights, np.linalg.solve(x.T @ x + alpha * np.eye(3), x.T @ y))


def test_missing_ratings_are_left_out() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((40, 4)), rng.standard_normal((40, 2))
    y[10:, 1] = np.nan
    whole = heads.fit(rows(x), y, ("a", "b"))
    part = heads.fit(rows(x[:10]), y[:10, 1:], ("b",))
    np.testing.assert_allclose(whole.weights[:, 1], part.weights[:, 0], rtol=1e-5)
    with pytest.raises(ValueError, match="nobody rated 'b'"):
        heads.fit(rows(x), np.where(np.arange(2) == 1, np.nan, y), ("a", "b"))
    with pytest.raises(ValueError, match="one column a name"):
        heads.fit(rows(x), y, ("a",))


def test_length_is_taken_out_of_a_score() -> None:
    """score = 2 length + something else: the multiple is 2, what is left does not follow length."""
    length = np.array([-1.0, 0.0, 1.0])
    assert heads.multiples(np.array([[-2.0], [0.0], [2.0]]), length)[0] == pytest.approx(2.0)
    assert heads.multiples(np.array([[-2.0], [0.0]]), np.ones(2))[0] == 0.0
    rng = np.random.default_rng(2)
    x, long = rng.standard_normal((300, 6)), rng.standard_normal(300)
    x[:, 0] += long
    made = heads.fit(rows(x), x[:, :1] * 1.5 + x[:, 1:2], ("quality",)).freed(rows(x), long)
    raw, free = made.score(rows(x))[:, 0], made.score(rows(x), long)[:, 0]
    assert np.corrcoef(raw, long)[0, 1] > 0.4
    assert abs(np.corrcoef(free, long)[0, 1]) < 1e-9


def test_heads_survive_a_round_trip_and_know_their_space() -> None:
    rng = np.random.default_rng(3)
    x = rows(rng.standard_normal((30, 4)))
    made = heads.fit(x, rng.standard_normal((30, 2)), ("a", "b"))
    again = heads.Heads.from_state(made.state(), SPACE)
    np.testing.assert_array_equal(made.score(x), again.score(x))
    assert again.names == ("a", "b")
    with pytest.raises(WrongSpace):
        made.score(Features("other:space", x.ids, x.matrix))


def taught(x: np.ndarray, winners: np.ndarray, losers: np.ndarray, space: str = SPACE) -> DPA:
    """A direction from pairs of row numbers; the prior is scaled to the number of features."""
    features = Features(space, np.arange(len(x), dtype=np.int64), x.astype(np.float32))
    answers = [
        Comparison(k, Question(k, 1, "text", (int(a), int(b))), Outcome((int(a),)))
        for k, (a, b) in enumerate(zip(winners, losers, strict=True))
    ]
    d = x.shape[1]
    return DPA.fit(answers, features, Prior(space, np.zeros(d), np.full(d, 4.0 / d)))


def accuracy(scores: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> float:
    a, b = rng.integers(len(truth), size=(2, 4000))
    a, b = a[a != b], b[a != b]
    return float(np.mean((scores[a] > scores[b]) == (truth[a] > truth[b])))


def test_rating_attributes_teaches_more_than_comparing_the_same_items() -> None:
    """Row 25: 20 features, 5 attributes 0 to 4 with noise .4; 200 pairs against their 400 items."""
    gaps, found = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x, new = rng.standard_normal((400, 20)), rng.standard_normal((600, 20))
        inner = rng.standard_normal((20, 5)) / np.sqrt(20)
        matter = rng.dirichlet(np.ones(5))
        ratings = np.clip(2 + x @ inner + 0.4 * rng.standard_normal((400, 5)), 0, 4)
        liked, truth = ratings @ matter, np.clip(2 + new @ inner, 0, 4) @ matter
        fitted = heads.fit(rows(x), ratings - 2.0, tuple("abcde"))
        regression = accuracy(fitted.score(rows(new)) @ matter, truth, rng)
        first = liked[:200] > liked[200:]
        order = np.arange(200)
        pairs = taught(x, np.where(first, order, order + 200), np.where(first, order + 200, order))
        gaps.append(regression - accuracy(new @ pairs.direction(), truth, rng))
        found.append(regression)
    assert np.mean(found) > 0.93 and np.mean(gaps) >= 0.02


def test_a_few_named_axes_beat_many_anonymous_numbers() -> None:
    """Row 13: 128 normal numbers, 7 axes that are tanh projections of them with noise .1."""
    at = {}
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((1600, 128))
        axes = np.tanh(x @ rng.standard_normal((128, 7)) / np.sqrt(128))
        axes += 0.1 * rng.standard_normal(axes.shape)
        liked = axes @ rng.standard_normal(7)
        for n, what, z in [
            (30, "axes", axes),
            (30, "raw", x),
            (100, "axes", axes),
            (940, "raw", x),
        ]:
            a, b = rng.integers(1000, size=(2, n))
            better, worse = np.where(liked[a] > liked[b], (a, b), (b, a))
            scores = z[1000:] @ taught(z, better, worse).direction()
            at.setdefault((what, n), []).append(accuracy(scores, liked[1000:], rng))
    mean = {key: float(np.mean(values)) for key, values in at.items()}
    assert mean["axes", 30] - mean["raw", 30] >= 0.15
    assert mean["axes", 100] > mean["raw", 940]
