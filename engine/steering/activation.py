"""Steered: add a person's direction to the residual stream while the model writes.

The direction is a weighted mean difference of hidden states: texts the person likes minus texts of
the same task the person likes less (never centred PCA, which removes the very difference). The
addition keeps each token's length, leaves out the first position, and may differ per row, so that
one batch can serve many people. Sources: Turner et al. 2023, arXiv 2308.10248; Rimsky et al. 2024,
arXiv 2312.06681. Does not train anything; leaving the block restores the model.

The weights are posterior means. The direction is linear in them, so that it is itself the posterior
mean of the direction: doubt about single texts needs no second weight.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engine.data import Array, WrongSpace

# Late blocks: for the same change of voice they cost half the perplexity of the middle ones.
LAYERS, DEPTH = (18, 20, 22), 30
# Share of a token's own length that strength 1 adds at each layer; found by bench steer, so that
# strengths from -2 to 2 are heard and still make sense.
UNIT = 0.024


def layers_of(backbone: Any) -> tuple[int, ...]:
    """LAYERS in a model of DEPTH blocks, the same relative heights in any other."""
    depth = len(backbone.blocks())
    return tuple(sorted({min(depth - 1, round(k * depth / DEPTH)) for k in LAYERS}))


@dataclass(frozen=True, eq=False)
class Direction:
    """Unit vectors by block of one model: a value to scale, negate, add, compare and save."""

    model: str
    layers: Mapping[int, Array]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Direction)
            and self.model == other.model
            and self.layers.keys() == other.layers.keys()
            and all(np.array_equal(v, other.layers[k]) for k, v in self.layers.items())
        )

    __hash__ = None  # type: ignore[assignment]

    def save(self, path: Path) -> None:
        """One (d,) float32 array a block, named by its hidden-state space, as safetensors."""
        arrays = {f"{self.model}:layer{k}": np.ascontiguousarray(v, np.float32)
                  for k, v in self.layers.items()}  # fmt: skip
        save_file(arrays, str(path))

    @classmethod
    def load(cls, path: Path) -> "Direction":
        """What `save` wrote; ValueError when the file is something else."""
        named = [(*name.rpartition(":layer"), v) for name, v in load_file(str(path)).items()]
        models = {model for model, *_ in named}
        if len(models) != 1 or not all(k.isdigit() and v.ndim == 1 for *_, k, v in named):
            raise ValueError(f"{path} is not the direction of one model; make it again")
        return cls(models.pop(), {int(k): v for *_, k, v in sorted(named, key=lambda n: int(n[2]))})

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
    # Equal scores leave rounding behind; scaled up to a unit it would be a taste out of nothing.
    weights[np.abs(weights) < 1e-6 * np.abs(scores).max()] = 0.0
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
    _fitting([row for row in rows if row is not None], backbone)
    handles = []
    try:
        if strength and any(row is not None for row in rows):
            blocks = backbone.blocks()
            for layer in next(r for r in rows if r is not None).layers:
                add = _added(rows, layer, strength * UNIT, backbone)
                handles.append(blocks[layer].register_forward_hook(_hook(add, backbone)))
        yield backbone
    finally:
        for handle in handles:
            handle.remove()


def _fitting(rows: Sequence[Direction], backbone: Any) -> None:
    """WrongSpace unless every direction is of this model and all name the same blocks."""
    for row in rows:
        if row.model != backbone.name:
            raise WrongSpace(f"this direction belongs to {row.model}, the model is {backbone.name}")
        if row.layers.keys() != rows[0].layers.keys():
            raise WrongSpace("the directions of one batch must name the same blocks")


def _added(rows: Sequence[Direction | None], layer: int, size: float, backbone: Any) -> Any:
    """(B, 1, d) relative additions; zero rows stay exactly as they are."""
    width = len(next(r for r in rows if r is not None).layers[layer])
    table = np.stack([np.zeros(width, np.float32) if r is None else r.layers[layer] for r in rows])
    return torch.from_numpy(table * np.float32(size)).to(backbone.device)[:, None]


def _hook(added: torch.Tensor, backbone: Any) -> Any:
    """`added` (B, 1, d) by row of the call; `backbone.place` says which rows are in the model."""
    bent = added.abs().sum(-1, keepdim=True) > 0
    everyone = bool(bent.all())

    def hook(_module: Any, inputs: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        place = backbone.place
        one = place is None or len(added) == 1
        add, moves = (added, bent) if one else (added[place.rows], bent[place.rows])
        lengths = states.float().norm(dim=-1, keepdim=True)
        moved = states + (add * lengths).to(states.dtype)
        moved = moved * (lengths / moved.float().norm(dim=-1, keepdim=True)).to(states.dtype)
        if not everyone:
            moved = torch.where(moves, moved, states)
        if (first := _first(place, states)) is not None:
            moved = torch.where(first, states, moved)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    return hook


def _first(place: Any, states: torch.Tensor) -> torch.Tensor | None:
    """(B or 1, T, 1) true at a text's first position, the sink, and at the pads before it.

    None where there is no such position: once a text is begun it is fed token by token.
    """
    if place.start > 0 if place is not None else states.shape[1] == 1:
        return None
    columns = torch.arange(states.shape[1], device=states.device)[None, :, None]
    return columns <= (0 if place is None else place.pads[:, None, None])
