"""Contracts of every preference model of the table, and numbers worked out by hand."""

from typing import Any

import numpy as np
import pytest

from engine import laplace
from engine.data import Comparison, Features, Outcome, Question, WrongSpace
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.prequential import Tally, Trace
from tests.people import Linear, asked, world

D = 16


@pytest.fixture(params=sorted(PREFERENCE))
def model(request: pytest.FixtureRequest) -> Any:
    return PREFERENCE[request.param].load()


@pytest.fixture
def features() -> Features:
    return world(np.random.default_rng(1))


@pytest.fixture
def prior() -> Prior:
    return Prior("test:space", np.zeros(D), np.full(D, 0.3))


def talk(features: Features, seed: int, n: int, grid: bool = False) -> list[Comparison]:
    rng = np.random.default_rng(seed)
    person = Linear(np.random.default_rng(99).standard_normal(D).astype(np.float32))
    size = 9 if grid else 2
    return [
        asked(features, rng.choice(len(features), size, replace=False), person, rng, k + 1)
        for k in range(n)
    ]


def test_no_data_is_an_even_chance_and_full_doubt(
    model: Any, features: Features, prior: Prior
) -> None:
    blank = model.blank(prior)
    told = blank.prob(features.matrix[:5], features.matrix[5:10])
    np.testing.assert_allclose(told, 0.5, atol=1e-12)
    mean, std = blank.believe(features.matrix)
    np.testing.assert_allclose(mean, 0.0, atol=1e-6)
    if model.__name__ in ("BradleyTerry", "SharedBasis", "DPA"):
        np.testing.assert_allclose(
            std, np.sqrt(0.3) * np.linalg.norm(features.matrix, axis=1), rtol=1e-5
        )
    assert np.all(std > 0)


def test_swapping_winner_and_loser_negates(model: Any, features: Features, prior: Prior) -> None:
    question = Question(1, 1, "picture", (100, 101))
    made = [
        model.blank(prior).update(Comparison(1, question, Outcome((i,))), features)
        for i in (100, 101)
    ]
    a, b = features.matrix[:20], features.matrix[20:40]
    np.testing.assert_allclose(made[0].prob(a, b), 1.0 - made[1].prob(a, b), atol=1e-6)
    assert np.abs(made[0].prob(a, b) - 0.5).max() > 0.02


def test_the_order_of_answers_does_not_matter_to_a_fit(
    model: Any, features: Features, prior: Prior
) -> None:
    answers = talk(features, 2, 20)
    one, two = (model.fit(a, features, prior) for a in (answers, answers[::-1]))
    a, b = features.matrix[:50], features.matrix[50:100]
    np.testing.assert_allclose(one.prob(a, b), two.prob(a, b), atol=1e-5)


@pytest.mark.parametrize("grid", [False, True])
def test_steps_and_fit_agree(model: Any, features: Features, prior: Prior, grid: bool) -> None:
    answers = talk(features, 3, 14, grid)
    stepped = model.blank(prior)
    for answer in answers:
        stepped = stepped.update(answer, features)
    fitted = model.fit(answers, features, prior)
    if hasattr(stepped, "direction"):
        assert float(stepped.direction() @ fitted.direction()) > 0.98
    u = np.random.default_rng(99).standard_normal(D)
    a, b = features.matrix[:200], features.matrix[200:]
    true = (a - b) @ u > 0
    losses = [-np.mean(np.log(np.where(true, p, 1 - p))) for p in
              (m.prob(a, b) for m in (stepped, fitted))]  # fmt: skip
    # Grids of three picks: 2.5 % here, 3.2 % in a blend, whose weights move at the refit only; the
    # aim of 2 % is met by pairs.
    assert abs(losses[0] / losses[1] - 1) < (0.035 if grid else 0.02)


def test_state_survives_a_round_trip(model: Any, features: Features, prior: Prior) -> None:
    made = model.blank(prior)
    for answer in talk(features, 4, 6):
        made = made.update(answer, features)
    again = model.from_state(made.state(), prior.space)
    np.testing.assert_array_equal(again.believe(features.matrix)[0],
                                  made.believe(features.matrix)[0])  # fmt: skip


def test_forty_answers_find_the_taste(model: Any, features: Features, prior: Prior) -> None:
    made = model.fit(talk(features, 5, 40, grid=True), features, prior)
    u = np.random.default_rng(99).standard_normal(D)
    a, b = features.matrix[:200], features.matrix[200:]
    # Twelve poles on six of the sixteen axes say no more of a taste than those six.
    floor = 0.6 if model.__name__ == "PalPerson" else 0.85
    assert np.mean((made.prob(a, b) > 0.5) == ((a - b) @ u > 0)) > floor


def test_a_wrong_space_is_refused(model: Any, features: Features, prior: Prior) -> None:
    other = Features("other:space", features.ids, features.matrix)
    with pytest.raises(WrongSpace, match="other:space"):
        model.blank(prior).update(talk(features, 6, 1)[0], other)


def test_a_skip_teaches_nothing(model: Any, features: Features, prior: Prior) -> None:
    question = Question(1, 1, "picture", (100, 101))
    made = model.blank(prior).update(Comparison(1, question, Outcome(word="skip")), features)
    assert np.all(made.prob(features.matrix[:9], features.matrix[9:18]) == 0.5)


def test_both_good_lifts_both_and_both_bad_lowers_both(features: Features, prior: Prior) -> None:
    model = PREFERENCE["bradley_terry"].load()
    question, rows = Question(1, 1, "picture", (100, 101)), features.matrix[:2]
    for word, sign in (("both_good", 1), ("both_bad", -1)):
        made = model.blank(prior).update(
            Comparison(1, question, Outcome(word=word)),  # type: ignore[arg-type]
            features,
        )
        assert np.all(sign * made.believe(rows)[0].sum() > 0)


def test_one_answer_by_hand() -> None:
    """d = 1, x = (1, 0), prior variance 1, no side. With the tie as third outcome (Davidson),
    m = 1/2 - sinh(m/2) / (2 cosh(m/2) + 0.3), so m = 0.411537; minus the second derivative there
    is 0.2101, so the variance is 1 / 1.2101.
    """
    start = laplace.Gaussian(np.zeros(3), np.diag([1.0, 0.0, 0.0]))
    row = laplace.Answer(("pick", 2, 1), np.array([[1.0, 0.0, 0.0]]))
    made = laplace.update(start, row)
    assert made.mean[0] == pytest.approx(0.411537, abs=1e-5)
    assert made.cov[0, 0] == pytest.approx(1 / 1.2101, abs=1e-4)


def test_plackett_luce_of_three_by_hand() -> None:
    """At equal utilities: log(1/3) + log(1/2) = -log 6."""
    answer = laplace.read(np.zeros((3, 2), np.float32), (1, 2, 3), Outcome((2, 1)), 1.0)
    assert answer is not None
    value, _, _ = laplace.local(answer.form, np.zeros((1, 2)), np.log(laplace.TIE))
    assert value[0] == pytest.approx(-np.log(6))


def test_a_tally_counts_and_brackets() -> None:
    tally = Tally().add(0.9).add(0.2).add(0.5)
    assert (tally.right, tally.n) == (1.5, 3)
    low, high = tally.interval()
    assert 0 < low < 0.5 < high < 1
    assert Tally().interval() == (0.0, 1.0)


def test_a_trace_takes_no_more_room_however_long_it_gets() -> None:
    trace, tally = Trace(most=8), Tally()
    for k in range(1, 101):
        tally = tally.add(0.9)
        trace.add(k, tally)
    assert len(trace.points) < 8
    assert [n for n, _, _ in trace.points] == list(range(trace.step, 101, trace.step))
    assert all(right == n for _, right, n in trace.points)
    short = Trace()
    for k in range(1, 121):
        short.add(k, Tally(k, k))
    assert [n for n, _, _ in short.spread(60)] == list(range(2, 121, 2))
