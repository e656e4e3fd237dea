"""Why this prediction: the past answers that moved it most, and the two axes that decided.

The gap predicted between a thing and what it is compared with is g . u. Dropping answer i moves
the posterior mode by -S A' (I - H G)^-1 grad to first order, where A are its rows, G = A S A' and S
the posterior covariance, grad and H the slope and curvature of its likelihood at the mode: the
influence of Cook & Weisberg (1982; Koh & Liang 2017 for models at large) with its leverage. So
effect_i = g . S A' (I - H G)^-1 grad is how far the answer pushes this very prediction up. Exact
for a Gaussian likelihood; how close it comes for choices is measured in the tests. Axes are named
coordinates: u_k g_k add up to the prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Comparison, Features
from engine.diagnostics import base

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Why:
    """`answers`: (place, effect) the strongest first, effects in logits; `axes`: (name, part) the
    named coordinates that say most; `gap` is the prediction itself.
    """

    gap: float
    answers: tuple[tuple[int, float], ...]
    axes: tuple[tuple[int, float], ...]


def why(
    belief: laplace.Gaussian,
    log_tie: float,
    gap: Float,
    history: tuple[Sequence[Comparison], Features],
    named: int,
    most: tuple[int, int] = (3, 2),
) -> Why:
    """gap (d,): the thing minus what it is compared with, of which the first `named` coordinates
    have names. most: how many answers and axes. A past answer whose effect is 0 is not told.
    """
    told = base.stack(*history)
    effect = effects(belief, log_tie, gap, told)
    order = np.argsort(-np.abs(effect), kind="stable")[: most[0]]
    u = belief.mean[: len(gap)]
    parts = (u * gap)[:named]
    total = float(u @ gap)
    # What decided is what speaks for the prediction, not the largest that speaks against it.
    with_it = np.argsort(-parts * np.sign(total or 1.0), kind="stable")[: most[1]]
    return Why(
        total,
        tuple((int(i), float(effect[i])) for i in order if effect[i] != 0),
        tuple((int(k), float(parts[k])) for k in with_it if parts[k] * total > 0),
    )


def effects(belief: laplace.Gaussian, log_tie: float, gap: Float, told: base.Stack) -> Float:
    """(n,) how far each answer pushes gap . u up; 0 for a skip."""
    pull = belief.cov[: len(gap)].T @ np.asarray(gap, np.float64)  # (D,)
    found = np.zeros(told.n)
    for batch, places in zip(told.batches, told.places, strict=True):
        _, grad, bend = laplace.local(batch.form, batch.rows @ belief.mean, log_tie)
        gram = batch.rows @ belief.cov @ batch.rows.swapaxes(1, 2)
        eye = np.eye(grad.shape[1])
        # H is minus the Hessian; the answer is already inside S, hence the minus.
        lifted = np.linalg.solve(eye - bend @ gram, grad[..., None])[..., 0]
        found[places] = ((batch.rows @ pull) * lifted).sum(1)
    return found
