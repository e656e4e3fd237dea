"""IPO: the chosen leads by a fixed margin and no more, so certain answers cannot pull for ever.

L = (h - 1 / (2 tau))^2. Azar et al. 2023, arXiv 2310.12036, eq. 17. With `per_token` each log-ratio
is divided by its length first, as TRL does; without, h is the sum, as in the code of FSPO (founding
paper 49). Assumes nothing about how choices come from tastes. It does not adapt the margin to the
length of a text in the summed form, and tau means different things in the two.
"""

from dataclasses import dataclass, field

from torch import Tensor

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    tau: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")
    per_token: bool = field(
        default=True, metadata={"help": "measure by the token, so that length does not count"}
    )


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    mean = batch.delta[:, :2] / batch.n[:, :2]
    h = mean[:, 0] - mean[:, 1] if settings.per_token else batch.h
    return (h - 1 / (2 * settings.tau)) ** 2, {"margin": h.mean()}  # eq. 17


IPO = Objective(loss, Settings)
