"""Why this prediction: the effect of an answer is what is lost without it."""

from math import log

import numpy as np
import pytest

from engine import laplace
from engine.data import Outcome
from engine.diagnostics import base, why
from tests.people import Linear, asked, world

TIE = log(laplace.TIE)
D = 16


def history(n: int, size: int) -> tuple[list, object]:
    rng = np.random.default_rng(4)
    features = world(rng)
    person = Linear(rng.standard_normal(D).astype(np.float32))
    told = [asked(features, rng.choice(len(features), size, replace=False), person, rng, k + 1)
            for k in range(n)]  # fmt: skip
    return told, features


@pytest.mark.parametrize("size", [2, 9])
def test_the_effect_is_what_a_fit_without_the_answer_loses(size: int) -> None:
    """Against refits: correlation above .99 and slope within .1 of one, pairs and grids."""
    told, features = history(30, size)
    prior = laplace.prior_of(np.zeros(D), np.full(D, 0.3))
    stack = base.stack(told, features)
    made, _ = laplace.fit(prior, stack.batches, TIE)
    gap = np.asarray(features.matrix[0] - features.matrix.mean(0), np.float64)
    effects = why.effects(made, TIE, gap, stack)
    lost = []
    for k in range(len(told)):
        without, _ = laplace.fit(prior, stack.some(np.arange(len(told)) != k), TIE)
        lost.append(float((made.mean - without.mean)[:D] @ gap))
    assert np.corrcoef(effects, lost)[0, 1] > 0.99
    assert np.polyfit(lost, effects, 1)[0] == pytest.approx(1.0, abs=0.1)


def test_the_strongest_come_first_and_a_skip_never() -> None:
    told, features = history(12, 2)
    told[5] = told[5].__class__(told[5].seq, told[5].question, Outcome(word="skip"))
    prior = laplace.prior_of(np.zeros(D), np.full(D, 0.3))
    made, _ = laplace.fit(prior, base.stack(told, features).batches, TIE)
    gap = np.asarray(features.matrix[7], np.float64)
    found = why.why(made, TIE, gap, (told, features), named=6, most=(12, 2))
    sizes = [abs(effect) for _, effect in found.answers]
    assert sizes == sorted(sizes, reverse=True) and 5 not in [place for place, _ in found.answers]
    assert found.gap == pytest.approx(float(made.mean[:D] @ gap))
    parts = made.mean[:6] * gap[:6]
    for k, part in found.axes:
        assert part == pytest.approx(parts[k]) and part * found.gap > 0
    assert len(found.axes) <= 2


def test_before_any_answer_there_is_no_reason() -> None:
    _, features = history(0, 2)
    prior = laplace.prior_of(np.zeros(D), np.full(D, 0.3))
    found = why.why(prior, TIE, np.ones(D), ([], features), named=3)
    assert (found.gap, found.answers, found.axes) == (0.0, (), ())
