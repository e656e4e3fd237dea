"""Tuned: a person's trained adapter on the frozen model for the length of a with block.

Each row of the batch may carry its own adapter or none; all share one pass of the base model
(engine/lora.py). Hu et al. 2021, arXiv 2106.09685. Strength scales the addition; 0 attaches nothing
and is bit-equal to the base. Does not merge anything into the model.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from engine.adapter import Adapter
from engine.data import WrongSpace
from engine.lora import Lora


@contextmanager
def lora(
    backbone: Any, adapters: Adapter | Sequence[Adapter | None], strength: float
) -> Iterator[Any]:
    """One adapter for all rows, or one (or None) per row of the batch; a single one is for all."""
    rows = [adapters] if isinstance(adapters, Adapter) else list(adapters)
    distinct: list[Adapter] = []
    for row in rows:
        if row is not None and not any(row is d for d in distinct):
            distinct.append(row)
    for each in distinct:
        fitting(each, backbone)
    if not (strength and distinct):
        yield backbone
        return
    index = None
    if not isinstance(adapters, Adapter):
        numbers = [next((i for i, d in enumerate(distinct) if d is r), -1) for r in rows]
        index = present(backbone, torch.tensor(numbers, device=backbone.device))
    with stack(backbone, distinct).on(backbone.model, strength, index):
        yield backbone


def present(backbone: Any, index: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Whose adapter each row in the model needs right now: `index` by row of the whole call."""
    last: list[Any] = [None, index]

    def ask() -> torch.Tensor:
        place = backbone.place
        if place is None:
            return index
        if place.rows is not last[0]:
            here = index[place.rows if len(index) > 1 else torch.zeros_like(place.rows)]
            mine = getattr(place, "mine", None)
            last[:] = place.rows, here if mine is None else torch.where(mine, here, -1)
        return last[1]  # type: ignore[no-any-return]

    return ask


def fitting(adapter: Adapter, backbone: Any) -> None:
    """WrongSpace unless the adapter was trained on these very weights."""
    if adapter.base.name != backbone.name:
        raise WrongSpace(
            f"this adapter was tuned on {adapter.base.name}, the model is {backbone.name}; start "
            "the studio with that model, or tune a new one"
        )


def stack(backbone: Any, adapters: Sequence[Adapter]) -> Lora:
    """All of them side by side, over every layer that any of them changes; the rest is zeros."""
    names = sorted({name for a in adapters for name in a.targets})
    rank = max(a.rank for a in adapters)
    made = Lora.blank(backbone.model, rank, len(adapters), names, backbone.device)
    for i, adapter in enumerate(adapters):
        made.put({k: torch.from_numpy(v) for k, v in adapter.weights.items()}, i)
    return made
