"""A direction is a value: equal, saved, added, and at home in one model only."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.data import WrongSpace
from engine.steering.activation import Direction, activation, from_contrast, from_scores
from tests.tiny import tiny_lm


@pytest.fixture
def direction() -> Direction:
    rng = np.random.default_rng(0)
    return Direction("tiny", {k: rng.standard_normal(32).astype(np.float32) for k in (2, 11)})


def test_a_round_trip_is_equal(direction: Direction, tmp_path: Path) -> None:
    direction.save(tmp_path / "d.safetensors")
    found = Direction.load(tmp_path / "d.safetensors")
    assert found == direction and list(found.layers) == [2, 11]
    assert found != direction * 2 and found != Direction("other", direction.layers)
    assert (found == 3) is False


def test_what_is_not_a_direction_is_refused(tmp_path: Path) -> None:
    vector = np.ones(4, np.float32)
    for k, arrays in enumerate(
        ({"weights": vector}, {"a:layer1": vector, "b:layer1": vector}, {"a:layer1": vector[None]})
    ):
        save_file(arrays, str(tmp_path / f"{k}"))
        with pytest.raises(ValueError, match="direction of one model"):
            Direction.load(tmp_path / f"{k}")


def test_the_algebra(direction: Direction) -> None:
    opposite = -direction
    assert -opposite == direction != opposite
    assert direction + direction == direction * 2.0
    nothing = direction + opposite
    assert all((v == 0).all() for v in nothing.layers.values())
    with pytest.raises(WrongSpace):
        direction + Direction("other", direction.layers)


def test_rows_of_one_batch_name_the_same_blocks(direction: Direction) -> None:
    short: Any = Direction("tiny", {2: direction.layers[2]})
    lm = tiny_lm()
    with pytest.raises(WrongSpace, match="same blocks"), activation(lm, [direction, short], 1.0):
        pass
    assert not any(b._forward_hooks for b in lm.blocks())


def test_a_mean_difference_by_hand() -> None:
    """Chosen (3, 0) and (1, 0), rejected (0, 2): the difference is (2, -2), its unit (.7, -.7)."""
    chosen = np.array([[[3.0, 0]], [[1.0, 0]]], np.float32)
    rejected = np.array([[[0.0, 2]]], np.float32)
    found = from_contrast("m", chosen, rejected, (5,)).layers[5]
    np.testing.assert_allclose(found, [np.sqrt(0.5), -np.sqrt(0.5)], atol=1e-6)


def test_a_topic_cancels_and_the_scale_of_liking_does_not_matter() -> None:
    hidden = np.array([[[9.0, 1]], [[9, 0]], [[-9, 1]], [[-9, 0]]], np.float32)
    tasks = ["sea", "sea", "hill", "hill"]
    # The sea is liked as a topic; within both topics the second axis is.
    for scores in ([3.0, 2, 1, 0], [30, 20, 10, 0], [8, 7, 1, 0]):
        found = from_scores("m", hidden, np.array(scores), tasks, (0,))
        np.testing.assert_allclose(found.layers[0], [0, 1], atol=1e-6)


def test_no_preference_is_no_direction() -> None:
    hidden = np.ones((3, 1, 4), np.float32)
    found = from_scores("m", hidden, np.full(3, 0.7), ["a"] * 3, (0,))
    assert (found.layers[0] == 0).all()
    lm = tiny_lm()
    states = lm.hidden(["one", "two", "three"], (2,))
    zero = from_scores("tiny", states, np.zeros(3), ["a"] * 3, (2,))
    with activation(lm, zero, 1.0):
        bent = lm.logps("a", ["hello"])[0]
    assert bent[0] == pytest.approx(float(lm.logps("a", ["hello"])[0][0]), abs=0)
