"""Paper 48: where the best lies far from where the model stands, fresh drafts move it further.

Tajwar et al. 2024, arXiv 2404.14367. Fifty texts in a row; the model stands at 15 (sd 4), the best
is 30; liking falls off by a tenth a step. Equal numbers of equal updates: pairs drawn from the
model as it is now, or always from the one at the start; learnt as a contrast, or the winner alone.
"""

import pytest
import torch

from engine.objectives import OBJECTIVES
from tests.engine.objectives.toy import F64, LogLinear, batch_of, generator, pick

TEXTS, SEEDS, STEPS, PAIRS = 50, 2, 600, 128
PLACES = torch.arange(TEXTS, dtype=F64)
LIKED = -(PLACES - 30).abs() / 10
MODEL = LogLinear(
    torch.eye(TEXTS, dtype=F64).expand(SEEDS, -1, -1),
    (-((PLACES - 15) ** 2) / 32).expand(SEEDS, -1),
)
# The step that learns a contrast is larger by 1 / beta, so that the first updates are equal.
ARMS = {"dpo": ({"beta": 0.1}, 10.0), "best_of_n": ({}, 1.0)}


def liking(fresh: bool, name: str) -> float:
    """Mean liking of what the model writes after the rounds."""
    objective = OBJECTIVES[name].load()
    knobs, rate = ARMS[name]
    settings = objective.settings(**knobs)
    g, theta = generator(48), MODEL.start
    start = MODEL.logp(theta)
    for _ in range(STEPS):
        theta = theta.detach().requires_grad_()
        now = MODEL.logp(theta)
        drawn = torch.multinomial((now if fresh else start).detach().exp(), PAIRS * 2, True,
                                  generator=g).reshape(SEEDS, PAIRS, 2)  # fmt: skip
        order = (-LIKED[drawn]).sort(dim=-1, stable=True).indices
        groups = drawn.gather(-1, order)
        batch = batch_of(pick(now, groups), pick(start, groups))
        losses, _ = objective.loss(batch, settings)
        # Each seed is a mean over its own pairs.
        (grad,) = torch.autograd.grad(losses.sum() / PAIRS, theta)
        theta = theta - rate * grad
    return float((MODEL.logp(theta.detach()).exp() * LIKED).sum(-1).mean())


@pytest.fixture(scope="module")
def figures() -> dict[tuple[bool, str], float]:
    return {(fresh, name): liking(fresh, name) for fresh in (True, False) for name in ARMS}


@pytest.mark.parametrize("name", ARMS)
def test_fresh_drafts_move_it_further(figures: dict[tuple[bool, str], float], name: str) -> None:
    assert figures[True, name] >= figures[False, name] + 0.1


def test_a_contrast_moves_it_further_than_the_winner_alone(
    figures: dict[tuple[bool, str], float],
) -> None:
    assert figures[False, "dpo"] >= figures[False, "best_of_n"] + 0.1
    start = float((MODEL.logp(MODEL.start).exp() * LIKED).sum(-1).mean())
    assert start == pytest.approx(-1.5, abs=0.01)
    assert all(value > start for value in figures.values())
