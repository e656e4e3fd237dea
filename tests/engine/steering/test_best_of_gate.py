"""Founding paper 2 (DeformPAM): a tuned policy's implicit reward picks better the more it draws.

300 things with eight features; a policy is tuned by DPO on 60 noisy comparisons of a simulated
person. Its own log-ratio to the base then chooses among N draws of the base. Simulated; the true
reward is known to the test alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from engine.data import Draw, Sample
from engine.objectives.dpo import DPO
from engine.steering.best_of import MOST, best_of
from tests.engine.objectives import toy

ITEMS, FEATURES, PAIRS, DRAWN, SEEDS = 300, 8, 60, 400, 5


@dataclass
class Policy:
    """Draws things evenly; a "picture" is the number of a thing."""

    def stream(self, prompts: Any, seeds: Any, _request: Draw) -> Any:
        for index, seed in enumerate(seeds):
            thing = int(np.random.default_rng(seed).integers(ITEMS))
            yield Sample(index, pixels=np.full((1, 1, 3), thing, np.int64))


def tuned(seed: int) -> tuple[Any, Any]:
    """(300,) implicit rewards and true ones."""
    g = toy.generator(seed)
    phi = toy.normal(g, 1, ITEMS, FEATURES)
    true = (phi @ toy.normal(g, 1, FEATURES, 1))[0, :, 0]
    policy = toy.LogLinear(phi, torch.zeros(1, ITEMS, dtype=toy.F64))
    base = policy.logp(policy.start)
    sides = torch.randint(ITEMS, (PAIRS, 2), generator=g)
    first = toy.uniform(g, PAIRS) < torch.sigmoid(true[sides[:, 0]] - true[sides[:, 1]])
    groups = torch.where(first[:, None], sides, sides.flip(1))[None]

    def batch(theta: Any) -> Any:
        return toy.batch_of(toy.pick(policy.logp(theta), groups), toy.pick(base, groups))

    theta = toy.descend(policy.start, batch, (DPO, DPO.defaults), 400, 2.0)
    return (policy.logp(theta) - base)[0].detach().numpy(), true.numpy()


@pytest.fixture(scope="module")
def people() -> list[tuple[Any, Any]]:
    return [tuned(seed) for seed in range(SEEDS)]


def picks(implicit: Any, n: int, seed: int) -> list[int]:
    """What is kept of n draws, many times."""

    def score(pictures: Any, _prompts: Any) -> Any:
        return [implicit[p[0, 0, 0]] for p in pictures]

    seeds = [10**6 * seed + k for k in range(DRAWN)]
    strength = (n - 1) / (MOST - 1)
    made = best_of(Policy(), ["x"] * DRAWN, seeds, Draw(""), score, strength)
    assert all(len(c.drawn) == n for c in made)
    return [int(c.best.pixels[0, 0, 0]) for c in made]  # type: ignore[index]


def test_the_true_reward_rises_with_every_draw_and_bad_picks_vanish(people: Any) -> None:
    means, worst = [], []
    for n in (1, 4, 8, 16):
        kept = [picks(implicit, n, k) for k, (implicit, _) in enumerate(people)]
        means.append(np.mean([t[p].mean() for p, (_, t) in zip(kept, people, strict=True)]))
        worst.append(np.mean([(t[p] <= np.quantile(t, 0.1)).mean()
                              for p, (_, t) in zip(kept, people, strict=True)]))  # fmt: skip
    assert means == sorted(means) and min(np.diff(means)) > 0.1, means
    assert abs(worst[0] - 0.1) < 0.05 and worst[2] <= 0.02, worst


def test_a_reward_that_knows_nothing_gains_nothing(people: Any) -> None:
    """The control: the same picking by numbers that were dealt at random."""
    rng = np.random.default_rng(0)
    kept = [picks(rng.permutation(implicit), 8, k) for k, (implicit, _) in enumerate(people)]
    gains = [t[p].mean() / t.std() for p, (_, t) in zip(kept, people, strict=True)]
    assert abs(np.mean(gains)) < 0.25, gains
