"""Contracts of every query rule of the table."""

from typing import Any

import numpy as np
import pytest

from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.queries import QUERIES
from tests.people import Linear, asked, world

D = 16


@pytest.fixture(params=sorted(QUERIES))
def rule(request: pytest.FixtureRequest) -> Any:
    return QUERIES[request.param].load()


def belief() -> Any:
    return PREFERENCE["bradley_terry"].load().blank(Prior("test:space", np.zeros(D),
                                                          np.full(D, 0.3)))  # fmt: skip


@pytest.mark.parametrize("m", [2, 3, 9])
def test_rows_are_distinct_valid_and_repeatable(rule: Any, m: int) -> None:
    features = world(np.random.default_rng(0), 60)
    groups = (np.arange(0, 20), np.arange(20, 60))
    one, two = (
        rule(belief(), features, m, np.random.default_rng(5), groups=groups, recent=())
        for _ in range(2)
    )
    assert list(one) == list(two)
    assert len(set(one.tolist())) == m
    assert any(set(one.tolist()) <= set(g.tolist()) for g in groups)


def test_the_same_set_is_never_shown_twice_in_a_row(rule: Any) -> None:
    features, recent = world(np.random.default_rng(0), 12), []
    for k in range(20):
        rows = rule(belief(), features, 2, np.random.default_rng(k), groups=None,
                    recent=tuple(recent))  # fmt: skip
        shown = tuple(int(i) for i in features.ids[rows])
        assert not recent or set(shown) != set(recent[-1])
        recent.append(shown)


def test_informative_questions_learn_more_than_random_ones() -> None:
    assert _learned("d_optimal") > _learned("uniform")


def _learned(name: str) -> float:
    """Held-out accuracy after 15 pairs, mean over simulated people."""
    rule, hits = QUERIES[name].load(), []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        features = world(rng)
        person = Linear(rng.standard_normal(D).astype(np.float32), 0.3)
        made = belief()
        for k in range(15):
            rows = rule(made, features, 2, rng, groups=None, recent=())
            made = made.update(asked(features, rows, person, rng, k + 1), features)
        a, b = features.matrix[:200], features.matrix[200:]
        hits.append(np.mean((made.prob(a, b) > 0.5) == ((a - b) @ person.u > 0)))
    return float(np.mean(hits))
