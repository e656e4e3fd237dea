"""RPO: DPO that also keeps writing the texts a person liked, so that they cannot fade.

L = -log sigma(beta h) - eta a_w / n_w. Liu et al. 2024, arXiv 2405.16436 (founding paper 29), which
uses beta = 0.01 and eta = 0.005 on large models; the defaults here are for a small model and a few
dozen answers (docs/decisions). Does not handle slips; rdpo does.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")
    eta: float = knob(1.0, 0.0, 10.0, "how much it learns to write what was chosen")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    kept = batch.a[:, 0] / batch.n[:, 0]
    return -logsigmoid(margin) - settings.eta * kept, {
        "margin": margin.mean(),
        "kept": kept.mean(),
    }


RPO = Objective(loss, Settings)
