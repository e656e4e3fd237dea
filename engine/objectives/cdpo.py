"""cDPO: DPO for a person who sometimes clicks the wrong one: each answer is believed less.

L = -(1 - eps) log sigma(beta h) - eps log sigma(-beta h). Mitchell 2023, "A note on DPO with noisy
preferences"; what paper 41 (arXiv 2403.00409) compares itself with. Assumes one slip rate for all
answers. It does not undo the slips: the margin it learns stops at log((1 - eps) / eps), and under
true slips it is biased toward no opinion (rdpo is not).
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")
    slips: float = knob(0.1, 0.0, 0.49, "how often a click is a mistake")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin, eps = settings.beta * batch.h, settings.slips
    return -(1 - eps) * logsigmoid(margin) - eps * logsigmoid(-margin), {"margin": margin.mean()}


CDPO = Objective(loss, Settings)
