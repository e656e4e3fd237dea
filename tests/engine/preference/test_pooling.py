"""A pooled start: opt-in, at least five people, and nobody moves it further than their share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.data import WrongSpace
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.preference.pooling import Contribution, length, pooled
from tests.people import Linear, asked, world

D = 16
SPACE = "test:space"


def prior() -> Prior:
    return Prior(SPACE, np.zeros(D), np.full(D, 0.3))


def honest(n: int, seed: int = 0) -> tuple[list[Contribution], np.ndarray]:
    """n people and one more who is new: half of the variance of their tastes is shared."""
    rng = np.random.default_rng(seed)
    tastes = np.sqrt(0.15) * (rng.standard_normal(D) + rng.standard_normal((n + 1, D)))
    return [Contribution(k, SPACE, t, True) for k, t in enumerate(tastes[:n])], tastes[n]


def accuracy(start: Prior, taste: np.ndarray, seed: int) -> float:
    gaps = np.random.default_rng(seed).standard_normal((400, D)).astype(np.float32)
    made = PREFERENCE["bradley_terry"].load().blank(start)
    return float(np.mean((made.prob(gaps, 0 * gaps) > 0.5) == (gaps @ taste > 0)))


def test_four_people_or_none_who_allow_it_change_nothing() -> None:
    people, _ = honest(5)
    silent = [Contribution(c.person, c.space, c.mean) for c in people]
    for given_ in (people[:4], silent, [*people[:4], *silent], people[:4] * 3):
        assert np.array_equal(pooled(prior(), given_).mean, np.zeros(D))
    assert np.linalg.norm(pooled(prior(), people).mean) > 0.1
    assert np.array_equal(pooled(prior(), people).var, prior().var)


def test_a_new_person_starts_above_chance() -> None:
    found = []
    for seed in range(20):
        people, taste = honest(20, seed)
        found.append(accuracy(pooled(prior(), people), taste, seed))
    assert np.mean(found) > 0.65


@given(
    sent=arrays(np.float64, D, elements=st.floats(-1e300, 1e300)),
    n=st.integers(5, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_whatever_one_sends_the_start_moves_by_their_share_at_most(
    sent: np.ndarray, n: int, seed: int
) -> None:
    people, _ = honest(n, seed)
    before = pooled(prior(), people).mean
    after = pooled(prior(), [Contribution(0, SPACE, sent, True), *people[1:]]).mean
    assert np.isfinite(after).all()
    assert np.linalg.norm(after - before) <= 2 * length(prior()) / n + 1e-9


def test_two_fifths_who_conspire_move_it_by_theirs() -> None:
    people, _ = honest(20)
    bad = [Contribution(k, SPACE, np.full(D, -1e9), True) for k in range(8)]
    shift = pooled(prior(), people).mean - pooled(prior(), [*bad, *people[8:]]).mean
    assert np.linalg.norm(shift) <= 2 * length(prior()) * 8 / 20


@pytest.mark.parametrize("n", [5, 20])
def test_a_thousand_answers_against_everybody_cost_a_new_person_two_points_at_most(n: int) -> None:
    """One attacker answers 1,000 pairs against what the others like, under 50 profiles of theirs.
    The fresh person's first pairs: measured 1.0 point lower with five people (the worst of twelve
    8.5), not lower with twenty.
    """
    lost = []
    for seed in range(12):
        people, taste = honest(n, seed)
        start = pooled(prior(), people)
        rng = np.random.default_rng(seed)
        features = world(rng, 200, D)
        enemy = Linear((-20 * start.mean).astype(np.float32), 0.01)
        told = [asked(features, rng.choice(200, 2, replace=False), enemy, rng, k + 1)
                for k in range(1000)]  # fmt: skip
        made = PREFERENCE["bradley_terry"].load().fit(told, features, prior())
        bad = [Contribution(0, SPACE, made.mean[:D], True)] * 50
        attacked = pooled(prior(), [*bad, *people[1:]])
        lost.append(accuracy(start, taste, seed) - accuracy(attacked, taste, seed))
    assert np.mean(lost) <= 0.02


def test_what_is_no_taste_is_refused() -> None:
    people, _ = honest(5)
    with pytest.raises(ValueError, match="leave it out"):
        pooled(prior(), [*people, Contribution(9, SPACE, np.full(D, np.nan), True)])
    with pytest.raises(WrongSpace):
        pooled(prior(), [*people, Contribution(9, "other:space", np.zeros(D), True)])
