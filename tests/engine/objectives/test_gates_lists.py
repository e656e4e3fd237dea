"""Paper 56: an order of six says more than its two ends or its two best."""

import torch
from torch import Tensor

from engine.objectives import OBJECTIVES
from engine.objectives.base import Batch
from tests.engine.objectives.toy import F64, batch_of, descend, generator, normal, uniform

SEEDS, LISTS, LONG, TRAITS = 6, 30, 6, 10


def _ordered(g: torch.Generator, taste: Tensor) -> Tensor:
    """(S, 30, 6, 10) lists in the order a person of this taste gave them, noise of a choice."""
    x = normal(g, SEEDS, LISTS, LONG, TRAITS)
    noise = -torch.log(-torch.log(uniform(g, SEEDS, LISTS, LONG)))
    order = ((x * taste[:, None, None]).sum(-1) + noise).argsort(-1, descending=True)
    return x.gather(2, order[..., None].expand_as(x))


def _learnt(name: str, x: Tensor, **settings: float) -> Tensor:
    objective = OBJECTIVES[name].load()

    def batch(theta: Tensor) -> Batch:
        a = (x * theta[:, None, None]).sum(-1)
        return batch_of(a, torch.zeros_like(a))

    start = torch.zeros(SEEDS, TRAITS, dtype=F64)
    return descend(start, batch, (objective, objective.settings(**settings)), 300, 0.3)


def _tau(theta: Tensor, taste: Tensor, x: Tensor) -> float:
    """Kendall's, of new lists in the learnt and in the person's own order."""

    def signs(w: Tensor) -> Tensor:
        u = (x * w[:, None, None]).sum(-1)
        return torch.sign(u[..., :, None] - u[..., None, :])

    agree = (signs(theta) * signs(taste)).sum((-1, -2)) / (LONG * (LONG - 1))
    return float(agree.mean())


def test_whole_orders_teach_more_than_pairs() -> None:
    """Tau of PRO 0.88, of the best and the worst 0.78, of the two best 0.63; Plackett-Luce 0.91."""
    g = generator(4)
    taste = normal(g, SEEDS, TRAITS)
    lists = _ordered(g, taste)
    new = normal(g, SEEDS, 200, LONG, TRAITS)
    pro = _tau(_learnt("pro", lists, keep=0.0), taste, new)
    assert pro >= _tau(_learnt("pro", lists[:, :, [0, -1]], keep=0.0), taste, new) + 0.02
    assert pro >= _tau(_learnt("pro", lists[:, :, [0, 1]], keep=0.0), taste, new) + 0.15
    assert _tau(_learnt("plackett_luce", lists, beta=1.0), taste, new) >= pro
