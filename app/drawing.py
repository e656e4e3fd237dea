"""Drawn pictures: the starter model at work, plain and leaning to a taste on the same seed.

The collection stays the first result while the model's drawings are sketches (its card says why);
a prompt far from what it was taught is not drawn at all, and the person hears what it knows.
"""

import base64
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from app.making import Taste
from app.shelves import CAPTION_ENCODER, ENCODER
from engine.data import Draw, Request, Sample

if TYPE_CHECKING:
    from app.studio import Studio

LABEL = "drawn"
ODD = 7919


def ready() -> bool:
    """Whether a picture model ships with this copy."""
    from engine.starter.drawer.known import ships

    return ships()


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
    studio: "Studio", request: Request, taste: Taste, strength: float, first: int
) -> Iterator[tuple[str, Sample]]:
    """Looks and pictures of both sides; numbers go on from `first`."""
    from engine.starter.drawer.conditions import WHITE, Told
    from engine.starter.drawer.known import starter
    from engine.steering.leaning import leaning

    backbone = studio.maker.part("starter pictures", starter)
    plain = Told(request.prompt, {}, WHITE)
    mine = leaning(plain, lean(studio, taste), strength) if taste.answers else plain
    seeds = [request.seed * ODD + i for i in range(request.n)]
    asked = Draw(request.prompt, request.n, request.seed, cancelled=request.cancelled)
    prompts = [mine] * request.n + [plain] * request.n
    with studio.maker.slot():
        for sample in backbone.stream(prompts, seeds + seeds, asked):
            side, index = ("personal", "plain")[sample.index // request.n], sample.index % request.n
            yield side, _placed(studio, sample, first + index, taste)


def lean(studio: "Studio", taste: Taste) -> Any:
    """The person's lean, read from the liking of the whole collection."""
    from engine.starter.drawer.data import TOLD
    from engine.starter.drawer.known import lesson
    from engine.steering.leaning import from_scores

    pool, told = studio.shelves.pool("picture"), lesson()
    names = [s.name for s in pool.stat_names]
    columns = [names.index(n) for n in TOLD]
    facts = (pool.stats[:, columns] - told.mean[: len(TOLD)]) / told.std[: len(TOLD)]
    mean, _ = taste.score(pool.features)
    return from_scores(mean, [r["style"] for r in pool.records], facts, (told.styles, TOLD))


def _placed(studio: "Studio", sample: Sample, index: int, taste: Taste) -> Sample:
    from dataclasses import replace

    from PIL import Image

    if not sample.done or not taste.answers or sample.pixels is None:
        return replace(sample, index=index, label=LABEL)
    features = studio.maker.encode(ENCODER["picture"], [Image.fromarray(sample.pixels)])
    mean, std = taste.score(features)
    label = f"{LABEL}, {sample.label}" if sample.label else LABEL
    return replace(sample, index=index, label=label, score=float(mean[0]), std=float(std[0]))


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


def settings(request: Request, strength: float, side: str, index: int) -> dict[str, str]:
    """What a drawn picture carries of how it was made: enough to draw it again."""
    from engine.starter.drawer.known import GUIDANCE, STEPS

    seed = request.seed * ODD + index
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
