"""f-DPO: DPO with another ruler for the distance to the model before training.

L = -log sigma(beta [f'(e^delta_w) - f'(e^delta_l)]). Wang et al. 2023, arXiv 2309.16240, with its
table of divergences; sibling of founding paper 32, which is another method (f-DPG). Assumes clean
answers. It does not change what is learnt from a pair, only how far; the constants of f' cancel in
the pair.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob

STEEPEST = 30.0  # e^x goes on as its tangent from here, so that it never overflows
Divergence = Literal["reverse_kl", "forward_kl", "js", "alpha"]


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")
    divergence: Divergence = field(
        default="js",
        metadata={
            "choices": ("reverse_kl", "forward_kl", "js", "alpha"),
            "help": "how distance is measured; reverse_kl is plain DPO",
        },
    )
    alpha: float = knob(0.5, 0.0, 1.0, "for alpha only: 0 is forward_kl, 1 is reverse_kl")


def exp(x: Tensor) -> Tensor:
    """e^x up to STEEPEST, its tangent beyond."""
    low = torch.exp(x.clamp(max=STEEPEST))
    return low + low.detach() * (x - STEEPEST).clamp(min=0.0)


def power(delta: Tensor, alpha: float) -> Tensor:
    """e^((alpha - 1) delta) / (alpha - 1), which is delta plus a constant at alpha = 1."""
    return delta if alpha == 1.0 else exp((alpha - 1) * delta) / (alpha - 1)


SLOPES: dict[str, Callable[[Tensor, float], Tensor]] = {  # f' without its constants
    "reverse_kl": lambda delta, _: delta,
    "forward_kl": lambda delta, _: -exp(-delta),
    "js": lambda delta, _: logsigmoid(delta),
    "alpha": power,
}


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    slope = SLOPES[settings.divergence](batch.delta[:, :2], settings.alpha)
    margin = settings.beta * (slope[:, 0] - slope[:, 1])
    return -logsigmoid(margin), {"margin": margin.mean()}


F_DPO = Objective(loss, Settings)
