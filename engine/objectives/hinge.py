"""Hinge (SLiC): pairs the model already tells apart widely enough are left alone.

L = max(0, 1 - beta h). Zhao et al. 2023, arXiv 2305.10425, in the form with a reference of Liu et
al. 2023, arXiv 2309.06657. Assumes clean answers. It has no gradient past the margin, and without a
kept text (rpo) the chosen may fall together with the rejected.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    return relu(1 - margin), {"margin": margin.mean()}


HINGE = Objective(loss, Settings)
