"""One person's blend, best point and mixture, on simulated people whose taste is known."""

from typing import Any

import numpy as np
import pytest

from engine.data import Comparison, Features, Outcome, Question
from engine.preference import PREFERENCE, auto
from engine.preference.auto import Auto
from engine.preference.base import Prior
from engine.preference.ideal_point import IdealPoint, squares
from engine.preference.pal_person import PalPerson
from tests.people import world

D = 8
PRIOR = Prior("test:space", np.zeros(D), np.full(D, 0.3))
FEATURES = world(np.random.default_rng(5), 300, D)


def answers(utility: Any, n: int, seed: int = 0, noise: float = 0.5) -> list[Comparison]:
    rng = np.random.default_rng(seed)
    out = []
    for k in range(n):
        rows = rng.choice(len(FEATURES), 2, replace=False)
        scores = utility(FEATURES.matrix[rows]) + noise * rng.gumbel(size=2)
        ids = tuple(int(i) for i in FEATURES.ids[rows])
        question = Question(k + 1, 1, "picture", ids)
        out.append(Comparison(k + 1, question, Outcome((ids[int(scores.argmax())],))))
    return out


def linear(x: np.ndarray) -> np.ndarray:
    return 1.5 * x[:, 0] - 1.5 * x[:, 1]


def middle(x: np.ndarray) -> np.ndarray:
    """Best at 0.5 on the first two axes."""
    return -2.0 * ((x[:, :2] - 0.5) ** 2).sum(1)


def right(model: Any, utility: Any) -> float:
    a, b = FEATURES.matrix[:150], FEATURES.matrix[150:]
    return float(np.mean((model.prob(a, b) > 0.5) == (utility(a) > utility(b))))


def test_the_weights_go_where_the_held_out_answers_are_foretold() -> None:
    start = Auto.blank(PRIOR)
    best = Auto.fit(answers(middle, 120), FEATURES, PRIOR)
    names = list(best.parts)
    bend, line = names.index("ideal_point"), names.index("bradley_terry")
    assert best.weights[bend] > start.weights[bend] + 0.1
    assert best.held[0] == 120 and best.held[1 + bend] > best.held[1 + line] + 0.05
    assert right(best, middle) > right(best.linear, middle) + 0.05


def test_a_straight_taste_keeps_its_direction() -> None:
    made = Auto.fit(answers(linear, 80), FEATURES, PRIOR)
    assert made.weights.sum() == pytest.approx(1.0)
    assert right(made, linear) > 0.85
    np.testing.assert_array_equal(made.direction(), made.linear.direction())


def test_few_answers_leave_the_weights_where_they_start() -> None:
    made = Auto.fit(answers(linear, 9), FEATURES, PRIOR)
    np.testing.assert_array_equal(made.weights, Auto.blank(PRIOR).weights)
    assert not made.held.any()


def test_candidates_who_disagree_add_to_the_doubt() -> None:
    made = Auto.fit(answers(middle, 120), FEATURES, PRIOR)
    means = np.array([p.believe(FEATURES.matrix)[0] for p in made.parts.values()])
    stds = np.array([p.believe(FEATURES.matrix)[1] for p in made.parts.values()])
    _, std = made.believe(FEATURES.matrix)
    apart = made.weights @ (means - made.weights @ means) ** 2
    np.testing.assert_allclose(std**2, made.weights @ stds**2 + apart, rtol=1e-3)


def test_a_stored_blend_is_the_same_blend() -> None:
    made = Auto.fit(answers(middle, 40), FEATURES, PRIOR)
    again = Auto.from_state(made.state(), PRIOR.space)
    assert list(again.parts) == list(made.parts)
    for a, b in zip(again.believe(FEATURES.matrix), made.believe(FEATURES.matrix), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    step = answers(middle, 41)[-1]
    np.testing.assert_allclose(
        again.update(step, FEATURES).believe(FEATURES.matrix)[0],
        made.update(step, FEATURES).believe(FEATURES.matrix)[0], rtol=1e-4, atol=1e-4)  # fmt: skip


def test_a_pull_counts_as_answers() -> None:
    """Ten answers for one candidate against ten that say nothing: 10 + 10 beside 10, by hand
    where every answer is foretold by the first alone: (10 + 5) / 20.
    """
    probs = np.tile([1.0, 1e-9], (10, 1))
    found = auto.stack(probs, np.ones(10), pull=np.array([5.0, 5.0]))
    np.testing.assert_allclose(found, [0.75, 0.25], atol=1e-5)


def test_the_best_point_is_found() -> None:
    """At 0.5; doubt about the curvature puts it too far out, never on the wrong side or at none."""
    made = IdealPoint.fit(answers(middle, 400, noise=0.2), FEATURES, PRIOR)
    best = made.best()
    assert np.all((best[:2] > 0.4) & (best[:2] < 0.9))
    np.testing.assert_allclose(squares(np.ones((1, 2), np.float32)), [[1, 1, 0, 0]])


def test_a_mixture_names_the_kind_that_is_liked() -> None:
    """Three kinds of things around three points; the person wants the second kind."""
    rng = np.random.default_rng(0)
    points = 2.0 * np.eye(3, D)
    kind = rng.integers(0, 3, 300)
    matrix = (points[kind] + 0.3 * rng.standard_normal((300, D))).astype(np.float32)
    pool = Features("test:space", np.arange(300), matrix)
    prior = Prior("test:space", np.zeros(D), np.full(D, 0.3), points)
    told = []
    for k in range(15):
        a, b = (int(i) for i in rng.choice(300, 2, replace=False))
        won = a if (kind[a] == 1, matrix[a, 1]) > (kind[b] == 1, matrix[b, 1]) else b
        told.append(Comparison(k + 1, Question(k + 1, 1, "picture", (a, b)), Outcome((won,))))
    before, made = PalPerson.blank(prior), PalPerson.fit(told, pool, prior)
    np.testing.assert_allclose(before.mixture(), 1 / 3, atol=1e-9)
    assert made.mixture().argmax() == 1 and made.mixture()[1] > 0.6
    assert made.mixture().sum() == pytest.approx(1.0)
    shuffled = PREFERENCE["pal"].load().fit(told[::-1], pool, prior)
    np.testing.assert_allclose(shuffled.mixture(), made.mixture(), atol=1e-6)
