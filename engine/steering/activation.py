"""Steered: add a person's direction to the residual stream while the model writes.

The direction is a weighted mean difference of hidden states: texts the person likes minus texts of
the same task the person likes less (never centred PCA, which removes the very difference). The
addition keeps each token's length, leaves out the first position, and may differ per row, so that
one batch can serve many people. Sources: Turner et al. 2023, arXiv 2308.10248; Rimsky et al. 2024,
arXiv 2312.06681. Does not train anything; leaving the block restores the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data import Array, WrongSpace

LAYERS = (10, 12, 14)
# Share of a token's own length that strength 1 adds at each layer; found by bench steer.
UNIT = 0.05


@dataclass(frozen=True)
class Direction:
    """Unit vectors by block of one model: a value that can be scaled, negated and added."""

    model: str
    layers: Mapping[int, Array]

    def __mul__(self, factor: float) -> "Direction":
        return Direction(self.model, {k: v * np.float32(factor) for k, v in self.layers.items()})

    def __neg__(self) -> "Direction":
        return self * -1.0

    def __add__(self, other: "Direction") -> "Direction":
        if self.model != other.model or self.layers.keys() != other.layers.keys():
            raise WrongSpace(f"directions of {self.model} and {other.model} cannot be added")
        return Direction(self.model, {k: v + other.layers[k] for k, v in self.layers.items()})


def from_scores(
    model: str,
    hidden: Array,
    scores: NDArray[Any],
    tasks: Sequence[str],
    layers: Sequence[int] = LAYERS,
) -> Direction:
    """hidden (n, L, d) of texts, scores (n,) how much each is liked, tasks (n,) their topics.

    Scores are centred within a task and used as weights, so that topic cancels: the mean
    difference of chosen and rejected, with every text as chosen or rejected as it is liked.
    """
    weights = np.asarray(scores, np.float64).copy()
    names, rows = np.unique(np.asarray(tasks), return_inverse=True)
    means = np.bincount(rows, weights) / np.bincount(rows)
    weights -= means[rows]
    size = np.abs(weights).sum()
    found = np.tensordot(weights / max(size, 1e-12), hidden.astype(np.float64), 1)  # (L, d)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    unit = found / np.maximum(lengths, 1e-12)
    return Direction(model, {k: unit[i].astype(np.float32) for i, k in enumerate(layers)})


def from_contrast(model: str, chosen: Array, rejected: Array,
                  layers: Sequence[int] = LAYERS) -> Direction:  # fmt: skip
    """Mean difference of hidden states (n, L, d) of chosen and of rejected texts."""
    states = np.concatenate([chosen, rejected])
    scores = np.concatenate([np.full(len(chosen), 1 / len(chosen)),
                             np.full(len(rejected), -1 / len(rejected))])  # fmt: skip
    return from_scores(model, states, scores, [""] * len(states), layers)


@contextmanager
def activation(
    backbone: Any, directions: Direction | Sequence[Direction | None], strength: float
) -> Iterator[Any]:
    """Steer inside the block. One direction for all rows, or one (or None) per row of the batch.

    Strength 0 hooks nothing, so the model is bit-equal to the base.
    """
    rows = [directions] if isinstance(directions, Direction) else list(directions)
    for row in rows:
        if row is not None and row.model != backbone.name:
            raise WrongSpace(f"this direction belongs to {row.model}, the model is {backbone.name}")
    handles = []
    try:
        if strength and any(row is not None for row in rows):
            blocks = backbone.blocks()
            for layer in next(r for r in rows if r is not None).layers:
                add = _added(rows, layer, strength * UNIT, backbone)
                handles.append(blocks[layer].register_forward_hook(_hook(add)))
        yield backbone
    finally:
        for handle in handles:
            handle.remove()


def _added(rows: Sequence[Direction | None], layer: int, size: float, backbone: Any) -> Any:
    """(B, 1, d) relative additions; zero rows stay exactly as they are."""
    width = len(next(r for r in rows if r is not None).layers[layer])
    table = np.stack([np.zeros(width, np.float32) if r is None else r.layers[layer] for r in rows])
    return torch.from_numpy(table * np.float32(size)).to(backbone.device)[:, None]


def _hook(add: torch.Tensor) -> Any:
    def hook(_module: Any, inputs: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        lengths = states.float().norm(dim=-1, keepdim=True)
        moved = states + (add * lengths).to(states.dtype)
        moved = moved * (lengths / moved.float().norm(dim=-1, keepdim=True)).to(states.dtype)
        moved = torch.where(add.abs().sum(-1, keepdim=True) > 0, moved, states)
        if states.shape[1] > 1:
            # A longer input is a prompt: its first position is the sink and stays.
            moved = torch.cat([states[:, :1], moved[:, 1:]], 1)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    return hook
