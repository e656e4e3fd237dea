"""Drawn pictures: the picture model at work, plain and bent to a taste on the same seed.

What is drawn leads on the page when the shipped weights pass their gate (known.py), else the
collection does. A prompt far from what the shipped model was taught is not drawn at all, and the
person hears what it knows. Which model draws stands in picture_models.py, how it is bent in
bending.py.
"""

import base64
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.bending import Scene, bent
from app.making import Taste
from app.shelves import CAPTION_ENCODER
from engine.data import Draw, Request, Sample

if TYPE_CHECKING:
    from app.studio import Studio

LABEL = "drawn"
ODD = 7919
STRIP = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Wish:
    """What a drawing takes from the page: whose taste, how strongly, by what depth."""

    taste: Taste
    strength: float
    depth: str

    @property
    def used(self) -> float:
        """The strength that a drawing gets: there is no taste before the first answer."""
        return self.strength if self.taste.answers else 0.0


def ready(studio: "Studio") -> bool:
    """Whether there is a picture model."""
    return not studio.maker.draws.why_not


def unknown(studio: "Studio", prompt: str) -> str:
    """Why a prompt is not drawn; empty when it is."""
    draws = studio.maker.draws
    if draws.why_not:
        return str(draws.why_not)
    found = draws.unknown(prompt, lambda texts: studio.maker.encode(CAPTION_ENCODER, texts))
    return str(found)


def drawn(
    studio: "Studio", request: Request, wish: Wish, first: int
) -> Iterator[tuple[str, Sample]]:
    """Looks and pictures of both sides; numbers go on from `first`.

    One batch: personal rows, then plain ones with the same noise. Where nothing bends, one row
    serves both sides.
    """
    n = request.n
    strength = wish.used
    sides = ("personal", "plain")
    strengths = [strength] * n + ([0.0] * n if strength else [])
    seeds = [request.seed * ODD + i for i in range(n)] * (2 if strength else 1)
    for sample in _batch(studio, request, wish, strengths, seeds):
        index = first + sample.index % n
        for side in sides if not strength else (sides[sample.index // n],):
            yield side, replace(sample, index=index)


def strip(studio: "Studio", request: Request, wish: Wish, index: int) -> Iterator[Sample]:
    """One picture of one seed at the strengths of STRIP, in one batch."""
    seeds = [request.seed * ODD + index] * len(STRIP)
    yield from _batch(studio, request, wish, list(STRIP), seeds)


def _batch(
    studio: "Studio", request: Request, wish: Wish, strengths: Sequence[float], seeds: list[int]
) -> Iterator[Sample]:
    backbone = model(studio)
    told = [studio.maker.draws.told(request.prompt)] * len(strengths)
    asked = Draw(request.prompt, len(told), request.seed, cancelled=request.cancelled)
    scene = Scene(studio, backbone, wish.taste, tuple(strengths))
    with studio.maker.slot(), bent(scene, told, wish.depth) as rows:
        begun = time.monotonic()
        for sample in backbone.stream(rows, seeds, asked):
            yield _judged(sample, wish.taste)
        if not request.cancelled():
            studio.maker.pace = (time.monotonic() - begun) / len(told)


def model(studio: "Studio") -> Any:
    """The picture model, loaded on first use; Unavailable says why there is none."""
    return studio.maker.drawer()


def _judged(sample: Sample, taste: Taste) -> Sample:
    from PIL import Image

    if sample.pixels is None:
        return sample
    if not sample.done or not taste.answers:
        return replace(sample, label=LABEL)
    mean, std = taste.score(taste.read([Image.fromarray(sample.pixels)]))
    label = f"{LABEL}, {sample.label}" if sample.label else LABEL
    return replace(sample, label=label, score=float(mean[0]), std=float(std[0]))


def as_url(pixels: Any, about: dict[str, str] | None = None) -> str:
    """A PNG as a data URL; `about` is written into it for tools that read it."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    for key, value in (about or {}).items():
        told.add_text(key, value)
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(out, "PNG", pnginfo=told, optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def from_url(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2])


def bare(body: bytes) -> bytes:
    """The same PNG without any words in it."""
    from PIL import Image

    return from_url(as_url(Image.open(io.BytesIO(body), formats=("PNG",)).convert("RGB")))


def settings(draws: Any, request: Request, wish: Wish, side: str, index: int) -> dict[str, str]:
    """What a drawn picture carries of how it was made: enough to draw it again, where the taste
    is still the same. Nothing of the taste itself is told.

    `index` counts what came from the collection first, as the page does.
    """
    steps, guidance = draws.how()
    seed = request.seed * ODD + index - request.n
    taste = wish.used if side == "personal" else 0.0
    bent = f"Taste: {taste:g}" + (f", Depth: {wish.depth}" if taste else "")
    return {
        "Software": "Penchant",
        "Description": request.prompt,
        "parameters": f"{request.prompt}\nSteps: {steps}, CFG scale: {guidance:g}, Seed: {seed}, "
        f"Model: {draws.title}, {bent}",
    }


def train(given: Any) -> int:
    """`launch.py train-starter`."""
    from engine.starter.drawer.recipe import run

    return run(given)
