"""Two tastes in one: the ends are the people themselves, the middle lies between; evenness."""

import numpy as np
import pytest

from engine.steering.blend import blend, istd
from engine.steering.leaning import Lean


def test_the_ends_are_the_people_themselves_and_the_middle_the_mean() -> None:
    a, b = np.array([1.0, 0.0]), np.array([0.0, 3.0])
    assert blend(a, b, 0.0) is a and blend(a, b, 1.0) is b
    np.testing.assert_allclose(blend(a, b, 0.25), [0.75, 0.75])
    with pytest.raises(ValueError, match="outside"):
        blend(a, b, 1.5)


def test_leans_are_blended_by_style_and_by_fact() -> None:
    a, b = Lean({"ink": 1.0}, {"warmth": 1.0}), Lean({"ink": 0.5, "clay": 0.5}, {"contrast": -2.0})
    found = blend(a, b, 0.5)
    assert found.styles == {"ink": 0.75, "clay": 0.25} and sum(found.styles.values()) == 1
    assert found.facts == {"warmth": 0.5, "contrast": -1.0}


def test_even_steps_have_no_deviation_and_a_jump_has() -> None:
    """Distances 1, 1, 1: 0. Distances 0, 3, 0: deviation sqrt 2, the same mean."""
    assert istd(np.array([[0.0], [1], [2], [3]])) == (0.0, 1.0)
    deviation, mean = istd(np.array([[0.0], [0], [3], [3]]))
    assert deviation == pytest.approx(2**0.5) and mean == 1.0
