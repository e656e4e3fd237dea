"""Paper 35: what is said to be 80 % comes true four times in five, and the choice stays."""

import numpy as np
import pytest

from engine.diagnostics import calibration


def overfitted(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The row's set-up: a softmax over five options, overfitted on 300 picks of 30 features;
    probabilities and choices of 200 picks to fit the map on, and of 2,000 to judge it.
    """
    rng = np.random.default_rng(seed)
    truth = 0.5 * rng.standard_normal((30, 5))

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.standard_normal((n, 30))
        return x, np.argmax(x @ truth + rng.gumbel(size=(n, 5)), 1)

    x, y = drawn(300)
    w = np.zeros((30, 5))
    for _ in range(600):
        w -= 2.0 * x.T @ (softmax(x @ w) - np.eye(5)[y]) / len(x)
    (x_fit, y_fit), (x_new, y_new) = drawn(200), drawn(2000)
    return softmax(x_fit @ w), y_fit, softmax(x_new @ w), y_new


def softmax(z: np.ndarray) -> np.ndarray:
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def error(p: np.ndarray, y: np.ndarray) -> float:
    edges = tuple(np.linspace(0, 1, 11))
    return calibration.reliability(p.max(1), p.argmax(1) == y, edges).error


@pytest.mark.parametrize("which", ["fit", "temperature", "isotone"])
def test_two_hundred_picks_halve_the_error_and_keep_the_choice(which: str) -> None:
    before, after = [], []
    for seed in range(3):
        p_fit, y_fit, p, y = overfitted(seed)
        if which == "isotone":
            happened = (np.arange(5) == y_fit[:, None]).astype(float)
            made = calibration.isotone(p_fit.ravel(), happened.ravel())
        else:
            made = getattr(calibration, which)(p_fit, y_fit)
        mended = made(p)
        assert np.array_equal(mended.argmax(1), p.argmax(1))
        np.testing.assert_allclose(mended.sum(1), 1.0)
        before.append(error(p, y))
        after.append(error(mended, y))
    assert np.mean(after) <= 0.5 * np.mean(before)


def test_a_table_by_hand() -> None:
    """.55 twice, one right; .95 twice, both right: half of |.55 - .5| and half of |.95 - 1|."""
    made = calibration.reliability(np.array([0.55, 0.55, 0.95, 0.95]),
                                   np.array([True, False, True, True]))  # fmt: skip
    assert [(b.n, b.happened) for b in made.bins] == [(2, 0.5), (2, 1.0)]
    assert made.error == pytest.approx(0.05)
    assert made.bins[0].interval[0] < 0.5 < made.bins[0].interval[1]


def test_the_edges_belong_to_a_bin_and_nothing_is_no_error() -> None:
    made = calibration.reliability(np.array([0.5, 1.0]), np.array([True, True]))
    assert [b.n for b in made.bins] == [1, 1]
    assert calibration.reliability(np.zeros(0), np.zeros(0, bool)) == calibration.Reliability(
        (), 0.0, 0
    )


def test_confidence_is_in_what_was_thought_likelier() -> None:
    p, right = calibration.confidences(np.array([0.8, 0.3]))
    np.testing.assert_allclose(p, [0.8, 0.7])
    assert right.tolist() == [True, False]


def test_neighbours_in_the_wrong_order_are_pooled() -> None:
    """0 at .2, 1 at .4, 0 at .6, 1 at .8: the middle two are one block of height a half at .5."""
    made = calibration.isotone(np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert made(np.array([0.5]))[0] == pytest.approx(0.5)
    grid = made(np.linspace(0, 1, 101))
    assert np.all(np.diff(grid) > 0) and grid[0] > 0 and grid[-1] < 1


def test_one_who_is_right_as_often_as_said_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 3000)
    both = np.stack([p, 1 - p], 1)
    chosen = (rng.random(3000) > p).astype(np.int64)
    assert calibration.temperature(both, chosen).t == pytest.approx(1.0, abs=0.08)
