"""DOVE: two finished things are compared with their prompts, which need not be the same.

L = -log sigma(beta h) with a and b over prompt and text together. Bansal et al. 2024, "Comparing
Bad Apples to Good Oranges", arXiv 2404.00530 (founding paper 38). With equal prompts it is exactly
dpo, because the prompt's share cancels. Assumes that the person judged both as wholes. It also
makes the prompts of liked things likelier, which dpo never does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Example, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")


def joint(examples: Sequence[Example], _: Settings) -> list[Example]:
    """Every text gets its prompt; a comparison across prompts has its two already."""
    return [
        e if e.prompts else replace(e, prompts=(e.prompt,) * len(e.texts))
        for e in examples
    ]  # fmt: skip


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    return -logsigmoid(margin), {"margin": margin.mean()}


DOVE = Objective(loss, Settings, prepare=joint)
