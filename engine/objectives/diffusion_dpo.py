"""Diffusion-DPO: draw the chosen picture better than before, the rejected one no better.

L = -log sigma(beta h), h = (a_w - b_w) - (a_l - b_l), where a and b are minus the mean squared
denoising errors of the model and of the model before training, at the same noise and time for both
pictures. Founding paper 23: Wallace et al. 2023, arXiv 2311.12908, eq. 14, with beta for its
beta T omega (a constant) and means over the latent. One sigmoid a pair, never of a batch's mean.
Low beta wins by drawing the rejected worse than anything; `floor` holds the chosen where it was:
founding paper 8's reproduction found it needed.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid, relu

from engine.objectives.base import Batch, Objective, knob, one_caption


@dataclass(frozen=True)
class Settings:
    beta: float = knob(1000.0, 1.0, 10000.0, "how closely the model is held to where it started")
    floor: float = knob(200.0, 0.0, 10000.0, "how dearly it pays for drawing the chosen worse")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    worse = relu(-batch.delta[:, 0])
    return -logsigmoid(margin) + settings.floor * worse, {
        "margin": margin.mean(),
        "chosen_gain": batch.delta[:, 0].mean(),
        "rejected_gain": batch.delta[:, 1].mean(),
    }


DIFFUSION_DPO = Objective(loss, Settings, one_caption, media=("picture",))
