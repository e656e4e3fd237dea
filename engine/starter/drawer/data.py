"""What the starter picture model learns from: drawings of the shipped pool, altered with a record.

Each drawing is shown as it is and with other colours and backgrounds; what was done to it is
measured or known, and becomes part of its conditions. The pool holds no share-alike set, so that
neither the weights nor what they draw is bound by one.
"""

import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data import Array

SIDE = 96
HERE = Path(__file__).parent
STYLES = (
    "flat", "ink", "clay", "bright", "blob", "fox", "tidy", "round", "stencil", "sketch",
)  # fmt: skip
# Named backgrounds, RGB; a caption says the name, the conditions carry the numbers.
GROUNDS = {
    "white": (255, 255, 255), "pale blue": (205, 226, 245), "cream": (250, 238, 212),
    "pink": (248, 206, 216), "mint": (206, 240, 220), "grey": (190, 190, 196),
    "dark blue": (40, 52, 92),
}  # fmt: skip
# The statistics that are told to the model, by their names in picture_stats.
TOLD = (
    "brightness", "contrast", "colour strength", "warmth", "redness", "greenness", "blueness",
    "fine detail", "shading", "outline",
)  # fmt: skip
FACTS = (*TOLD, "ground red", "ground green", "ground blue")


@dataclass(frozen=True, eq=False)
class Drawings:
    """n pictures (n, SIDE, SIDE, 3) uint8 with concept and style numbers and FACTS (n, f).

    ground (n,) rows of GROUNDS; `altered` (n,) true where colours were changed.
    """

    pixels: NDArray[np.uint8]
    concept: NDArray[np.int16]
    style: NDArray[np.int16]
    facts: Array
    ground: NDArray[np.int16]
    altered: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pixels)


@cache
def lesson() -> tuple[dict[str, list[str]], set[tuple[str, str]]]:
    """Concepts with their other words, and the (concept, style) pairs kept out of training."""
    told = tomllib.loads((HERE / "concepts.toml").read_text())
    apart = {(c, s) for c in told["apart"]["concepts"] for s in told["apart"]["styles"]}
    return told["concepts"], apart


def read(names: Sequence[str] | None = None, side: int = SIDE) -> list[dict[str, Any]]:
    """Pool records of these concepts (default all) with `picture`, RGB of one size."""
    from engine.starter.pool import pictures

    pool, wanted = pictures(), None if names is None else set(names)
    found = []
    for row, record in enumerate(pool.records):
        if wanted is None or record["concept"] in wanted:
            drawn = Image.open(io.BytesIO(pool.bytes(row))).convert("RGB")
            size = (side, side)
            found.append({**record, "picture": drawn.resize(size, Image.Resampling.LANCZOS)})
    return found


def outside(picture: Image.Image) -> NDArray[np.bool_]:
    """(h, w) true where the white page shows around the drawing, its soft rim included."""
    from scipy import ndimage

    light = np.asarray(picture.convert("L")) > 235
    # Bordered by page all around, so that one region reaches every open edge.
    parts, _ = ndimage.label(np.pad(light, 1, constant_values=True))
    found = (parts == parts[0, 0])[1:-1, 1:-1]
    rim: NDArray[np.bool_] = found.copy()
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        rim |= np.roll(found, shift, axis)
    return rim


def on_ground(picture: Image.Image, colour: Sequence[int]) -> Image.Image:
    """The page in another colour. Multiplied, so that a soft rim fades into it."""
    pixels, around = np.asarray(picture, np.float32), outside(picture)
    pixels = np.where(around[..., None], pixels * (np.array(colour, np.float32) / 255), pixels)
    return Image.fromarray(pixels.astype(np.uint8))


def recoloured(picture: Image.Image, turn: float, chroma: float, light: float) -> Image.Image:
    """Hues turned (1 is a full circle), colours made weaker or stronger, tones darker or lighter;
    the page stays white.
    """
    pixels = np.asarray(picture, np.float32) / 255
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    spun = pixels @ turning(turn)
    mixed = grey[..., None] + (spun - grey[..., None]) * chroma
    toned = np.clip(mixed, 0, 1) ** light
    return Image.fromarray((np.clip(toned, 0, 1) * 255 + 0.5).astype(np.uint8))


def turning(turn: float) -> Array:
    """A rotation of RGB about its grey axis; greys stay."""
    c, s = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    third, root = 1 / 3, np.sqrt(1 / 3)
    same, up, down = c + third * (1 - c), third * (1 - c) - root * s, third * (1 - c) + root * s
    return np.array([[same, up, down], [down, same, up], [up, down, same]], np.float32).T


def build(copies: int = 16, seed: int = 0, names: Sequence[str] | None = None) -> Drawings:
    """Every drawing `copies` times: half of them as they are (every second one mirrored)."""
    concepts, apart = lesson()
    order = list(concepts) if names is None else list(names)
    # At twice the size, so that the rim of a drawing stays soft on a dark ground.
    records = [r for r in read(order, 2 * SIDE) if (r["concept"], r["style"]) not in apart]
    made = np.random.default_rng(seed)
    rows = [_variant(r, order, k, made) for r in records for k in range(copies)]
    return Drawings(*(np.stack([r[i] for r in rows]) for i in range(6)))


def _variant(record: Mapping[str, Any], order: Sequence[str], k: int, rng: Any) -> tuple[Any, ...]:
    picture, altered = record["picture"], k % 4 == 1
    if altered:
        picture = recoloured(picture, rng.uniform(-0.35, 0.35), rng.uniform(0.1, 1.5),
                             rng.uniform(0.75, 1.5))  # fmt: skip
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    ground = int(rng.integers(1, len(GROUNDS))) if k % 4 >= 2 and k % 8 != 7 else 0
    told = measured(picture)
    colour = np.array(list(GROUNDS.values())[ground], np.float32)
    if ground:
        colour = np.clip(colour + rng.uniform(-12, 12, 3), 0, 255)
        picture = on_ground(picture, colour)
    facts = np.concatenate([told, colour / 255 * 2 - 1]).astype(np.float32)
    small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return (np.asarray(small), np.int16(order.index(record["concept"])),
            np.int16(STYLES.index(record["style"])), facts, np.int16(ground),
            np.bool_(altered))  # fmt: skip


def measured(picture: Image.Image) -> Array:
    """(len(TOLD),) statistics of the drawing on white."""
    from engine.encoders.picture_stats import NAMES, measure

    names = [s.name for s in NAMES]
    return measure(picture)[[names.index(n) for n in TOLD]]
