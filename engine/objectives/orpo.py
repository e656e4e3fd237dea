"""ORPO: learn to write the chosen text, and let the odds of the rejected one fall meanwhile.

L = -a_w / n_w - lambda log sigma(logit p_w - logit p_l), p = exp(a / n). Hong, Lee & Thorne 2024,
arXiv 2403.07691, eqs. 6-7; used by founding papers 7 and 14. Assumes that the chosen texts are good
enough to imitate. It has no reference, so it does not hold the model near where it started.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective

CERTAIN = -1e-6  # a mean log-probability above this counts as this: the odds stay finite


@dataclass(frozen=True)
class Settings:
    weight: float = field(
        default=0.1, metadata={"range": (0.0, 5.0), "help": "how much the choice counts (lambda)"}
    )


def logit(mean: Tensor) -> Tensor:
    """log p - log(1 - p) from log p <= 0."""
    safe = mean.clamp(max=CERTAIN)
    return safe - torch.log(-torch.expm1(safe))


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    mean = batch.a[:, :2] / batch.n[:, :2]
    odds = logit(mean[:, 0]) - logit(mean[:, 1])  # eq. 7
    return -mean[:, 0] - settings.weight * logsigmoid(odds), {
        "margin": odds.mean(),
        "kept": mean[:, 0].mean(),
    }


ORPO = Objective(loss, Settings, reference=False)
