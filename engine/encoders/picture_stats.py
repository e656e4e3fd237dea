"""Measured statistics of a picture: plain numbers with plain words for both ends.

Ink is what is drawn: pixels that are not near-white. Colours are measured on the ink, layout on
the whole picture. Colourfulness is Hasler & Suesstrunk 2003 (eq. 1-2 with weight 0.3); hue shares
are soft shares of saturated ink in eight 45-degree bins. All inputs are resized to 96 px first.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 96
HUES = ("red", "orange", "yellow-green", "green", "cyan", "blue", "violet", "pink")


class Stat(NamedTuple):
    """name, and a word for pictures low and high in it ("pictures that are ...")."""

    name: str
    low_word: str
    high_word: str


# Every word fits "You like pictures that are ...", every name "their ... is still open".
NAMES: tuple[Stat, ...] = (
    Stat("brightness", "dark", "bright"),
    Stat("contrast", "even in tone", "strong in contrast"),
    Stat("colour strength", "muted", "vivid"),
    Stat("mix of grey and vivid", "evenly coloured", "part grey, part vivid"),
    Stat("colourfulness", "sober", "colourful"),
    Stat("warmth", "cool", "warm"),
    Stat("redness", "far from red", "reddish"),
    Stat("greenness", "far from green", "greenish"),
    Stat("blueness", "far from blue", "bluish"),
    Stat("black", "free of black", "heavy with black"),
    Stat("white inside", "filled in", "left white inside"),
    Stat("grey", "rich in hue", "grey"),
    Stat("number of colours", "limited to a few colours", "made of many colours"),
    Stat("busyness", "calm", "busy"),
    Stat("fine detail", "plain", "finely detailed"),
    Stat("shading", "flat", "softly shaded"),
    Stat("outline", "without a dark outline", "darkly outlined"),
    Stat("symmetry", "lopsided", "symmetrical"),
    Stat("fill", "airy", "filling the frame"),
    Stat("width", "tall", "wide"),
    Stat("weight", "heavy at the top", "heavy at the bottom"),
    Stat("compactness", "spread out", "compact"),
    *(Stat(f"{hue} parts", f"free of {hue}", f"touched with {hue}") for hue in HUES),
)


def measure(picture: Any) -> NDArray[np.float32]:
    """(len(NAMES),) statistics of a PIL picture in RGB."""
    small = picture.convert("RGB").resize((SIDE, SIDE))
    rgb = np.asarray(small, np.float32) / 255.0
    luma = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    high, low = rgb.max(2), rgb.min(2)
    chroma = high - low
    ink = (luma < 0.95) | (chroma > 0.06)
    if not ink.any():
        ink = np.ones_like(ink)
    parts = (*_colour(rgb, luma, chroma, high, ink), *_drawing(luma, ink), *_hues(rgb, chroma, ink))
    return np.array(parts, np.float32)


def measure_all(pictures: Sequence[Any]) -> NDArray[np.float32]:
    """(n, len(NAMES))."""
    return np.stack([measure(p) for p in pictures])


def _colour(rgb: Any, luma: Any, chroma: Any, high: Any, ink: Any) -> tuple[float, ...]:
    colours, tone = rgb[ink], luma[ink]
    saturation = chroma[ink] / high[ink].clip(1e-3)
    r, g, b = colours.T
    rg, yb = r - g, 0.5 * (r + g) - b
    spread = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    inside = _inside(ink)
    bins = np.unique((colours * 5.99).astype(np.int32) @ np.array([36, 6, 1]), return_counts=True)[
        1
    ]
    return (
        tone.mean(),
        tone.std(),
        saturation.mean(),
        saturation.std(),
        float(spread),
        float((r - b).mean()),
        float((r - np.maximum(g, b)).mean()),
        float((g - np.maximum(r, b)).mean()),
        float((b - np.maximum(r, g)).mean()),
        float((tone < 0.2).mean()),
        float((luma[inside] > 0.93).mean()) if inside.any() else 0.0,
        float((chroma[ink] < 0.08).mean()),
        float(np.log1p((bins > 4).sum())),
    )


def _inside(ink: Any) -> Any:
    """Pixels between the first and last ink of their row and of their column."""
    across = np.maximum.accumulate(ink, 1) & np.maximum.accumulate(ink[:, ::-1], 1)[:, ::-1]
    down = np.maximum.accumulate(ink, 0) & np.maximum.accumulate(ink[::-1], 0)[::-1]
    return across & down


def _drawing(luma: Any, ink: Any) -> tuple[float, ...]:
    dx, dy = np.abs(np.diff(luma, axis=1)), np.abs(np.diff(luma, axis=0))
    area = float(ink.sum())
    soft = ((dx > 0.004) & (dx < 0.05)).sum() + ((dy > 0.004) & (dy < 0.05)).sum()
    fine = np.abs(luma[1:-1, 1:-1] * 4 - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2]
                  - luma[1:-1, 2:])  # fmt: skip
    rows, cols = np.nonzero(ink)
    tall, wide = np.ptp(rows) + 1, np.ptp(cols) + 1
    spread = np.sqrt(rows.var() + cols.var())
    return (
        float((dx > 0.1).mean() + (dy > 0.1).mean()),
        float(np.sqrt(fine.mean())),
        float(soft / (2 * area)),
        _outline(luma, ink),
        -float(np.abs(luma - luma[:, ::-1]).sum() / area),
        area / ink.size,
        float(np.log(wide / tall)),
        float((rows.mean() - rows.min()) / tall - 0.5),
        -float(spread / np.sqrt(area)),
    )


def _outline(luma: Any, ink: Any) -> float:
    """How dark the rim of the drawing is."""
    inner = ink.copy()
    for shift, axis in ((2, 0), (-2, 0), (2, 1), (-2, 1)):
        inner &= np.roll(ink, shift, axis)
    rim = ink & ~inner
    return float(1 - luma[rim].mean()) if rim.any() else 0.0


def _hues(rgb: Any, chroma: Any, ink: Any) -> tuple[float, ...]:
    """Share of the ink, weighted by chroma, in each of eight hue bins."""
    colours, weight = rgb[ink], chroma[ink]
    r, g, b = colours.T
    angle = np.arctan2(np.sqrt(3) * (g - b), 2 * r - g - b) % (2 * np.pi)
    bins = (angle / (2 * np.pi) * 8 + 0.5).astype(np.int32) % 8
    total = np.bincount(bins, weight, 8)
    return tuple(float(np.sqrt(t / len(colours))) for t in total)
