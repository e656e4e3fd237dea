"""PRO: a whole order is learnt at once, and texts further apart in liking are told apart harder.

L = -sum_k [s_k / T_k^k - log sum_{i >= k} exp(s_i / T_k^i)] - w a_1 / n_1 with s = a / n, 1 / T_k^i
= v_k - v_i and 1 / T_k^k the largest of these. Song et al. 2023, arXiv 2306.17492 (founding paper
56); the kept text is by the token, where the code's weight depends on the list's length. Equally
liked texts say nothing about one another. It has no reference, so it does not hold the model near
where it started.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.objectives.base import Batch, Objective, knob


@dataclass(frozen=True)
class Settings:
    keep: float = knob(1.0, 0.0, 10.0, "how much it learns to write the best one")


def inverse_temperatures(labels: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """(m, K, K) 1 / T_k^i, the largest on the diagonal, and which i count for k."""
    gap = labels[:, :, None] - labels[:, None, :]
    below = (gap > 0) & valid[:, None, :] & valid[:, :, None]
    gap = torch.where(below, gap, 0.0)
    itself = torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
    widest = gap.amax(-1, keepdim=True)
    return torch.where(itself, widest, gap), below | itself


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    s = torch.where(batch.valid, batch.a, 0.0) / batch.n.clamp(min=1)
    inverse, counts = inverse_temperatures(batch.labels, batch.valid)
    scaled = s[:, None, :] * inverse
    among = scaled.masked_fill(~counts, float("-inf")).logsumexp(-1)
    steps = among - scaled.diagonal(dim1=1, dim2=2)  # zero where nothing is left below
    return steps.sum(-1) - settings.keep * s[:, 0], {
        "margin": (s[:, 0] - s[:, 1]).mean(),
        "kept": s[:, 0].mean(),
    }


PRO = Objective(loss, Settings, reference=False, lists=True)
