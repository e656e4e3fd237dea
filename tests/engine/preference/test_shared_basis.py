"""What people share, found again from simulated people; many people at once as one by one."""

import numpy as np
import pytest

from engine import laplace
from engine.data import Comparison, Features, Outcome, Question
from engine.preference import population
from engine.preference.base import Prior
from engine.preference.shared_basis import SharedBasis

RNG = np.random.default_rng(0)


def judged(people: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulated people with two weights each over 40 items: (answers, base, loadings)."""
    fixed = np.random.default_rng(7)
    base, loadings = fixed.standard_normal(40) * 0.5, fixed.standard_normal((40, 2))
    rng = np.random.default_rng(seed)
    scores = base + rng.standard_normal((people, 2)) @ loadings.T
    return scores + 0.3 * rng.standard_normal(scores.shape), base, loadings


def test_the_population_is_found_from_a_third_of_the_answers() -> None:
    answers, base, loadings = judged(400, 1)
    answers[np.random.default_rng(2).random(answers.shape) < 0.67] = np.nan
    found = population.of_items(answers, population.Settings(rank=2))
    assert np.corrcoef(found.base, base)[0, 1] > 0.97
    true = loadings @ loadings.T
    assert np.linalg.norm(found.cov(0.0) - true) < 0.2 * np.linalg.norm(true)
    assert 0.05 < found.own.mean() < 0.14  # 0.09 is true


def test_a_new_person_with_eight_pairs_beats_the_population_and_another_person() -> None:
    answers, *_ = judged(400, 1)
    prior = population.of_items(answers, population.Settings(rank=2)).prior("toy:items", 2.0)
    features = Features("toy:items", np.arange(40), np.eye(40, dtype=np.float32))
    people, *_ = judged(30, 3)
    made = []
    for person in people:
        pairs = [tuple(RNG.choice(40, 2, replace=False)) for _ in range(8)]
        made.append(SharedBasis.fit([_told(person, p, k) for k, p in enumerate(pairs)],
                                    features, prior))  # fmt: skip
    left, right = RNG.integers(0, 40, 300), RNG.integers(0, 40, 300)
    keep = left != right
    left, right = features.matrix[left[keep]], features.matrix[right[keep]]
    hits = np.array([[np.mean((m.prob(left, right) > 0.5) == ((left - right) @ p > 0))
                      for m in made] for p in people])  # fmt: skip
    own, other = np.diag(hits), np.diag(np.roll(hits, 1, 1))
    base = np.mean([((left - right) @ prior.mean > 0) == ((left - right) @ p > 0) for p in people])
    assert own.mean() > base + 0.1 and own.mean() > other.mean() + 0.1


def _told(person: np.ndarray, pair: tuple[int, ...], seq: int) -> Comparison:
    pair = tuple(int(i) for i in pair)
    best = pair[int(person[pair[1]] > person[pair[0]])]
    return Comparison(seq, Question(seq, 1, "text", pair), Outcome((best,)))


def test_many_people_at_once_are_the_people_one_by_one() -> None:
    rows = RNG.standard_normal((5, 6, 3))
    label = RNG.choice([1.0, -1.0], (5, 6))
    label[0, 4:] = np.nan
    var = np.array([1.0, 0.5, 2.0])
    gram = (rows * var) @ rows.swapaxes(1, 2)
    made = laplace.fit_many(np.zeros((5, 6)), gram, label)
    probe = RNG.standard_normal((4, 3))
    mean, left = made.margins(
        np.zeros((5, 4)), np.broadcast_to((probe**2) @ var, (5, 4)),
        np.broadcast_to(probe, (5, 4, 3)) @ (rows * var * ~np.isnan(label)[..., None])
        .swapaxes(1, 2),
    )  # fmt: skip
    for p in range(5):
        seen = ~np.isnan(label[p])
        turned = np.pad(rows[p][seen] * label[p][seen, None], ((0, 0), (0, 2)))[:, None, :]
        one, _ = laplace.fit(laplace.prior_of(np.zeros(3), var),
                             [laplace.Batch(("pick", 2, 1), turned)])  # fmt: skip
        np.testing.assert_allclose(mean[p], probe @ one.mean[:3], atol=1e-4)
        doubt = np.einsum("qd,de,qe->q", probe, one.cov[:3, :3], probe)
        np.testing.assert_allclose(left[p], doubt, atol=1e-4)


def test_neither_pulls_two_things_together_by_hand() -> None:
    """One row, y ~ N(1, 1), tie: alpha = -lean(y), y = 1 + alpha; symmetric about zero."""
    made = laplace.fit_many(np.ones((1, 1)), np.ones((1, 1, 1)), np.zeros((1, 1)))
    y = 1.0 + made.alpha[0, 0]
    up, down = np.exp(0.5 * y), np.exp(-0.5 * y)
    assert made.alpha[0, 0] == pytest.approx(-0.5 * (up - down) / (up + down + laplace.TIE))
    even = laplace.fit_many(np.zeros((1, 1)), np.ones((1, 1, 1)), np.zeros((1, 1)))
    assert even.alpha[0, 0] == 0.0


def test_contradictions_and_nothing_said_end_in_numbers() -> None:
    label = np.array([[1.0, -1.0], [np.nan, np.nan]])
    made = laplace.fit_many(np.zeros((2, 2)), np.full((2, 2, 2), 1e6), label)
    assert np.isfinite(made.alpha).all() and np.allclose(made.alpha[1], 0.0)
    mean, _ = made.margins(np.zeros((2, 1)), np.full((2, 1), 1e6), np.full((2, 1, 2), 1e6))
    assert abs(mean[0, 0]) < 1.0


def test_a_direction_outside_the_basis_is_not_learnt() -> None:
    prior = Prior("toy:two", np.zeros(2), np.outer([1.0, 0.0], [1.0, 0.0]))
    features = Features("toy:two", np.arange(2), np.array([[0, 1], [0, -1]], np.float32))
    question = Question(1, 1, "text", (0, 1))
    made = SharedBasis.blank(prior).update(Comparison(1, question, Outcome((0,))), features)
    assert made.direction()[1] == 0.0


def test_features_of_people_give_their_mean_and_spread() -> None:
    rng = np.random.default_rng(4)
    people = np.array([2.0, 0.0, 0.0]) + rng.standard_normal((60, 3)) * [0.3, 1.5, 0.1]
    gaps = []
    for u in people:
        x = rng.standard_normal((80, 3))
        flip = rng.random(80) > 1 / (1 + np.exp(-x @ u))
        gaps.append(np.where(flip[:, None], -x, x))
    prior = population.of_features(gaps, "toy:three", np.ones(3))
    assert prior.mean[0] == pytest.approx(2.0, abs=0.4) and abs(prior.mean[1:]).max() < 0.5
    assert prior.var[1] > 3 * max(prior.var[0], prior.var[2])
