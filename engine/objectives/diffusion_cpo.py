"""CPO for pictures: draw the chosen one, and better than the rejected, against no model before.

L = -log sigma(beta (e_l - e_w)) + alpha e_w, e = -a the mean squared denoising error at the same
noise and time for both pictures. Xu et al. 2024, arXiv 2401.08417, with minus the error for the
log-probability, as founding paper 1 has it beside Diffusion-DPO. Assumes that both pictures are
about as hard to draw: without a reference the easier one counts as liked more from the start (two
drawings of one thing lie .04 apart on the starter model), so beta is a fiftieth of diffusion_dpo's.
It does not hold the model near where it started: keep runs short.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob, one_caption


@dataclass(frozen=True)
class Settings:
    beta: float = knob(20.0, 0.1, 10000.0, "how sharply the two are told apart")
    alpha: float = knob(5.0, 0.0, 10000.0, "how much it learns to draw what was chosen")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    error = -batch.a[:, :2]
    margin = settings.beta * (error[:, 1] - error[:, 0])
    return -logsigmoid(margin) + settings.alpha * error[:, 0], {
        "margin": margin.mean(),
        "error": error[:, 0].mean(),
    }


DIFFUSION_CPO = Objective(loss, Settings, one_caption, reference=False, media=("picture",))
