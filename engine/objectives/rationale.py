"""Rationales: the person's reason is learnt beside the choice, so fewer choices are needed.

L = -log sigma(beta h) - gamma log pi(r | x, y_w, y_l). Just et al. 2024, "Data-Centric Human
Preference with Rationales", arXiv 2407.14477 (founding paper 7). `saturating` is the released
code's variant, -log sigma(gamma log pi(r)), whose pull halves as a reason becomes certain. Assumes
that reasons are mostly right. A pair without a reason is plain DPO; reasons are not checked.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")
    gamma: float = knob(0.1, 0.0, 5.0, "how much your reasons count")
    saturating: bool = field(
        default=False, metadata={"help": "let a reason that is already learnt count half"}
    )


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    said = batch.rationale_n > 0
    told = settings.gamma * torch.where(said, batch.rationale, 0.0)
    reason = -logsigmoid(told) if settings.saturating else -told
    reason = torch.where(said, reason, 0.0)
    return -logsigmoid(margin) + reason, {"margin": margin.mean(), "reason": reason.mean()}


RATIONALE = Objective(loss, Settings, rationales=True)
