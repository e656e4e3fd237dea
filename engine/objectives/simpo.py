"""SimPO: the mean log-probability of a token is the reward, so length cannot buy it.

L = -log sigma(beta (a_w / n_w - a_l / n_l) - gamma). Meng et al. 2024, arXiv 2405.14734, eq. 6.
gamma is the net margin (TRL divides it by beta first, and so means the same). Assumes clean
answers. Without a reference it does not hold the model near where it started: keep runs short.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(2.0, 0.1, 20.0, "how sharply the two are told apart")
    gamma: float = knob(0.5, 0.0, 5.0, "the lead the chosen should have")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    mean = batch.a[:, :2] / batch.n[:, :2]
    margin = settings.beta * (mean[:, 0] - mean[:, 1])
    return -logsigmoid(margin - settings.gamma), {"margin": margin.mean()}  # eq. 6


SIMPO = Objective(loss, Settings, reference=False)
