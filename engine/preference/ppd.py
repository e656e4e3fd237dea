"""PPD's personal embedding: a handful of comparisons read into one vector u (Dang et al. 2025).

The paper reads four pairs by a vision-language model and keeps its inner states. Here u is what a
Gaussian belief over linear tastes holds likeliest after the comparisons, in prior deviations: it is
odd in (chosen - rejected), short while little is known, and zero when nothing is. So a picture
model that was taught with such vectors (engine/steering/cross_attention.py) knows how far to go.
Pairs that a vision-language model has encoded (engine/encoders/vlm.py) go through the same door.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Array, same_space
from engine.preference.base import Prior


def of_belief(mean: NDArray[Any], prior: Prior, scale: float = 1.0) -> Array:
    """(d,) of a belief's mean (d,) or, with side and level, (d + 2,). `scale`: its temperature, by
    which its prior was divided.
    """
    spread = prior.var if prior.var.ndim == 1 else np.diag(prior.var)
    away = scale * mean[: len(spread)] - prior.mean
    found: Array = (away / np.sqrt(spread)).astype(np.float32)
    return found


def slope(features: NDArray[Any], scores: NDArray[Any]) -> NDArray[np.float64]:
    """(d,) along which scores (n,) of items (n, d) rise, by least squares; exact where they lie on
    a line. So any belief that scores has a vector.
    """
    x = np.asarray(features, np.float64)
    found, *_ = np.linalg.lstsq(
        np.hstack([x, np.ones((len(x), 1))]), np.asarray(scores, np.float64)
    )
    return np.asarray(found[:-1])


def from_pairs(chosen: NDArray[Any], rejected: NDArray[Any], prior: Prior, space: str) -> Array:
    """(d,) from k pairs of features (k, d); zeros for none. WrongSpace when they lie elsewhere."""
    same_space(prior.space, space)
    if not len(chosen):
        return np.zeros(len(prior.mean), np.float32)
    rows = np.zeros((len(chosen), 1, chosen.shape[1] + 2))
    rows[:, 0, :-2] = np.asarray(chosen, np.float64) - rejected
    start = laplace.prior_of(prior.mean, prior.var)
    made, _ = laplace.fit(start, [laplace.Batch(("pick", 2, 1), rows)])
    return of_belief(made.mean, prior)


def blend(vectors: NDArray[Any], weights: NDArray[Any]) -> Array:
    """(d,) between people: weights (p,) that sum to 1 over vectors (p, d)."""
    if not np.isclose(np.sum(weights), 1.0):
        raise ValueError("the weights of a blend must sum to 1")
    return (np.asarray(weights) @ np.asarray(vectors)).astype(np.float32)  # type: ignore[no-any-return]
