"""Personal guidance: how far a drawing follows the person is set apart from the words.

Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598) with two scales, as Brooks et al.
2023 (InstructPix2Pix, arXiv 2211.09800, eq. 3) have it for words and a picture:

    e = e_none + g (e_words - e_none) + s (e_mine - e_words),

g the model's own guidance, s `scale`. e_words is asked for beside the two that guidance asks for
anyway, in the same pass: half as much again to compute. What is left out of e_words is whatever a
steerer adds to rows of its own (cross_attention, lora), and what `plain` leaves out of the prompts.
s = 0 is the drawing without the person; s = g is ordinary guidance. Changes nothing in the model.
A LoRA is also in e_none, so that s = 0 is not quite the plain drawing there; it has to be given a
row each: one for all rows is in e_words too, and s then changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor


@contextmanager
def apart(backbone: Any, scale: float, plain: Sequence[Any] | None = None) -> Iterator[Any]:
    """`plain`: prompts of the call without the person, one a row; None: they never told of it."""
    third = _Third(backbone, scale, plain)
    module = backbone.trainable()
    handles = [
        module.register_forward_pre_hook(third.widen, with_kwargs=True),
        module.register_forward_hook(third.narrow, always_call=True),
    ]
    try:
        yield backbone
    finally:
        for handle in handles:
            handle.remove()


class _Third:
    """Adds a third of rows before the pass and folds it into the others after it."""

    def __init__(self, backbone: Any, scale: float, plain: Sequence[Any] | None) -> None:
        self.backbone, self.scale, self.plain = backbone, scale, plain
        self.before: Any = None
        self.made: tuple[Any, Any, Mapping[str, Tensor]] = (None, None, {})

    def widen(self, _module: Any, args: Any, kwargs: Any) -> Any:
        place = self.backbone.place
        if place is None or place.guidance in (None, self.scale):
            return None
        if self.made[0] is not place:
            self.made = (place, *self._place(place))
        self.before, self.backbone.place = place, self.made[1]
        size, told = len(place.rows), place.told
        return self._wide("", args, size, told), self._wide("", kwargs, size, told)

    def _wide(self, name: str, value: Any, size: int, told: Tensor) -> Any:
        """Every tensor of `size` rows inside `value` with its told rows once more behind."""
        if isinstance(value, dict):
            return {k: self._wide(k, v, size, told) for k, v in value.items()}
        if isinstance(value, tuple | list):
            return type(value)(self._wide(name, v, size, told) for v in value)
        # Flux: `img_ids` and `txt_ids` are places of tokens, not rows of the batch.
        if not isinstance(value, Tensor) or value.ndim == 0 or len(value) != size or (
            name in ("img_ids", "txt_ids")
        ):  # fmt: skip
            return value
        plain = self.made[2].get(name)
        # How large the picture is stays what the call says it is.
        more = value[told] if plain is None or name == "time_ids" else plain.to(value)
        return torch.cat([value, more])

    def _place(self, place: Any) -> tuple[Any, Mapping[str, Tensor]]:
        rows = place.rows[place.told]
        wide = replace(
            place,
            rows=torch.cat([place.rows, rows]),
            told=torch.cat([place.told, torch.ones_like(rows, dtype=torch.bool)]),
            mine=torch.cat([place.mine, torch.zeros_like(rows, dtype=torch.bool)]),
        )
        if self.plain is None:
            return wide, {}
        prompts = [self.plain[int(k)] for k in rows]
        return wide, self.backbone.face.conditions(prompts)

    def narrow(self, _module: Any, _args: Any, output: Any) -> Any:
        place, self.before = self.before, None
        if place is None:
            return None
        self.backbone.place = place
        if output is None:
            return None
        found = output[0] if isinstance(output, tuple) else output.sample
        size = len(place.rows)
        folded = self._folded(place, found[:size], found[size:])
        if isinstance(output, tuple):
            return (folded, *output[1:])
        output.sample = folded
        return output

    def _folded(self, place: Any, found: Tensor, words: Tensor) -> Tensor:
        """What makes the pipeline's own guidance come out as the sum above."""
        mine = found[place.told]
        if bool(place.told.all()):
            return words + self.scale * (mine - words)
        gap = (self.scale - place.guidance) / (1 - place.guidance)
        none = found[~place.told] + gap * (mine - words)
        return torch.cat([none, mine])
