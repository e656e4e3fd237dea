"""Flex-DPO: push the rejected down more gently than the chosen is pulled up.

L = -log sigma(beta_w delta_w - beta_l delta_l), beta_l < beta_w. Yan et al. 2024, "3D-Properties",
arXiv 2406.07327 (founding paper 42); the form is from memory of the paper. Assumes clean answers.
It does not stop a rejected text that shares most of its words with the chosen one from dragging it
along; it makes the drag weaker.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "weight of the chosen text")
    gentle: float = knob(0.2, 0.0, 1.0, "weight of the rejected text, as a share of the chosen's")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    delta, beta = batch.delta, settings.beta
    margin = beta * delta[:, 0] - settings.gentle * beta * delta[:, 1]
    return -logsigmoid(margin), {"margin": margin.mean()}


FLEX_DPO = Objective(loss, Settings)
