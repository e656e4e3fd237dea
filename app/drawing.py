"""Drawn pictures: the starter model at work, plain and bent to a taste on the same seed.

What is drawn leads on the page when the shipped weights pass their gate (known.py), else the
collection does. A prompt far from what the model was taught is not drawn at all, and the person
hears what it knows. How a drawing is bent stands in bending.py.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.bending import Scene, bent
from app.making import Taste
from app.shelves import CAPTION_ENCODER, ENCODER
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


def ready() -> bool:
    """Whether a picture model ships with this copy."""
    from engine.starter.drawer.known import ships

    return ships()


def leads() -> bool:
    """Whether drawings stand first; the measure and its gate lie beside the weights."""
    from engine.starter.drawer.known import lesson

    return ready() and lesson().leads


def unknown(studio: "Studio", prompt: str) -> str:
    """What a person is told when the model would draw mush; empty when it knows the thing."""
    from engine.starter.drawer.known import nearness

    found = nearness(prompt, lambda texts: studio.maker.encode(CAPTION_ENCODER, texts))
    if found.known:
        return ""
    names = ", ".join(found.nearest[:-1]) + f" or {found.nearest[-1]}"
    return (
        "The small drawing model knows a few dozen everyday things, and this is not one of them. "
        f"Nearest to it: {names}. These are from the collection."
    )


def drawn(
    studio: "Studio", request: Request, wish: Wish, first: int
) -> Iterator[tuple[str, Sample]]:
    """Looks and pictures of both sides; numbers go on from `first`.

    One batch: personal rows, then plain ones with the same noise. Where nothing bends, one row
    serves both sides.
    """
    n = request.n
    strength = wish.strength if wish.taste.answers else 0.0
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
    from engine.starter.drawer.conditions import WHITE, Told

    backbone = model(studio)
    told = [Told(request.prompt, {}, WHITE)] * len(strengths)
    asked = Draw(request.prompt, len(told), request.seed, cancelled=request.cancelled)
    scene = Scene(studio, backbone, wish.taste, tuple(strengths))
    with studio.maker.slot(), bent(scene, told, wish.depth) as rows:
        for sample in backbone.stream(rows, seeds, asked):
            yield _judged(studio, sample, wish.taste)


def model(studio: "Studio") -> Any:
    """The starter model; loaded on first use."""
    return studio.maker.drawer()


def _judged(studio: "Studio", sample: Sample, taste: Taste) -> Sample:
    from PIL import Image

    if not sample.done or not taste.answers or sample.pixels is None:
        return replace(sample, label=LABEL)
    features = studio.maker.encode(ENCODER["picture"], [Image.fromarray(sample.pixels)])
    mean, std = taste.score(features)
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


def settings(request: Request, strength: float, side: str, index: int) -> dict[str, str]:
    """What a drawn picture carries of how it was made: enough to draw it again.

    `index` counts what came from the collection first, as the page does.
    """
    from engine.starter.drawer.known import GUIDANCE, STEPS

    seed = request.seed * ODD + index - request.n
    return {
        "Software": "Penchant",
        "Description": request.prompt,
        "parameters": f"{request.prompt}\nSteps: {STEPS}, CFG scale: {GUIDANCE:g}, Seed: {seed}, "
        f"Model: penchant starter pictures, Taste: {strength if side == 'personal' else 0:g}",
    }


def train(given: Any) -> int:
    """`launch.py train-starter`."""
    from engine.starter.drawer.recipe import run

    return run(given)
