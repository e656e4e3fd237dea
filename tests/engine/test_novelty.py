"""Something different: new beside what was shown, liked enough, and wider than chance."""

import numpy as np

from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.queries.novelty import different, novelty, pick
from engine.queries.uniform import pick as at_random
from tests.people import Linear, asked, world


def test_novelty_by_hand() -> None:
    """To the nearest two of 0, 1 and 10: from 2 it is 1 and 2, from 10 it is 0 and 9."""
    archive, x = np.array([[0.0], [1], [10]], np.float32), np.array([[2.0], [10]], np.float32)
    np.testing.assert_allclose(novelty(archive, x, 2), [1.5, 4.5], atol=1e-3)
    np.testing.assert_allclose(novelty(archive[:0], x), [4, 4], atol=1e-4)


def test_the_new_and_liked_come_before_the_new_and_the_liked() -> None:
    x = np.array([[0.0], [0.1], [5], [9], [5.1], [0.2]], np.float32)
    liking = np.array([3.0, 2.9, 2.8, -9, 2.7, 2.6])
    # 9 is newest and disliked; 0 is liked and known; 5 and its like remain.
    found = different(np.zeros((3, 1), np.float32), x, liking, 2)
    assert found[0] in (2, 4) and 3 not in found


def test_it_shows_more_of_the_pool_than_chance_and_likes_it_better() -> None:
    shares = {"novelty": [], "random": []}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        features = world(rng, 400)
        person = Linear(rng.standard_normal(16).astype(np.float32), 0.3)
        prior = Prior(features.space, np.zeros(16), np.full(16, 0.3))
        belief = PREFERENCE["bradley_terry"].load().blank(prior)
        for k in range(15):
            rows = at_random(belief, features, 2, rng, recent=())
            belief = belief.update(asked(features, rows, person, rng, k + 1), features)
        liking = features.matrix @ person.u
        for name, rule in (("novelty", pick), ("random", at_random)):
            recent: list[tuple[int, ...]] = []
            for k in range(12):
                rows = rule(belief, features, 3, np.random.default_rng([seed, k]),
                            recent=tuple(recent))  # fmt: skip
                recent.append(tuple(int(i) for i in features.ids[rows]))
            x = features.of([i for r in recent for i in r])
            apart = np.linalg.norm(x[:, None] - x[None], axis=2)
            np.fill_diagonal(apart, np.inf)
            good = features.rows([i for r in recent for i in r])
            shares[name].append((apart.min(1).mean(), liking[good].mean() / liking.std()))
    new, plain = np.mean(shares["novelty"], 0), np.mean(shares["random"], 0)
    assert new[0] > 1.05 * plain[0] and new[1] > plain[1] + 0.4
