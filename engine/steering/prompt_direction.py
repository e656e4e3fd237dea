"""Steered by words unsaid: liked captions less disliked ones, added to what a model is told.

The direction is the difference of mean text conditions, every caption weighted by how much it is
liked within its own topic, so that topic cancels: mean-difference steering (Turner et al. 2023,
arXiv 2308.10248) in the space of prompts. It is added to the conditions of rows that are told their
prompt, in every family: token states of cross- and joint attention and the pooled vector. Needs
captions that name what is liked, and a model that heeds such words. Trains nothing.
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
from torch import Tensor

from engine.data import Array, WrongSpace

# Share of the difference of liked and disliked that strength 1 adds; a whole one leaves what the
# starter model knows (docs/evidence.md).
UNIT = 0.3
TOGETHER = 16
STATES, POOLED = "encoder_hidden_states", ("pooled_projections", "text_embeds")


@dataclass(frozen=True, eq=False)
class PromptDirection:
    """One difference in the text conditions of one model: arrays (T, d) or (d,) by name."""

    model: str
    parts: Mapping[str, Array]

    def __mul__(self, factor: float) -> "PromptDirection":
        return PromptDirection(self.model, {k: v * np.float32(factor)
                                            for k, v in self.parts.items()})  # fmt: skip

    def __neg__(self) -> "PromptDirection":
        return self * -1.0

    def __add__(self, other: "PromptDirection") -> "PromptDirection":
        if self.model != other.model or self.parts.keys() != other.parts.keys():
            raise WrongSpace(f"directions of {self.model} and {other.model} cannot be added")
        return PromptDirection(self.model, {k: v + other.parts[k] for k, v in self.parts.items()})

    def save(self, path: Path) -> None:
        """One array a condition, named by model and condition, as safetensors."""
        save_file({f"{self.model}:{k}": np.ascontiguousarray(v, np.float32)
                   for k, v in self.parts.items()}, str(path))  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> "PromptDirection":
        """What `save` wrote; ValueError when the file is something else."""
        named = [(*key.rpartition(":"), v) for key, v in load_file(str(path)).items()]
        if len({model for model, *_ in named}) != 1 or STATES not in {k for _, _, k, _ in named}:
            raise ValueError(f"{path} is not the prompt direction of one model; make it again")
        return cls(named[0][0], {k: v for _, _, k, v in named})


def from_captions(
    backbone: Any, captions: Sequence[Any], scores: NDArray[Any], topics: Sequence[str]
) -> PromptDirection:
    """captions (n,) prompts of the model, scores (n,) how much each is liked, topics (n,) theirs.

    Equal scores are no direction.
    """
    weights = np.asarray(scores, np.float64).copy()
    names, rows = np.unique(np.asarray(topics), return_inverse=True)
    weights -= (np.bincount(rows, weights) / np.bincount(rows))[rows]
    weights[np.abs(weights) < 1e-6 * max(np.abs(scores).max(), 1e-12)] = 0.0
    # Half of the weight lies on each side: the mean of the liked less the mean of the disliked.
    weights *= 2 / max(float(np.abs(weights).sum()), 1e-12)
    sums: dict[str, NDArray[np.float64]] = {}
    used = np.flatnonzero(weights).tolist()
    for start in range(0, len(used), TOGETHER):
        part = used[start : start + TOGETHER]
        with torch.inference_mode():
            told = backbone.face.conditions([captions[k] for k in part])
        for name, value in told.items():
            if name == STATES or name in POOLED:
                share = np.tensordot(weights[part], value.double().cpu().numpy(), 1)
                sums[name] = sums[name] + share if name in sums else share
    if not sums:
        told = backbone.face.conditions([captions[0]])
        sums = {k: np.zeros(v.shape[1:]) for k, v in told.items() if k == STATES or k in POOLED}
    return PromptDirection(backbone.name, {k: v.astype(np.float32) for k, v in sums.items()})


@contextmanager
def prompt_direction(
    backbone: Any, directions: PromptDirection | Sequence[PromptDirection | None], strength: float
) -> Iterator[Any]:
    """One direction for all rows, or one (or None) per row. Strength 0 hooks nothing."""
    one = isinstance(directions, PromptDirection)
    rows: list[PromptDirection | None] = (
        [directions] if isinstance(directions, PromptDirection) else list(directions)
    )
    known = [r for r in rows if r is not None]
    for each in known:
        if each.model != backbone.name:
            raise WrongSpace(f"this direction belongs to {each.model}, not to {backbone.name}")
    if not (strength and known):
        yield backbone
        return
    added = {name: _table(rows, name, strength * UNIT, backbone.device) for name in known[0].parts}
    hook = _Hook(backbone, added, one)
    handle = backbone.trainable().register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield backbone
    finally:
        handle.remove()


def _table(rows: Sequence[PromptDirection | None], name: str, size: float, device: str) -> Tensor:
    """(R, ...) additions by row; zeros for nobody."""
    shape = next(r for r in rows if r is not None).parts[name].shape
    table = [np.zeros(shape, np.float32) if r is None else r.parts[name] for r in rows]
    return torch.from_numpy(np.stack(table) * np.float32(size)).to(device)


@dataclass
class _Hook:
    """Called before the denoiser: moves the conditions of the rows that are told their prompt."""

    backbone: Any
    added: Mapping[str, Tensor]
    one: bool

    def __call__(self, _module: Any, given: tuple[Any, ...], told: dict[str, Any]) -> Any:
        place = self.backbone.place
        if place is None and not self.one:
            raise ValueError("directions by row need a drawing; give one direction for all")
        made = dict(told)
        for name in (STATES, "pooled_projections"):
            if name in made and name in self.added:
                made[name] = self._moved(name, made[name], place)
        more = made.get("added_cond_kwargs")
        if more and "text_embeds" in more and "text_embeds" in self.added:
            moved = self._moved("text_embeds", more["text_embeds"], place)
            made["added_cond_kwargs"] = {**more, "text_embeds": moved}
        return given, made

    def _moved(self, name: str, value: Tensor, place: Any) -> Tensor:
        add = self.added[name].to(value.dtype)
        if name == STATES and add.shape[1] != value.shape[1]:
            add = add.mean(1, keepdim=True)
        if place is None:
            return value + add
        rows = torch.zeros_like(place.rows) if self.one else place.rows
        moves = add[rows].abs().flatten(1).any(1) & place.told & place.mine
        wide = moves.view(-1, *[1] * (value.ndim - 1))
        return torch.where(wide, value + add[rows], value)
