"""PAL-B on simulated people who read a prompt in one of two ways."""

from typing import Any

import numpy as np
import pytest

from engine.data import WrongSpace
from engine.preference import pal, pal_prompts

SPACES = ("test:items", "test:prompts")
D, TRUE = 8, 2


def crowd(people: int, pairs: int, seed: int) -> tuple[Any, ...]:
    """Pairs chosen by the cosine to what the person's own reading of the prompt holds ideal."""
    rng = np.random.default_rng(seed)
    reads = np.random.default_rng(9).standard_normal((TRUE, D, D))
    kind = rng.integers(0, TRUE, people)
    a, b, c = rng.standard_normal((3, people, pairs, D))
    ideal = np.einsum("pmc,pcd->pmd", c, reads[kind])

    def near(x: Any) -> Any:
        return (x * ideal).sum(-1) / np.linalg.norm(x, axis=-1)

    first = (near(a) > near(b))[..., None]
    return np.where(first, a, b), np.where(first, b, a), c, kind


@pytest.fixture(scope="module")
def taught() -> tuple[pal_prompts.Shared, Any]:
    won, lost, asked, kind = crowd(60, 40, 1)
    shared, weights = pal_prompts.learn(won, lost, asked, SPACES,
                                        settings=pal_prompts.Settings(width=8))  # fmt: skip
    return shared, (weights, kind)


def right(shared: pal_prompts.Shared, weights: Any, told: tuple[Any, ...]) -> float:
    won, lost, asked, _ = told
    hits = [np.mean(shared.score(w, c, m) > shared.score(x, c, m))
            for w, x, c, m in zip(won, lost, asked, weights, strict=True)]  # fmt: skip
    return float(np.mean(hits))


def test_people_fall_into_their_readings(taught: Any) -> None:
    _, (weights, kind) = taught
    found = weights.argmax(1)
    assert max(np.mean(found == kind), np.mean(found != kind)) > 0.95


def test_new_people_fit_their_weights_alone(taught: Any) -> None:
    shared = taught[0]
    told, later = crowd(40, 10, 2), crowd(40, 100, 2)
    # The same people: kinds are drawn first from the same seed.
    assert (told[3] == later[3]).all()
    own = pal_prompts.mixtures(shared, *told[:3], SPACES)
    np.testing.assert_allclose(own.sum(1), 1.0, atol=1e-6)
    mine, even = right(shared, own, later), right(shared, np.full_like(own, 0.5), later)
    swapped = right(shared, own[:, ::-1], later)
    assert mine > 0.9 and mine > even + 0.1 and swapped < mine - 0.3


def test_without_the_prompt_nothing_can_be_said(taught: Any) -> None:
    """The control: PAL-A sees the items alone, and what is ideal turns with every prompt."""
    won, lost, _, _ = crowd(60, 40, 1)
    shared, weights = pal.learn(won, lost, SPACES[0], 0, pal.Settings(prototypes=2, steps=150))
    later = crowd(60, 60, 1)
    hits = [np.mean(shared.score(w, m) > shared.score(x, m))
            for w, x, m in zip(later[0], later[1], weights, strict=True)]  # fmt: skip
    assert np.mean(hits) < 0.6


def test_no_answers_are_every_reading_alike_and_the_state_comes_back(taught: Any) -> None:
    shared = taught[0]
    none = np.zeros((3, 0, D))
    np.testing.assert_array_equal(pal_prompts.mixtures(shared, none, none, none, SPACES), 0.5)
    again = pal_prompts.Shared.from_state(shared.state(), *SPACES)
    x = np.random.default_rng(0).standard_normal((5, D))
    w = np.array([0.3, 0.7])
    np.testing.assert_array_equal(again.score(x, x, w), shared.score(x, x, w))
    with pytest.raises(WrongSpace, match="other"):
        pal_prompts.mixtures(shared, none, none, none, ("other", SPACES[1]))
