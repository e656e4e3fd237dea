"""The choice between beliefs: by what was held out, and the population when nothing pays."""

import numpy as np
import pytest

from engine.preference import auto

WHO = np.repeat(np.arange(40), 5)
RNG = np.random.default_rng(0)


def test_a_mixture_by_hand() -> None:
    """Two candidates, each right with 0.9 on half of what happened and 0.1 on the rest: half each.
    Three quarters: w maximises .75 log(.1 + .8 w) + .25 log(.9 - .8 w), so w = 0.8125.
    """
    probs = np.array([[0.9, 0.1], [0.1, 0.9]])
    np.testing.assert_allclose(auto.stack(probs, np.ones(2)), [0.5, 0.5])
    probs = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]])
    assert auto.stack(probs, np.ones(4), 5000)[0] == pytest.approx(0.8125, abs=1e-3)


def test_noise_falls_back_to_the_population() -> None:
    flat = np.full(len(WHO), 0.6)
    worse = np.where(RNG.random(len(WHO)) < 0.55, 0.7, 0.3)
    made = auto.choose({"population": flat, "personal": worse}, WHO, "population")
    assert made.weights == {"population": 1.0} and "do not pay" in made.why


def test_a_better_belief_is_taken_and_its_gain_is_said() -> None:
    flat = np.full(len(WHO), 0.5)
    better = np.where(RNG.random(len(WHO)) < 0.8, 0.75, 0.25)
    made = auto.choose({"population": flat, "personal": better}, WHO, "population")
    assert made.weights["personal"] > 0.8 and made.gain[1] > 0
    assert sum(made.weights.values()) == pytest.approx(1.0)


def test_one_person_settles_nothing() -> None:
    who = np.zeros(5, np.int64)
    made = auto.choose({"population": np.full(5, 0.5), "own": np.full(5, 0.9)}, who, "population")
    assert made.weights == {"population": 1.0}


def test_too_confident_is_made_as_confident_as_it_is_right() -> None:
    """Right three times in four but says 0.99: tempered it says about 0.75, its order unchanged."""
    right = np.tile([True, True, True, False], 50)
    probs = np.where(right, 0.99, 0.01)
    made = auto.choose({"population": np.full(200, 0.5), "own": probs}, np.repeat(np.arange(50), 4),
                       "population")  # fmt: skip
    said = made.mix({"population": np.full(3, 0.5), "own": np.array([0.99, 0.6, 0.01])})
    assert said[0] == pytest.approx(0.75, abs=0.05)
    assert said[0] > said[1] > 0.5 > said[2]
