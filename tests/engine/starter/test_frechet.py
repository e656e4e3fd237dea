"""The distance between sets of pictures, on numbers that can be worked out by hand."""

import numpy as np
import pytest

from tests.bench.frechet import DIM, Space


def test_a_shift_and_a_stretch_count_as_the_formula_says() -> None:
    real = np.random.default_rng(0).standard_normal((4000, DIM)) @ np.diag(np.linspace(1, 3, DIM))
    space = Space(real)
    assert space.apart(real, real) == pytest.approx(0, abs=1e-6)
    # Every component has deviation 1: half a deviation off in each is DIM / 4.
    away = real + 0.5 * np.linalg.pinv(space.rows) @ np.ones(DIM)
    assert space.apart(away, real) == pytest.approx(DIM / 4, rel=1e-3)
    # Twice as wide is tr(4 + 1 - 2 * 2), 1 in each.
    wide = real.mean(0) + 2 * (real - real.mean(0))
    assert space.apart(wide, real) == pytest.approx(DIM, rel=1e-3)
