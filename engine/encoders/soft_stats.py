"""The statistics of picture_stats.py once more in torch, so that a gradient passes through them.

Counts of pixels above a limit become sums of sigmoids around it. Four statistics are left out,
because what they measure jumps (colours counted, extents of the ink). How near the others come to
the measured ones stands in tests/engine/encoders/test_soft.py.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 96
ABSENT = ("white inside", "number of colours", "width", "weight")
HUES = 8


def measure(pixels: Tensor) -> Tensor:
    """(B, 30) of pictures (B, 3, H, W) in -1..1, in the order of picture_stats.NAMES; ABSENT 0."""
    rgb = ((sized(pixels, SIDE) + 1) / 2).clamp(0, 1)
    luma = torch.tensordot(rgb, rgb.new_tensor([0.299, 0.587, 0.114]), dims=([1], [0]))
    high, low = rgb.amax(1), rgb.amin(1)
    chroma = high - low
    ink = 1 - _above(0.95 - luma, 0.0, 0.01, True) * _above(chroma, 0.06, 0.01, True)
    ink = ink + 1e-6
    parts = [*_colour(rgb, luma, chroma, high, ink), *_drawing(luma, ink), *_hues(rgb, chroma, ink)]
    return torch.stack(parts, 1)


def sized(pixels: Tensor, side: int) -> Tensor:
    """Brought to side x side as PIL does it."""
    if pixels.shape[-2:] == (side, side):
        return pixels
    return F.interpolate(pixels, (side, side), mode="bicubic", antialias=True)


def _above(x: Tensor, limit: float, width: float, below: bool = False) -> Tensor:
    """Near 1 where x lies above the limit (or below)."""
    return torch.sigmoid((limit - x if below else x - limit) / width)


def _mean(x: Tensor, weight: Tensor) -> Tensor:
    return (x * weight).sum((1, 2)) / weight.sum((1, 2))


def _std(x: Tensor, weight: Tensor) -> Tensor:
    gap = x - _mean(x, weight)[:, None, None]
    return (_mean(gap.square(), weight) + 1e-6).sqrt()


def _colour(rgb: Tensor, luma: Tensor, chroma: Tensor, high: Tensor, ink: Tensor) -> list[Tensor]:
    saturation = chroma / high.clamp(min=1e-3)
    r, g, b = rgb.unbind(1)
    rg, yb = r - g, 0.5 * (r + g) - b
    nothing = torch.zeros_like(luma[:, 0, 0])
    spread = (_std(rg, ink).square() + _std(yb, ink).square()).sqrt()
    far = (_mean(rg, ink).square() + _mean(yb, ink).square() + 1e-8).sqrt()
    return [
        _mean(luma, ink), _std(luma, ink), _mean(saturation, ink), _std(saturation, ink),
        spread + 0.3 * far, _mean(r - b, ink), _mean(r - torch.maximum(g, b), ink),
        _mean(g - torch.maximum(r, b), ink), _mean(b - torch.maximum(r, g), ink),
        _mean(_above(luma, 0.2, 0.02, True), ink), nothing,
        _mean(_above(chroma, 0.08, 0.01, True), ink), nothing,
    ]  # fmt: skip


def _drawing(luma: Tensor, ink: Tensor) -> list[Tensor]:
    dx, dy = luma.diff(dim=2).abs(), luma.diff(dim=1).abs()
    area = ink.sum((1, 2))
    soft = sum((_above(d, 0.004, 0.001) * _above(d, 0.05, 0.004, True)).sum((1, 2))
               for d in (dx, dy))  # fmt: skip
    fine = (luma[:, 1:-1, 1:-1] * 4 - luma[:, :-2, 1:-1] - luma[:, 2:, 1:-1]
            - luma[:, 1:-1, :-2] - luma[:, 1:-1, 2:]).abs()  # fmt: skip
    busy = _above(dx, 0.1, 0.01).mean((1, 2)) + _above(dy, 0.1, 0.01).mean((1, 2))
    nothing = torch.zeros_like(area)
    return [
        busy, (fine.mean((1, 2)) + 1e-8).sqrt(), soft / (2 * area), _outline(luma, ink),
        -(luma - luma.flip(2)).abs().sum((1, 2)) / area, area / ink[0].numel(), nothing, nothing,
        -_reach(ink) / area.sqrt(),
    ]  # fmt: skip


def _outline(luma: Tensor, ink: Tensor) -> Tensor:
    inner = ink
    for shift, axis in ((2, 1), (-2, 1), (2, 2), (-2, 2)):
        inner = torch.minimum(inner, ink.roll(shift, axis))
    return 1 - _mean(luma, ink - inner + 1e-6)


def _reach(ink: Tensor) -> Tensor:
    """Root of the summed variances of rows and columns."""
    at = torch.arange(ink.shape[1], dtype=ink.dtype, device=ink.device)
    rows, cols = at[None, :, None].expand_as(ink), at[None, None].expand_as(ink)
    return (_std(rows, ink).square() + _std(cols, ink).square()).sqrt()


def _hues(rgb: Tensor, chroma: Tensor, ink: Tensor) -> list[Tensor]:
    r, g, b = rgb.unbind(1)
    x, y = 2 * r - g - b, 3**0.5 * (g - b)
    size = (x.square() + y.square() + 1e-8).sqrt()
    found = []
    for k in range(HUES):
        angle = rgb.new_tensor(2 * torch.pi * k / HUES)
        near = (x * angle.cos() + y * angle.sin()) / size
        share = _above(near, float(torch.cos(torch.tensor(torch.pi / HUES))), 0.02)
        found.append((_mean(share * chroma, ink) + 1e-4).sqrt() - 0.01)
    return found
