"""One person in five has the opposite taste: the minority is found and served (simulated)."""

import numpy as np
import pytest

from engine.preference import maxmin


@pytest.fixture
def household() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """50 people, 20 pairs each, d = 6: (gaps, who is of the minority, the majority's taste)."""
    rng = np.random.default_rng(0)
    u = rng.standard_normal(6) * 2.0
    minority = np.arange(50) < 10
    x = rng.standard_normal((50, 20, 6))
    sign = np.where(minority, -1.0, 1.0)[:, None]
    won = rng.random((50, 20)) < 1.0 / (1.0 + np.exp(-sign * (x @ u)))
    return np.where(won[..., None], x, -x), minority, u


def test_the_minority_is_found_and_the_majority_loses_nothing(
    household: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    gaps, minority, u = household
    one = maxmin.fit(gaps, np.random.default_rng(1), maxmin.Settings(groups=1)).directions[0]
    made = maxmin.fit(gaps, np.random.default_rng(1))
    few = made.group[minority]
    at = int(np.bincount(few).argmax())
    assert np.mean((made.group == at) == minority) >= 0.95
    later = np.random.default_rng(2).standard_normal((2000, 6))
    truth = later @ u > 0
    hit = lambda v, t: np.mean((later @ v > 0) == t)  # noqa: E731
    assert hit(made.directions[at], ~truth) >= hit(one, ~truth) + 0.5
    assert hit(made.directions[1 - at], truth) >= hit(one, truth) - 0.01


def test_the_fair_choice_serves_the_worst_served_better_than_the_average_does() -> None:
    rng = np.random.default_rng(3)
    u = rng.standard_normal(6)
    items = rng.standard_normal((20, 6))
    scores = np.stack([items @ u, -(items @ u)])
    z = (np.array([0.8, 0.2]) @ scores) / 0.1
    average = np.exp(z - z.max())
    average /= average.sum()
    fair = maxmin.fair(scores)
    assert fair.sum() == pytest.approx(1.0)
    assert (scores @ fair).min() >= (scores @ average).min() + 0.3


def test_one_taste_asked_for_two_stays_one() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((30, 20, 4))
    gaps = np.where((x[..., :1] > 0), x, -x)
    made = maxmin.fit(gaps, rng)
    one = maxmin.fit(gaps, rng, maxmin.Settings(groups=1))
    assert len(set(made.group.tolist())) == 1 and np.isinf(one.margin).all()


def test_nobody_and_nothing_end_in_numbers() -> None:
    made = maxmin.fit(np.zeros((3, 2, 2)), np.random.default_rng(0))
    assert np.isfinite(made.directions).all() and not made.margin.any()
