"""CPO: raise the chosen over the rejected and keep writing it, with no model before to compare to.

L = -log sigma(beta (a_w - a_l)) - alpha a_w / n_w. Xu et al. 2024, arXiv 2401.08417; the text twin
of founding papers 1 and 14. Assumes that the chosen texts are good enough to imitate. It needs half
the memory of dpo and does not hold the model near where it started. For pictures: diffusion_cpo.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how sharply the two are told apart")
    alpha: float = knob(1.0, 0.0, 10.0, "how much it learns to write what was chosen")


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * (batch.a[:, 0] - batch.a[:, 1])
    kept = batch.a[:, 0] / batch.n[:, 0]
    return -logsigmoid(margin) - settings.alpha * kept, {
        "margin": margin.mean(),
        "kept": kept.mean(),
    }


CPO = Objective(loss, Settings, reference=False)
