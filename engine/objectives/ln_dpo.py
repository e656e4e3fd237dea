"""LN-DPO: DPO by the token, so that longer texts are not preferred for being long.

L = -log sigma(beta (delta_w / n_w - delta_l / n_l)). Ahrabian et al. 2024, "The Hitchhiker's Guide
to Human Alignment with *PO", arXiv 2407.15229 (founding paper 39). Assumes clean answers. It does
not keep the chosen text's own likelihood up (rpo does); beta is larger than in dpo.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(2.0, 0.01, 20.0, "how closely the model is held to where it started")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    mean = batch.delta[:, :2] / batch.n[:, :2]
    margin = settings.beta * (mean[:, 0] - mean[:, 1])
    return -logsigmoid(margin), {"margin": margin.mean()}


LN_DPO = Objective(loss, Settings)
