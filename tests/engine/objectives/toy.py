"""Toy policies small enough to be exact: log-linear over a finite set of texts, many seeds at once.

A policy is log pi = log softmax(ref + phi theta) over R texts. S seeds are trained side by side: a
batch has S * m groups, seed by seed. Simulated choices only; nothing here is shown to anybody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.objectives.base import Batch, Objective

F64 = torch.float64


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=F64)


def uniform(g: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=g, dtype=F64)


@dataclass(frozen=True)
class LogLinear:
    """phi: (S, R, d) features; ref: (S, R) reference logits."""

    phi: Tensor
    ref: Tensor

    def logp(self, theta: Tensor) -> Tensor:
        """(S, R) log-probabilities of every text at theta (S, d)."""
        return torch.log_softmax(self.ref + (self.phi @ theta[..., None])[..., 0], -1)

    @property
    def start(self) -> Tensor:
        return torch.zeros(self.phi.shape[0], self.phi.shape[2], dtype=F64)


def batch_of(a: Tensor, b: Tensor, n: Tensor | None = None, **more: Tensor) -> Batch:
    """(S, m, K) log-probabilities of policy and reference as one batch of S * m groups."""
    a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    m, k = a.shape
    flat = {key: v.reshape(-1, v.shape[-1]) for key, v in more.items() if v.dim() == 3}
    falling = torch.arange(k - 1, -1, -1, dtype=a.dtype).expand(m, k) / max(k - 1, 1)
    zeros = torch.zeros(m, dtype=a.dtype)
    return Batch(
        a=a,
        b=b,
        n=torch.ones_like(a) if n is None else n.reshape(m, k),
        labels=flat.get("labels", falling),
        valid=torch.ones_like(a, dtype=torch.bool),
        strength=torch.ones(m, dtype=a.dtype),
        rationale=more["rationale"].reshape(-1) if "rationale" in more else zeros,
        rationale_n=zeros + float("rationale" in more),
    )


def pick(logp: Tensor, groups: Tensor) -> Tensor:
    """(S, m, K) the log-probabilities of the texts in groups (S, m, K) int."""
    s, m, k = groups.shape
    return logp.gather(1, groups.reshape(s, m * k)).reshape(s, m, k)


def descend(
    theta: Tensor,
    batch: Callable[[Tensor], Batch],
    method: tuple[Objective, Any],
    steps: int,
    rate: float,
) -> Tensor:
    """Plain gradient descent on the mean loss of each seed; theta is (S, ...)."""
    objective, settings = method
    theta = theta.clone().requires_grad_()
    for _ in range(steps):
        loss, _ = objective.loss(batch(theta), settings)
        (slope,) = torch.autograd.grad(loss.reshape(len(theta), -1).mean(1).sum(), theta)
        with torch.no_grad():
            theta -= rate * slope
    return theta.detach()


def train(
    policy: LogLinear,
    groups: Tensor,
    method: tuple[Objective, Any],
    steps: int,
    rate: float,
    **more: Tensor,
) -> Tensor:
    """(S, R) log-probabilities after training on groups (S, m, K) of texts, best first."""
    b = pick(policy.logp(policy.start), groups)
    theta = descend(
        policy.start,
        lambda t: batch_of(pick(policy.logp(t), groups), b, **more),
        method,
        steps,
        rate,
    )
    return policy.logp(theta)


def kl(logp: Tensor, logq: Tensor) -> Tensor:
    """(S,) KL(p || q) in nats."""
    return (logp.exp() * (logp - logq)).sum(-1)


def rank_correlation(x: Tensor, y: Tensor) -> float:
    """Spearman's, without ties."""
    rx, ry = x.argsort().argsort().to(F64), y.argsort().argsort().to(F64)
    return float(torch.corrcoef(torch.stack((rx, ry)))[0, 1])


def ten_of_thirty(seeds: int = 10) -> tuple[LogLinear, Tensor]:
    """Papers 29, 42, 46: 30 texts of 6 features, 40 clean pairs among the first 10 texts."""
    g = generator(0)
    phi, taste = normal(g, seeds, 30, 6), normal(g, seeds, 6)
    liking = (phi @ taste[..., None])[..., 0]
    i = torch.randint(0, 10, (seeds, 40), generator=g)
    j = (i + torch.randint(1, 10, (seeds, 40), generator=g)) % 10
    first = liking.gather(1, i) > liking.gather(1, j)
    pairs = torch.stack((torch.where(first, i, j), torch.where(first, j, i)), -1)
    return LogLinear(phi, torch.zeros(seeds, 30, dtype=F64)), pairs
