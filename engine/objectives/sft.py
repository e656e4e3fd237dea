"""SFT for pictures: learn to draw what was chosen, and nothing else.

L = e_w = -a_w, the mean squared denoising error of the chosen picture (Ho et al. 2020, eq. 14; with
a flow, Lipman et al. 2022, eq. 23). What founding papers 1 and 23 have to beat. Assumes that the
chosen pictures are good enough to imitate. It learns nothing from what was not chosen, and forgets
what else it could draw.
"""

from dataclasses import dataclass

from torch import Tensor

from engine.objectives.base import Batch, Objective, one_caption


@dataclass(frozen=True)
class Settings:
    """Nothing to set."""


def loss(batch: Batch, _: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    error = -batch.a[:, 0]
    return error, {"error": error.mean()}


SFT = Objective(loss, Settings, one_caption, reference=False, media=("picture",))
