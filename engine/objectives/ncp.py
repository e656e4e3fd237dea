"""NCP-DPO: Diffusion-DPO with errors measured in what the frozen model sees, not in the noise.

From the guess a clean picture is formed and noised again to an earlier time; the error is the
distance of the frozen model's inner features of it to those of the true one. Founding paper 1:
Gambashidze et al. 2024, arXiv 2406.17636. The loss itself is diffusion_dpo's without
its floor; the trainer makes the errors, as `perceptual` asks.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob, one_caption


@dataclass(frozen=True)
class Settings:
    beta: float = knob(20.0, 0.1, 10000.0, "how closely the model is held to where it started")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    return -logsigmoid(margin), {"margin": margin.mean()}


NCP = Objective(loss, Settings, one_caption, perceptual=True, media=("picture",))
