"""Histories nobody sane would give: contradictory, empty, one-sided, adversarial, endless. Every
model of the table stays finite, and contradictions never make it surer.
"""

import tracemalloc
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data import Comparison, Features, Outcome, Question
from engine.preference import PREFERENCE
from engine.preference.base import Prior

D, ITEMS = 6, 24
SPACE = "test:space"
FEW = settings(max_examples=15, deadline=None,
               suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
WORDS = ("both_good", "both_bad", "skip")
# From the tiniest to the largest a card may send, and features no encoder should make.
STRENGTHS = (0.25, 1.0, 4.0)


@pytest.fixture(params=sorted(PREFERENCE))
def model(request: pytest.FixtureRequest) -> Any:
    return PREFERENCE[request.param].load()


@cache
def world(size: float = 1.0) -> Features:
    matrix = size * np.random.default_rng(3).standard_normal((ITEMS, D))
    matrix[1] = matrix[0]  # two things that are the same
    matrix[2] = 0.0
    return Features(SPACE, np.arange(ITEMS, dtype=np.int64), matrix.astype(np.float32))


def prior() -> Prior:
    return Prior(SPACE, np.zeros(D), np.full(D, 0.3))


def compared(items: tuple[int, ...], outcome: Outcome, seq: int = 1, strength: float = 1.0) -> Any:
    return Comparison(seq, Question(seq, 1, "picture", items), outcome, strength)


@st.composite
def answers(draw: Any) -> list[Comparison]:
    """Any history: pairs, grids, words, strengths, the same question again and again."""
    told = []
    for seq in range(draw(st.integers(0, 30))):
        size = draw(st.sampled_from((2, 2, 2, 3, 9)))
        items = tuple(draw(st.permutations(range(ITEMS)))[:size])
        if size == 2 and draw(st.booleans()):
            outcome = Outcome(word=draw(st.sampled_from(WORDS)))
        else:
            outcome = Outcome(items[: draw(st.integers(1, 1 if size == 2 else size))])
        told.append(compared(items, outcome, seq + 1, draw(st.sampled_from(STRENGTHS))))
    return told


def sane(made: Any, features: Features) -> None:
    """Finite beliefs, probabilities that are some, and a state that says the same again."""
    left, right = features.matrix[:-1], features.matrix[1:]
    chance = made.prob(left, right)
    assert np.isfinite(chance).all() and ((chance >= 0) & (chance <= 1)).all()
    np.testing.assert_allclose(chance + made.prob(right, left), 1.0, atol=1e-4)
    if hasattr(made, "believe"):
        mean, std = made.believe(features.matrix)
        assert np.isfinite(mean).all() and np.isfinite(std).all() and (std >= 0).all()
    for name, array in made.state().items():
        if np.issubdtype(array.dtype, np.number):
            assert np.isfinite(array).all(), name
    again = type(made).from_state(made.state(), SPACE)
    # A state may be kept in single precision, and features here are up to a thousand.
    np.testing.assert_allclose(again.prob(left, right), chance, atol=1e-3)


@FEW
@given(told=answers())
def test_any_history_leaves_a_sane_belief(model: Any, told: list[Comparison]) -> None:
    features = world()
    made = model.blank(prior())
    for answer in told:
        made = made.update(answer, features)
        if answer.outcome.picks:
            assert 0 <= made.predict(answer.question, answer.outcome, features) <= 1
    sane(made, features)
    sane(model.fit(told, features, prior()), features)


@pytest.mark.parametrize("size", [1e-6, 30.0, 1e3])
def test_features_of_any_size_do_not_overflow(model: Any, size: float) -> None:
    features = world(size)
    told = [compared((k % ITEMS, (k + 5) % ITEMS), Outcome((k % ITEMS,)), k + 1, 4.0)
            for k in range(30)]  # fmt: skip
    with np.errstate(over="raise", invalid="raise"):
        made = model.blank(prior())
        for answer in told:
            made = made.update(answer, features)
        sane(made, features)
        sane(model.fit(told, features, prior()), features)


def test_one_sided_histories_stay_in_bounds(model: Any) -> None:
    """Always left, always both good, always skip, always the same pair."""
    features = world()
    always = [
        [compared((k % ITEMS, (k + 7) % ITEMS), Outcome((k % ITEMS,)), k + 1) for k in range(200)],
        [compared((3, 4), Outcome(word="both_good"), k + 1) for k in range(60)],
        [compared((3, 4), Outcome(word="skip"), k + 1) for k in range(20)],
        [compared((3, 4), Outcome((3,)), k + 1) for k in range(200)],
    ]
    for told in always:
        sane(model.fit(told, features, prior()), features)


def sure(made: Any, features: Features) -> float:
    """How far from an even chance it holds pairs to be, on average: 0 to .5."""
    return float(np.abs(made.prob(features.matrix[:-1], features.matrix[1:]) - 0.5).mean())


@FEW
@given(seed=st.integers(0, 1000), n=st.integers(3, 25))
def test_contradictions_raise_doubt(model: Any, seed: int, n: int) -> None:
    """The same answers, once each followed by itself and once by its opposite: the person who
    contradicts every answer is believed to like nothing in particular.
    """
    features, rng = world(), np.random.default_rng(seed)
    u = rng.standard_normal(D)
    told = []
    for k in range(n):
        a, b = (int(i) for i in rng.choice(np.arange(3, ITEMS), 2, replace=False))
        better, worse = (a, b) if (features.matrix[a] - features.matrix[b]) @ u > 0 else (b, a)
        told.append(compared((better, worse), Outcome((better,)), k + 1))
    opposite = [replace(c, seq=n + c.seq, outcome=Outcome((c.question.items[1],))) for c in told]
    same = [replace(c, seq=n + c.seq) for c in told]
    torn = model.fit([*told, *opposite], features, prior())
    firm = model.fit([*told, *same], features, prior())
    once = model.fit(told, features, prior())
    assert sure(torn, features) <= sure(once, features) + 0.01
    assert sure(torn, features) < sure(firm, features)
    stepped = model.fit(told, features, prior())
    for answer in opposite:
        stepped = stepped.update(answer, features)
    assert sure(stepped, features) <= sure(once, features) + 0.01


@cache
def endless(n: int) -> tuple[Features, list[Comparison]]:
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((400, 16)).astype(np.float32)
    features = Features(SPACE, np.arange(400, dtype=np.int64), matrix)
    u = rng.standard_normal(16)
    pairs = rng.integers(0, 400, (n, 2))
    pairs[:, 1] = np.where(pairs[:, 0] == pairs[:, 1], (pairs[:, 1] + 1) % 400, pairs[:, 1])
    left = (matrix[pairs[:, 0]] - matrix[pairs[:, 1]]) @ u + rng.logistic(size=n) > 0
    told = [
        compared((int(a), int(b)), Outcome((int(a) if w else int(b),)), k + 1)
        for k, ((a, b), w) in enumerate(zip(pairs, left, strict=True))
    ]
    return features, told


@pytest.mark.slow
def test_a_hundred_thousand_answers_are_fitted_and_kept_in_the_same_room(model: Any) -> None:
    features, told = endless(100_000)
    start = Prior(SPACE, np.zeros(16), np.full(16, 0.3))
    made = model.fit(told, features, start)
    sane(made, features)
    assert _bytes(made) == _bytes(model.fit(told[:200], features, start)), "O(1) in answers"
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for answer in told[:300]:
        made = made.update(answer, features)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000, "a step keeps nothing of its answer"


def _bytes(made: Any) -> int:
    return sum(int(a.nbytes) for a in made.state().values())
