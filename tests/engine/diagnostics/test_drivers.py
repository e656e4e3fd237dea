"""Paper 37: named properties get their weights back, with intervals that hold."""

import numpy as np
import pytest

from engine.data import Comparison, Features, Outcome, Question
from engine.diagnostics import drivers
from engine.diagnostics.drivers import Driver

S, N = 29, 300
NAMES = [f"property {k}" for k in range(S)]


def judged(seed: int, weights: np.ndarray, n: int = N) -> list[Driver]:
    """n pairs of which 29 ternary comparisons are known; the picks are logistic."""
    rng = np.random.default_rng(seed)
    differences = rng.integers(-1, 2, (n, S)).astype(np.float32)
    matrix = np.stack([differences, np.zeros_like(differences)], 1).reshape(2 * n, S)
    features = Features("test:named", np.arange(2 * n, dtype=np.int64), matrix)
    first = rng.random(n) < 1 / (1 + np.exp(-differences @ weights))
    told = [
        Comparison(k + 1, Question(k + 1, 1, "text", (2 * k, 2 * k + 1)),
                   Outcome((2 * k if first[k] else 2 * k + 1,)))
        for k in range(n)
    ]  # fmt: skip
    return drivers.drivers(told, features, NAMES)


def rank(x: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(x))


def test_twenty_nine_properties_from_three_hundred_pairs() -> None:
    """Rank correlation at least .8, the true five among the first eight by weight at least 90 %,
    90 % intervals that hold 80 to 97 %.
    """
    alike, kept, inside = [], [], []
    for seed in range(10):
        truth = np.random.default_rng(100 + seed).laplace(0, 0.6, S)
        found = {d.name: d for d in judged(seed, truth)}
        made = [found[name] for name in NAMES]
        weight = np.array([d.weight for d in made])
        alike.append(np.corrcoef(rank(weight), rank(truth))[0, 1])
        top, eight = np.argsort(-np.abs(truth))[:5], np.argsort(-np.abs(weight))[:8]
        kept.append(np.isin(top, eight).mean())
        inside.append(np.mean([d.low <= t <= d.high for d, t in zip(made, truth, strict=True)]))
    assert np.mean(alike) >= 0.8
    assert np.mean(kept) >= 0.9
    assert 0.80 <= np.mean(inside) <= 0.97


def test_one_property_that_outweighs_the_rest_is_warned_of() -> None:
    flat = np.full(S, 0.25)
    assert drivers.gamed(judged(1, flat)) is None
    alone = flat.copy()
    alone[3] = 4.0
    found = judged(1, alone)
    worst = drivers.gamed(found)
    assert worst is not None and worst.name == "property 3" and found[0].name == "property 3"


def test_a_liking_for_what_never_differs_decides_nothing() -> None:
    """Shares are of the person's own choices: they add up to one, and a constant has none."""
    features = Features("test:named", np.arange(4), np.array([[1, 5], [0, 5], [2, 5], [0, 5]],
                                                             np.float32))  # fmt: skip
    told = [Comparison(1, Question(1, 1, "text", (0, 1)), Outcome((0,))),
            Comparison(2, Question(2, 1, "text", (2, 3)), Outcome((2,)))]  # fmt: skip
    first, second = drivers.drivers(told, features, ("moves", "constant"))
    assert (first.name, first.share, second.share) == ("moves", pytest.approx(1.0), 0.0)
    assert first.weight > 0 and second.weight == pytest.approx(0.0)


def test_no_answers_no_drivers() -> None:
    features = Features("test:named", np.arange(2), np.zeros((2, 2), np.float32))
    made = drivers.drivers([], features, ("a", "b"))
    assert [d.share for d in made] == [0.0, 0.0] and not any(d.sure for d in made)
    assert drivers.gamed(made) is None
