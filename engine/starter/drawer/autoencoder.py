"""Teach the small autoencoder: drawings to 24 x 24 latents of 4 channels and back.

Crops are enough, it is convolutional. Noise on the latents makes the decoder forgive the small
errors of a generator; a light pull keeps them near unit size. The rate falls with the clock, so
that any number of minutes ends well.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data import Progress
from engine.starter.drawer.clock import Clock

CROP, BATCH, RATE = 48, 32, 2e-3
NOISE, PULL, EDGES = 0.05, 1e-3, 0.5


def as_tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """(n, h, w, 3) uint8 to (n, 3, h, w) in -1..1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def crops(pixels: NDArray[np.uint8], made: np.random.Generator) -> torch.Tensor:
    """(BATCH, 3, CROP, CROP)."""
    side = pixels.shape[1] - CROP
    rows = made.integers(0, len(pixels), BATCH)
    tops, lefts = made.integers(0, side + 1, BATCH), made.integers(0, side + 1, BATCH)
    picked = [pixels[r, t : t + CROP, c : c + CROP]
              for r, t, c in zip(rows, tops, lefts, strict=True)]  # fmt: skip
    return as_tensor(np.stack(picked))


def loss_of(model: Any, x: torch.Tensor) -> torch.Tensor:
    z = model.encode(x).latents
    y = model.decode(z + NOISE * torch.randn_like(z)).sample
    flat = (y - x).abs().mean() + (y - x).square().mean()
    edges = sum(((y - x).diff(dim=d)).abs().mean() for d in (-1, -2))
    loss: torch.Tensor = flat + EDGES * edges + PULL * z.square().mean()
    return loss


def teach(model: Any, pixels: NDArray[np.uint8], clock: Clock, seed: int = 0) -> Iterator[Progress]:
    """Train in place until the clock says enough; a report about every two seconds."""
    made = np.random.default_rng(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    model.train()
    steps, told, sums = 0, time.monotonic(), []
    while not clock.over(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * clock.rate(steps)
        loss = loss_of(model, crops(pixels, made))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps += 1
        sums.append(float(loss.detach()))
        if time.monotonic() - told > 2 or clock.over(steps):
            yield Progress(steps, 0, "learning to draw small", {"loss": float(np.mean(sums))})
            told, sums = time.monotonic(), []
    model.eval()


@torch.no_grad()
def even(model: Any, pixels: NDArray[np.uint8]) -> None:
    """Give every channel of the latents mean 0 and deviation 1 by changing the two convolutions
    next to them. The decoder squashes what it is given, so it needs some more teaching after.
    """
    latents = torch.cat([model.encode(as_tensor(p)).latents for p in _parts(pixels)])
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    last, first = model.encoder.layers[-1], model.decoder.layers[0]
    last.weight.div_(std[:, None, None, None])
    last.bias.sub_(mean).div_(std)
    first.bias.add_((first.weight * mean[:, None, None]).sum((1, 2, 3)))
    first.weight.mul_(std[:, None, None])


@torch.inference_mode()
def settle(model: Any, pixels: NDArray[np.uint8]) -> None:
    """Write into its settings what brings latents to mean 0 and deviation 1."""
    latents = torch.cat([model.encode(as_tensor(p)).latents for p in _parts(pixels)])
    model.register_to_config(shift_factor=round(float(latents.mean()), 5),
                             scaling_factor=round(1 / float(latents.std()), 5))  # fmt: skip


@torch.inference_mode()
def latents_of(model: Any, pixels: NDArray[np.uint8]) -> torch.Tensor:
    """(n, 4, h / 4, w / 4), as the transformer sees them."""
    shift, scale = model.config.shift_factor, model.config.scaling_factor
    found = [(model.encode(as_tensor(p)).latents - shift) * scale for p in _parts(pixels)]
    return torch.cat(found)


@torch.inference_mode()
def back(model: Any, latents: torch.Tensor) -> NDArray[np.uint8]:
    """Pictures (n, h, w, 3) from what `latents_of` gives."""
    z = latents / model.config.scaling_factor + model.config.shift_factor
    drawn = model.decode(z).sample.clamp(-1, 1)
    whole = ((drawn + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    pixels: NDArray[np.uint8] = whole.numpy()
    return pixels


def _parts(pixels: NDArray[np.uint8], size: int = 64) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size]
