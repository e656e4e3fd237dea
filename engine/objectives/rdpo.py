"""rDPO: DPO with slips taken out again, so that on average the loss is that of clean answers.

L = [-(1 - eps) log sigma(beta h) + eps log sigma(-beta h)] / (1 - 2 eps). Chowdhury, Kini &
Natarajan 2024, arXiv 2403.00409 (founding paper 41), the unbiased loss of sec. 3. Assumes that
every answer was flipped with the same chance eps < 1/2, independent of what was shown. It does not
find out which answers were slips, and a single loss may be negative or grow without bound.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")
    slips: float = knob(0.1, 0.0, 0.49, "how often a click is a mistake")

    def __post_init__(self) -> None:
        if not 0.0 <= self.slips < 0.5:
            raise ValueError(f"slips must be at least 0 and below 0.5, not {self.slips}")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin, eps = settings.beta * batch.h, settings.slips
    seen, flipped = -logsigmoid(margin), -logsigmoid(-margin)
    return ((1 - eps) * seen - eps * flipped) / (1 - 2 * eps), {"margin": margin.mean()}


RDPO = Objective(loss, Settings)
