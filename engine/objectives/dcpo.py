"""DCPO: Diffusion-DPO where each picture is judged under its own caption.

A picture and its rival seldom show the same thing; under one prompt the errors mix taste with fit.
Founding paper 4: Saeidi et al. 2025, arXiv 2502.06023. With equal captions it is diffusion_dpo, to
the last bit. Examples without captions of their own keep the prompt for both.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(200.0, 1.0, 10000.0, "how closely the model is held to where it started")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    return -logsigmoid(margin), {"margin": margin.mean()}


DCPO = Objective(loss, Settings, captions=True, media=("picture",))
