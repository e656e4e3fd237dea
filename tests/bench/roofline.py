"""How near the drawing of a batch comes to what the machine can do at most.

The limit is measured, not looked up: the quickest of several large matrix products in the model's
own numbers. A batch's operations are those of its products, convolutions and attentions, as torch
counts them. On a small model much of the time goes to all the rest; that is what the share shows.
"""

import time
from collections.abc import Callable
from typing import Any

# Sides of the products and pictures of a batch, on a processor and on a GPU.
SIDES, BATCHES, TRIES = (2048, 8192), (8, 64), 5


def figures(backbone: Any) -> dict[str, float]:
    """`samples_s`: pictures a second in one batch at the default steps; `roofline_share`: its
    operations a second, of those of a bare product.
    """
    wide = backbone.device != "cpu"
    count = BATCHES[wide]
    seconds = quickest(lambda: drawn(backbone, count), backbone.device)
    limit = bare(backbone, SIDES[wide])
    return {"samples_s": count / seconds,
            "roofline_share": operations(backbone, count) / seconds / limit}  # fmt: skip


def operations(backbone: Any, count: int) -> int:
    """Of a batch: the denoiser at every step with and without the words, then the decoder. Drawing
    itself runs in inference mode, where torch counts nothing.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    face, made = backbone.face, backbone.trainable().config
    x = torch.randn(2 * count, made.in_channels, made.sample_size, made.sample_size)
    x, told = x.to(backbone.device), face.conditions(["a cat"] * len(x))
    times = torch.full((len(x),), 500.0, device=x.device)
    with torch.no_grad(), FlopCounterMode(display=False) as one:
        face.predict(x, times, told)
    with torch.no_grad(), FlopCounterMode(display=False) as last:
        face.pixels(x[:count])
    return backbone.steps * one.get_total_flops() + last.get_total_flops()


def drawn(backbone: Any, count: int) -> None:
    from engine.data import Draw

    list(backbone.stream(["a cat"] * count, range(count), Draw("a cat", n=count)))


def bare(backbone: Any, side: int) -> float:
    """Operations a second of a product of two (side, side) matrices in the model's numbers."""
    import torch

    one = next(backbone.trainable().parameters())
    a = torch.randn(side, side, device=one.device, dtype=one.dtype)
    return 2 * side**3 / quickest(lambda: torch.mm(a, a), backbone.device)


def quickest(work: Callable[[], Any], device: str) -> float:
    """Seconds of the quickest of TRIES runs behind a first one."""
    import torch

    found = []
    for _ in range(TRIES + 1):
        begun = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        found.append(time.perf_counter() - begun)
    return min(found[1:])
