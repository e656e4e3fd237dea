"""Teach the small autoencoder: drawings to 24 x 24 latents of 8 channels and back.

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


def crops(pixels: torch.Tensor, count: int) -> torch.Tensor:
    """(count, 3, CROP, CROP) in -1..1 of pixels (n, h, w, 3) uint8, on their device."""
    place, side = pixels.device, pixels.shape[1] - CROP + 1
    rows = torch.randint(len(pixels), (count, 1, 1), device=place)
    tops, lefts = torch.randint(side, (2, count, 1), device=place)
    span = torch.arange(CROP, device=place)
    picked = pixels[rows, (tops + span)[:, :, None], (lefts + span)[:, None, :]]
    return picked.permute(0, 3, 1, 2).float() / 127.5 - 1


def loss_of(model: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
        z = model.encode(x).latents
        y = model.decode(z + NOISE * torch.randn_like(z)).sample.float()
    z = z.float()
    flat = (y - x).abs().mean() + (y - x).square().mean()
    edges = sum(((y - x).diff(dim=d)).abs().mean() for d in (-1, -2))
    loss: torch.Tensor = flat + EDGES * edges + PULL * z.square().mean()
    return loss


def teach(model: Any, pixels: torch.Tensor, clock: Clock, seed: int = 0,
          batch: int = BATCH) -> Iterator[Progress]:  # fmt: skip
    """Train in place until the clock says enough; a report about every two seconds.

    pixels (n, h, w, 3) uint8 lie on the model's device.
    """
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    model.train()
    steps, told, sums = 0, time.monotonic(), []
    while not clock.over(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * clock.rate(steps)
        loss = loss_of(model, crops(pixels, batch))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps += 1
        sums.append(loss.detach())
        if time.monotonic() - told > 2 or clock.over(steps):
            loss_now = float(torch.stack(sums).mean())
            yield Progress(steps, 0, "learning to draw small", {"loss": loss_now})
            told, sums = time.monotonic(), []
    model.eval()


@torch.no_grad()
def even(model: Any, pixels: NDArray[np.uint8]) -> None:
    """Give every channel of the latents mean 0, and a deviation nearer to the others', by changing
    the two convolutions next to them: half of the way (the root), so that what carries more is
    still told from noise sooner. The decoder squashes what it is given, so it needs some more
    teaching after.
    """
    latents = torch.cat([_encoded(model, p) for p in _parts(pixels)])
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3)).sqrt()
    last, first = model.encoder.layers[-1], model.decoder.layers[0]
    last.weight.div_(std[:, None, None, None])
    last.bias.sub_(mean).div_(std)
    first.bias.add_((first.weight * mean[:, None, None]).sum((1, 2, 3)))
    first.weight.mul_(std[:, None, None])


@torch.inference_mode()
def settle(model: Any, pixels: NDArray[np.uint8]) -> None:
    """Write into its settings what brings latents to mean 0 and deviation 1."""
    latents = torch.cat([_encoded(model, p) for p in _parts(pixels)])
    model.register_to_config(shift_factor=round(float(latents.mean()), 5),
                             scaling_factor=round(1 / float(latents.std()), 5))  # fmt: skip


@torch.inference_mode()
def latents_of(model: Any, pixels: NDArray[np.uint8]) -> torch.Tensor:
    """(n, CHANNELS, h / 4, w / 4), as the transformer sees them, on the model's device."""
    shift, scale = model.config.shift_factor, model.config.scaling_factor
    return torch.cat([(_encoded(model, p) - shift) * scale for p in _parts(pixels)])


def _encoded(model: Any, pixels: NDArray[np.uint8]) -> torch.Tensor:
    found: torch.Tensor = model.encode(as_tensor(pixels).to(model.device)).latents
    return found


@torch.inference_mode()
def back(model: Any, latents: torch.Tensor) -> NDArray[np.uint8]:
    """Pictures (n, h, w, 3) from what `latents_of` gives."""
    z = latents / model.config.scaling_factor + model.config.shift_factor
    drawn = model.decode(z).sample.clamp(-1, 1)
    whole = ((drawn + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    pixels: NDArray[np.uint8] = whole.cpu().numpy()
    return pixels


def _parts(pixels: NDArray[np.uint8], size: int = 64) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size]
