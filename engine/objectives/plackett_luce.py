"""Plackett-Luce: a whole order is learnt at once, as a row of choices of the best that is left.

L = -sum_k [s_k - log sum_{i = k or v_i < v_k} exp s_i], s = beta delta. Plackett 1975; for policies
Rafailov et al. 2023, arXiv 2305.18290, appendix A.3; the yardstick of founding paper 56. Equally
liked texts say nothing about one another (a grid with three picks). Assumes that a choice among
what is left does not depend on what was taken. It does not use how far apart labels are.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")


def left(labels: Tensor, valid: Tensor) -> Tensor:
    """(m, K, K) bool: is i among what k was chosen from, itself and the less liked."""
    below = labels[:, None, :] < labels[:, :, None]
    itself = torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
    return (below & valid[:, None, :] & valid[:, :, None]) | itself


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    s = settings.beta * torch.where(batch.valid, batch.delta, 0.0)
    among = s[:, None, :].masked_fill(~left(batch.labels, batch.valid), float("-inf"))
    steps = among.logsumexp(-1) - s  # zero where nothing is left below
    return steps.sum(-1), {"margin": (s[:, 0] - s[:, 1]).mean()}


PLACKETT_LUCE = Objective(loss, Settings, lists=True)
