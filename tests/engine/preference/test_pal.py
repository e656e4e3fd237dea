"""The acceptance table of PAL on simulated people: the elbow, weights alone, the swapped person.

d = 16, three ideal points, 60 people with 60 pairs, the closer item wins, no noise: partition (one
ideal point a person) and mixture (Dirichlet 1). 40 people nobody learnt from.
"""

from functools import lru_cache

import numpy as np
import pytest

from engine.data import WrongSpace
from engine.preference import pal

D = 16


def pairs(ideal: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """won, lost (p, n, d): items N(0, I / d), the closer to the ideal point (p, d) wins."""
    x, y = rng.standard_normal((2, len(ideal), n, D)) / np.sqrt(D)
    near = ((x - ideal[:, None]) ** 2).sum(-1) < ((y - ideal[:, None]) ** 2).sum(-1)
    return np.where(near[..., None], x, y), np.where(near[..., None], y, x)


@lru_cache(maxsize=2)
def world(mode: str = "partition", seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((3, D)) / np.sqrt(D)
    rule = (lambda n: np.eye(3)[rng.integers(0, 3, n)]) if mode == "partition" else (
        lambda n: rng.dirichlet(np.ones(3), n))  # fmt: skip
    old, new = rule(60) @ points, rule(40) @ points
    return (*pairs(old, 60, rng), *pairs(old, 200, rng), *pairs(new, 20, rng),
            *pairs(new, 200, rng))  # fmt: skip


@lru_cache(maxsize=8)
def learnt(k: int, mode: str = "partition") -> tuple[pal.Shared, float]:
    """The shared parts, and how well they and the mixtures do on held-out pairs of the same."""
    won, lost, later_won, later_lost, *_ = world(mode)
    shared, w = pal.learn(won, lost, "toy:16", 0, pal.Settings(prototypes=k))
    return shared, float(right(shared, w, later_won, later_lost).mean())


def right(shared: pal.Shared, w: np.ndarray, won: np.ndarray, lost: np.ndarray) -> np.ndarray:
    a, b = shared.pieces(won, lost)
    return ((a @ w[..., None])[..., 0] + b > 0).mean(1)


def test_the_elbow_is_where_the_truth_is() -> None:
    acc = {k: learnt(k)[1] for k in (1, 2, 3, 4)}
    assert acc[3] >= 0.95 and acc[3] >= acc[1] + 0.08 and acc[3] > acc[2] + 0.03
    assert acc[4] < acc[3] + 0.01


def test_a_mixture_of_tastes_is_found_too() -> None:
    assert learnt(3, "mixture")[1] >= 0.94


def test_weights_alone_beat_a_free_vector_and_another_person() -> None:
    shared, _ = learnt(3)
    *_, won, lost, later_won, later_lost = world()
    w = pal.mixtures(shared, won, lost, "toy:16")[0]
    own = right(shared, w, later_won, later_lost)
    assert own.mean() >= 0.94
    swapped = right(shared, np.roll(w, 1, 0), later_won, later_lost)
    mean = right(shared, np.tile(w.mean(0), (len(w), 1)), later_won, later_lost)
    assert own.mean() - swapped.mean() >= 0.10 and own.mean() - mean.mean() >= 0.10
    for k in (5, 10, 20):
        few = pal.mixtures(shared, won[:, :k], lost[:, :k], "toy:16")[0]
        free = _free(shared, won[:, :k], lost[:, :k])
        margin = np.einsum("pmd,pd->pm", later_won @ shared.f - later_lost @ shared.f, free)
        sizes = ((later_lost @ shared.f) ** 2 - (later_won @ shared.f) ** 2).sum(-1)
        alone = (2.0 * margin + sizes > 0).mean()
        assert right(shared, few, later_won, later_lost).mean() >= alone + 0.08, k


def _free(shared: pal.Shared, won: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """(p, d) an ideal point of one's own from the same pairs: logistic, from zero, ridge."""
    x, y = won @ shared.f, lost @ shared.f
    u = np.zeros((len(won), D))
    for _ in range(300):
        m = shared.scale * ((y**2 - x**2).sum(-1) + 2.0 * np.einsum("pmd,pd->pm", x - y, u))
        g = np.einsum("pm,pmd->pd", 1.0 / (1.0 + np.exp(m)), x - y) * 2.0 * shared.scale
        u += 0.003 * (g - u)
    return u


def test_a_first_pair_by_hand() -> None:
    """Two points at +-1, pair (1, 0): a = 2 (1, -1), b = -1. With w = (v, 1 - v) the margin is
    m = 4 v - 3, and at the mode 4 (1 - sigma(m)) + (pull / 2) (1 / v - 1 / (1 - v)) = 0.
    """
    shared = pal.Shared("toy:one", np.eye(1), np.array([[1.0], [-1.0]]), 1.0)
    w, cov = pal.mixtures(shared, np.ones((1, 1, 1)), np.zeros((1, 1, 1)), "toy:one")
    v, part = float(w[0, 0]), 0.5 * pal.Settings().pull
    assert w.sum() == pytest.approx(1.0) and 0.5 < v < 1.0
    chance = 1.0 / (1.0 + np.exp(-(4.0 * v - 3.0)))
    assert 4.0 * (1.0 - chance) + part * (1.0 / v - 1.0 / (1.0 - v)) == pytest.approx(0, abs=1e-5)
    bend = 16.0 * chance * (1.0 - chance) + part * (v**-2 + (1.0 - v) ** -2)
    assert cov[0, 0, 0] == pytest.approx(1.0 / bend) == pytest.approx(-cov[0, 0, 1])
    assert shared.score(np.array([[1.0], [0.0]]), np.array([1.0, 0.0])).tolist() == [0.0, -1.0]


def test_nothing_said_is_uniform_and_contradictions_cancel() -> None:
    shared, _ = learnt(3)
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 1, 4, D)) / 4
    none = pal.mixtures(shared, np.full((1, 4, D), np.nan), y, "toy:16")[0]
    np.testing.assert_allclose(none, 1 / 3)
    both = pal.mixtures(shared, np.concatenate([x, y], 1), np.concatenate([y, x], 1), "toy:16")
    assert np.isfinite(both[0]).all() and np.isfinite(both[1]).all()
    with pytest.raises(WrongSpace):
        pal.mixtures(shared, x, y, "other:16")


def test_the_shared_parts_survive_a_round_trip() -> None:
    shared, _ = learnt(3)
    again = pal.Shared.from_state(shared.state(), shared.space)
    x = np.random.default_rng(0).standard_normal((5, D))
    w = np.full(3, 1 / 3)
    np.testing.assert_array_equal(shared.score(x, w), again.score(x, w))
