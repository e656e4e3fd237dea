"""DCPO: Diffusion-DPO where each picture is judged under its own caption.

A picture and its rival seldom show the same thing; under one prompt the errors mix taste with fit.
Founding paper 4: Saeidi et al. 2025, arXiv 2502.06023. With equal captions it is diffusion_dpo, to
the last bit, `floor` and all. Examples without captions of their own keep the prompt for both.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid, relu

from engine.objectives.base import Batch, Objective, knob


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


DCPO = Objective(loss, Settings, captions=True, media=("picture",))
