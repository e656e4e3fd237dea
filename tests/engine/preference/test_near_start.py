"""Starts from others: what all have in common, and those alike; one person's share is bounded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.data import WrongSpace
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.preference.pooling import (
    Contribution,
    Settings,
    _capped,
    agreement,
    common,
    length,
    near,
)
from tests.people import Linear, asked, world

D = 16
SPACE = "test:space"
PRIOR = Prior(SPACE, np.zeros(D), np.full(D, 0.3))


def given_of(tastes: np.ndarray) -> list[Contribution]:
    return [Contribution(k, SPACE, t, True) for k, t in enumerate(tastes)]


def two_camps(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n people around two opposite tastes in turn, and one more who is of the first camp."""
    rng = np.random.default_rng(seed)
    camp = np.sqrt(0.2) * rng.standard_normal(D)
    tastes = camp * np.where(np.arange(n) % 2, -1.0, 1.0)[:, None]
    spread = np.sqrt(0.1) * rng.standard_normal((n + 1, D))
    return tastes + spread[:n], camp + spread[n]


def after(taste: np.ndarray, answers: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = world(rng, 200, D)
    person = Linear(taste.astype(np.float32))
    told = [asked(features, rng.choice(200, 2, replace=False), person, rng, k + 1)
            for k in range(answers)]  # fmt: skip
    made = PREFERENCE["bradley_terry"].load().fit(told, features, PRIOR)
    return made.mean[:D], made.cov[:D, :D]


def test_weights_by_hand() -> None:
    """Six people, one of them far likelier: a fifth for that one, the rest in equal parts."""
    assert np.allclose(_capped(np.array([50.0, 0, 0, 0, 0, 0]), 0.2), [0.2] + [0.16] * 5)
    assert np.allclose(_capped(np.zeros(5), 0.2), 0.2)
    assert np.allclose(_capped(np.array([0.0, -1e9, -1e9, -1e9, -1e9, -1e9]), 0.2).sum(), 1)


def test_common_ground_by_hand() -> None:
    """At right angles nobody foretells anybody; all alike foretell each other whole."""
    assert agreement(np.eye(5)) == 0.0 and agreement(np.ones((5, 2))) == 1.0
    # The others' mean is .5 for four of them, 1 for the last: shares 2, 2, 2, 2, -1.
    assert agreement(np.array([[1.0], [1], [1], [1], [-1]])) == 1.0
    assert agreement(np.array([[1.0], [1], [-1], [-1], [-1]])) == 0.0


def test_a_crowd_without_common_ground_moves_nobody_far() -> None:
    moved = []
    for seed in range(30):
        tastes = np.sqrt(0.3) * np.random.default_rng(seed).standard_normal((20, D))
        pool = common(PRIOR, given_of(tastes))
        assert pool is not None and pool.narrow == 1.0
        moved.append(np.linalg.norm(pool.mean) / length(PRIOR))
    assert np.mean(moved) < 0.1


def test_below_five_people_there_is_no_start() -> None:
    tastes, new = two_camps(4, 0)
    assert common(PRIOR, given_of(tastes)) is None
    assert near(PRIOR, given_of(tastes), after(new, 4, 0)) is None


def test_the_nearest_are_those_of_the_same_camp() -> None:
    own, start = [], []
    for seed in range(12):
        tastes, new = two_camps(12, seed)
        belief = after(new, 6, seed)
        pool = near(PRIOR, given_of(tastes), belief)
        assert pool is not None and np.isclose(pool.weights.sum(), 1.0)
        assert pool.weights.max() <= 0.2 + 1e-9 and 0.5 <= pool.narrow <= 1.0
        own.append(pool.weights[::2].sum())
        start.append(np.dot(pool.mean, new) / np.linalg.norm(pool.mean) / np.linalg.norm(new))
    assert np.mean(own) > 0.75 and np.mean(start) > 0.4


@given(
    sent=arrays(np.float64, D, elements=st.floats(-1e300, 1e300)),
    n=st.integers(6, 16),
    seed=st.integers(0, 30),
)
@settings(max_examples=40, deadline=None)
def test_whatever_one_sends_a_near_start_moves_by_their_share_at_most(
    sent: np.ndarray, n: int, seed: int
) -> None:
    tastes, new = two_camps(n, seed)
    belief = after(new, 4, seed)
    before = near(PRIOR, given_of(tastes), belief)
    bad = near(PRIOR, [Contribution(0, SPACE, sent, True), *given_of(tastes)[1:]], belief)
    assert before is not None and bad is not None and np.isfinite(bad.mean).all()
    s = Settings()
    bound = s.shrink * 2 * 2 * length(PRIOR) / s.least
    assert np.linalg.norm(bad.mean - before.mean) <= bound + 1e-9


def test_one_liar_does_not_outvote_beliefs_that_are_still_short() -> None:
    """Beliefs from few answers are a tenth of R long; a liar of a thousand R says the opposite."""
    lost = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        camp = 0.05 * rng.standard_normal(D)
        tastes = camp + 0.02 * rng.standard_normal((24, D))
        lie = [Contribution(0, SPACE, -1e3 * length(PRIOR) * camp, True), *given_of(tastes)[1:]]
        belief = after(6 * camp, 4, seed)
        for start in (common(PRIOR, given_of(tastes)), near(PRIOR, given_of(tastes), belief)):
            assert start is not None and start.mean @ camp > 0
        for bad in (common(PRIOR, lie), near(PRIOR, lie, belief)):
            assert bad is not None
            lost.append(bad.mean @ camp / np.linalg.norm(bad.mean) / np.linalg.norm(camp))
    assert min(lost) > 0.5


def test_what_is_of_another_space_is_refused() -> None:
    tastes, new = two_camps(6, 0)
    odd = [*given_of(tastes), Contribution(9, "other:space", np.zeros(D), True)]
    for start in (lambda: common(PRIOR, odd), lambda: near(PRIOR, odd, after(new, 3, 0))):
        with pytest.raises(WrongSpace):
            start()
