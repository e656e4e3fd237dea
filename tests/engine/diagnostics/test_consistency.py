"""Papers 11 and 41: wrong clicks stand out among the rest, and their share is estimated."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from engine import laplace
from engine.data import Comparison, Features, Outcome, Question
from engine.diagnostics import base, consistency, flips

D = 10
TIE = log(laplace.TIE)


def spoilt(
    seed: int, n: int, share: float, noise: float = 0.0
) -> tuple[Features, list[Comparison], np.ndarray, np.ndarray]:
    """A simulated person's picks of pairs with this share turned around; which, and their taste."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((2 * n, D)).astype(np.float32)
    features = Features("test:space", np.arange(2 * n, dtype=np.int64), matrix)
    u = rng.standard_normal(D)
    wrong = rng.random(n) < share
    told = []
    for k in range(n):
        a, b = 2 * k, 2 * k + 1
        likes_a = (matrix[a] - matrix[b]) @ u + noise * rng.logistic() > 0
        picked = a if likes_a != wrong[k] else b
        told.append(Comparison(k + 1, Question(k + 1, 1, "picture", (a, b)), Outcome((picked,))))
    return features, told, wrong, u


def prior() -> laplace.Gaussian:
    return laplace.prior_of(np.zeros(D), np.ones(D))


def right(features: Features, told: list[Comparison], u: np.ndarray) -> float:
    made, _ = laplace.fit(prior(), base.stack(told, features).batches)
    gaps = np.random.default_rng(9).standard_normal((4000, D))
    return float(np.mean((gaps @ made.mean[:D] > 0) == (gaps @ u > 0)))


def test_a_fifth_turned_around_is_found() -> None:
    """The row's set-up: d = 10, n = 1000, ten halves, five seeds. Measured .91 of the bottom fifth,
    0 of the top fifth, accuracy .946 to .956.
    """
    found = []
    for seed in range(5):
        features, told, wrong, u = spoilt(seed, 1000, 0.2)
        made = consistency.look(told, features, prior(), TIE, np.random.default_rng(seed))
        order = np.argsort(made.mean)
        mended = list(told)
        for i in order[:200]:
            mended[i] = consistency.flipped(told[i])
        found.append((wrong[order[:200]].mean(), wrong[order[-200:]].mean(),
                      right(features, told, u), right(features, mended, u)))  # fmt: skip
    bottom, top, before, after = np.mean(found, 0)
    assert bottom >= 0.75 and top <= 0.01 and after >= before


def test_ten_of_a_persons_sixty_answers() -> None:
    """What the page shows: of the ten it names, far more than the base rate of .1 are wrong."""
    share = []
    for seed in range(20):
        features, told, wrong, _ = spoilt(seed, 60, 0.1)
        made = consistency.look(told, features, prior(), TIE, np.random.default_rng(seed))
        share.append(wrong[made.doubtful(5)].mean())
    assert np.mean(share) > 0.4


def test_a_grid_a_tie_and_a_skip_have_their_place() -> None:
    features, told, _, u = spoilt(1, 80, 0.0)
    grid = Question(90, 1, "picture", tuple(range(9)))
    liking = features.matrix[:9] @ u
    best, worst = int(np.argmax(liking)), int(np.argmin(liking))
    told += [Comparison(90, grid, Outcome((best,))), Comparison(91, grid, Outcome((worst,))),
             Comparison(92, told[0].question, Outcome(word="skip")),
             Comparison(93, told[0].question, Outcome(word="both_good"))]  # fmt: skip
    made = consistency.look(told, features, prior(), TIE, np.random.default_rng(0))
    assert made.mean[80] > 0 > made.mean[81]
    assert made.doubtful(1) == [81] and np.isnan(made.mean[82]) and np.isfinite(made.mean[83])


def test_too_few_answers_say_nothing() -> None:
    features, told, _, _ = spoilt(1, 8, 0.5)
    made = consistency.look(told, features, prior(), TIE, np.random.default_rng(0))
    assert made.doubtful(10) == []


def test_only_two_things_have_an_opposite() -> None:
    pair = Comparison(1, Question(1, 1, "text", (4, 7)), Outcome((7,)))
    assert consistency.flipped(pair).outcome.picks == (4,)
    assert consistency.flipped(consistency.flipped(pair)) == pair
    tie = replace(pair, outcome=Outcome(word="both_good"))
    assert consistency.flipped(tie).outcome.word == "both_bad"
    with pytest.raises(ValueError, match="drop"):
        consistency.flipped(Comparison(1, Question(1, 1, "text", (4, 7, 9)), Outcome((7,))))


def test_the_formula_by_hand() -> None:
    """e = .1 on both sides: agreed .82, each side twice .09. A pull of the side: e_L = 0, e_R = .2:
    agreed .8, left twice .2, and still e = .1; blind to the side it would be .113.
    """
    assert flips.by_hand(82, 9, 9) == pytest.approx(0.1)
    assert flips.by_hand(80, 20, 0) == pytest.approx(0.1)
    assert flips.by_hand(80, 10, 10) == pytest.approx((1 - np.sqrt(0.6)) / 2)


def test_the_interval_holds_the_rate_as_often_as_it_says() -> None:
    """200 simulated people with 30 repeats: 90 % intervals, and a side habit is found."""
    rng = np.random.default_rng(0)
    inside, errors = [], []
    for _ in range(200):
        e, t = rng.uniform(0, 0.4), rng.uniform(-1, 1)
        e_left, e_right = e * (1 - t), e * (1 + t)
        p = [(1 - e_left) * (1 - e_right) + e_left * e_right, (1 - e_left) * e_right,
             e_left * (1 - e_right)]  # fmt: skip
        made = flips.from_repeats(*(int(n) for n in rng.multinomial(30, p)))
        inside.append(made.low <= e <= made.high)
        errors.append(made.rate - e)
    assert 0.82 <= np.mean(inside) <= 0.98 and abs(np.mean(errors)) < 0.03
    side = flips.from_repeats(20, 10, 0).side
    assert side is not None and side[1] > 0


def test_no_repeats_say_nothing() -> None:
    made = flips.from_repeats(0, 0, 0)
    assert (made.low, made.high) == (
        pytest.approx(0.025, abs=0.006),
        pytest.approx(0.475, abs=0.006),
    )


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
def test_without_repeats_the_ensemble_estimates_it(noise: float, share: float) -> None:
    """600 picks, people with and without indecision: within .05 of the truth, mean of 6 seeds."""
    made = []
    for seed in range(6):
        features, told, _, _ = spoilt(seed, 600, share, noise)
        stack = base.stack(told, features)
        gaps = base.halves(stack, prior(), TIE, 10, np.random.default_rng(seed))
        made.append(flips.from_ensemble(gaps).rate)
    assert abs(np.mean(made) - share) < 0.05
