"""Steered by gradient: after each step the picture ahead is pushed towards what a person likes.

The step's clean prediction x0 is decoded and scored by the belief, u . f(decode(x0)), through
features that gradients pass (engine/encoders/soft_picture.py). x0 moves along the evened gradient
by a length that does not depend on the gradient's size, and the latents follow with the share of
picture they hold. No gradient goes through the denoiser, as in MPGD (He et al. 2023, arXiv
2311.16424): the cost is one decoder and one encoder pass each way a step. The late steps are left
alone, so that the model tidies up after each push; of one or two steps nothing is pushed. The
reward is paper 2's explicit one. Features that jump do not push, and nothing is learnt.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.data import same_space
from engine.stages import Stage, grown

# Root mean square of what strength 1 adds to x0 at a step, where latents have a deviation of 1.
UNIT = 0.25
# Share of the steps after which the model is left alone; measured in docs/log.md.
UNTIL = 0.65
# Pictures that are decoded with gradients at a time, and latents a side above which they are made
# smaller first: a taste is read from small pictures, and gradients of large ones need gigabytes.
TOGETHER, WIDE = 4, 32


@contextmanager
def reward_gradient(
    backbone: Any, see: Any, vectors: Sequence[Any], strength: float | Sequence[float],
    space: str = "",
) -> Iterator[Any]:  # fmt: skip
    """`backbone` draws row i of a call towards `vectors[i]` ((d,) arrays, None for nobody), at one
    strength or at `strength[i]`.

    `see` turns pictures (B, 3, H, W) in -1..1 into (B, d) features of `see.space`. At strength 0,
    or for nobody, latents are not touched.
    """
    same_space(see.space, space or see.space)
    touch = _pushed(see, vectors, strength, backbone.device)
    try:
        if touch is not None:
            backbone.touches.append(touch)
        yield backbone
    finally:
        if touch is not None:
            backbone.touches.remove(touch)


def _pushed(
    see: Any, vectors: Sequence[Any], strength: float | Sequence[float], device: str
) -> Callable[[Stage], Tensor | None] | None:
    sizes = [strength] * len(vectors) if isinstance(strength, float | int) else list(strength)
    bent = [v is not None and bool(s) for v, s in zip(vectors, sizes, strict=True)]
    if not any(bent):
        return None
    width = len(next(v for v in vectors if v is not None))
    rows = [torch.as_tensor(v, dtype=torch.float32) if b else torch.zeros(width)
            for v, b in zip(vectors, bent, strict=True)]  # fmt: skip
    people, length = torch.stack(rows).to(device), torch.tensor(sizes, device=device)

    def touch(stage: Stage) -> Tensor | None:
        part = list(stage.part) if len(people) > 1 else [0] * len(stage.part)
        mine = people[part]
        here = mine.any(1).nonzero().flatten()
        late = stage.number + 1 > max(2, UNTIL * stage.total)
        if stage.leads is None or late or not len(here):
            return None
        pushed = uphill(replace(stage, leads=stage.leads[here]), see, mine[here])
        far = UNIT * stage.kept * length[part][here]
        return stage.latents.index_add(
            0, here, (far[:, None, None, None] * pushed).to(stage.latents)
        )

    return touch


def uphill(stage: Stage, see: Any, people: Tensor) -> Tensor:
    """(B, c, h, w) gradients of u . f(decode(x0)) in x0, each of root mean square 1 or all zero."""
    assert stage.leads is not None
    found = []
    for start in range(0, len(people), TOGETHER):
        part = slice(start, start + TOGETHER)
        with torch.inference_mode(False), torch.enable_grad():
            z = grown(stage.leads[part]).requires_grad_()
            small = F.avg_pool2d(z, k) if (k := -(-max(z.shape[2:]) // WIDE)) > 1 else z
            liking = (see(stage.face.pixels(small)) * grown(people[part])).sum()
            found.append(torch.autograd.grad(liking, z)[0])
    slope = _evened(torch.cat(found).nan_to_num())
    size = slope.square().mean((1, 2, 3), keepdim=True).sqrt()
    return torch.where(size > 1e-12, slope / size.clamp(min=1e-12), torch.zeros_like(slope))


def _evened(slope: Tensor) -> Tensor:
    """Twice the mean over 5 x 5 neighbours: a raw gradient is grain that fools the features."""
    for _ in range(2):
        slope = F.avg_pool2d(F.pad(slope, (2, 2, 2, 2), mode="replicate"), 5, 1)
    return slope
