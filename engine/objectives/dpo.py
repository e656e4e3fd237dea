"""DPO: raise the chosen over the rejected, measured against the model before training.

L = -log sigma(beta h), h = (a_w - b_w) - (a_l - b_l). Rafailov et al. 2023, arXiv 2305.18290,
eq. 7. Assumes answers without slips. It does not hold the chosen text's own likelihood up (paper 42
shows it falling); rpo does.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    return -logsigmoid(margin), {"margin": margin.mean()}  # eq. 7


DPO = Objective(loss, Settings)
