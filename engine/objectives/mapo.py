"""MaPO: draw the chosen picture, and with a clearer margin than the rejected, without a reference.

A(e) = s e / (exp(s e) - 1); L = e_w - beta log sigma(T (A(e_w) - A(e_l))), e = -a the mean squared
denoising error. Founding paper 15: Hong et al. 2024, arXiv 2406.06424, as its released code has it.
For a style far from what the model draws now, where a reference would hold it back.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob, one_caption


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.0, 10.0, "weight of the margin beside drawing the chosen")
    steep: float = knob(0.5, 0.01, 5.0, "s: how fast the amplitude falls with the error")
    scale: float = knob(1000.0, 1.0, 10000.0, "T: how sharply the two are told apart")


def amplitude(error: Tensor, steep: float) -> Tensor:
    """s e / (exp(s e) - 1), 1 at an error of 0."""
    x = steep * error
    return torch.where(x < 1e-6, 1 - x / 2, x / torch.expm1(x.clamp(1e-6, 80.0)))


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    error = -batch.a[:, :2]
    sizes = amplitude(error, settings.steep)
    margin = settings.scale * (sizes[:, 0] - sizes[:, 1])
    return error[:, 0] - settings.beta * logsigmoid(margin), {
        "margin": margin.mean(),
        "error": error[:, 0].mean(),
    }


MAPO = Objective(loss, Settings, one_caption, reference=False, media=("picture",))
