"""The shipped picture model: what it was taught, which prompts it knows, and how it is loaded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import Array
from engine.starter.drawer.naming import names

MODEL = Path(__file__).parent / "model"
STEPS, GUIDANCE = 8, 3.0
# Cosine of a prompt to the nearest known thing, under which the model would draw mush.
NEAR = 0.5
# Drawings lead on the Create page where at least this share of them is named (bench starter: the
# thing in the first five, combinations left out of training). The measure stands in lesson.json.
GATE = 0.60


@dataclass(frozen=True, eq=False)
class Lesson:
    """What lesson.json says of the weights beside it: things that it was taught and judged by,
    others it was only taught (`also`). `named`: None until it was measured.
    """

    concepts: tuple[str, ...]
    styles: tuple[str, ...]
    facts: tuple[str, ...]
    mean: Array
    std: Array
    named: float | None = None
    also: tuple[str, ...] = ()

    @property
    def leads(self) -> bool:
        """Whether what is drawn may stand before what is found in the collection."""
        return self.named is not None and self.named >= GATE


@cache
def lesson(folder: Path = MODEL) -> Lesson:
    told = json.loads((folder / "lesson.json").read_text())
    mean, std = (np.array(told[k], np.float32) for k in ("mean", "std"))
    concepts, styles, facts = (tuple(told[k]) for k in ("concepts", "styles", "facts"))
    also = tuple(told.get("also", ()))
    return Lesson(concepts, styles, facts, mean, std, told.get("named"), also)


def ships(folder: Path = MODEL) -> bool:
    return (folder / "lesson.json").exists()


@dataclass(frozen=True)
class Nearness:
    """`known`: the model can draw this. `nearest`: what it knows, best first, in plain words."""

    known: bool
    nearest: tuple[str, ...]
    fit: float


def nearness(prompt: str, encode: Any, count: int = 3) -> Nearness:
    """`encode` texts -> (n, 384) unit vectors. A known word in the prompt is enough."""
    told, asked = lesson(), encode([prompt])[0]
    words = {c: called(c) for c in (*told.concepts, *told.also)}
    said = [c for c in words if any(names(prompt, w) for w in words[c])]
    best = dict.fromkeys(told.concepts, -1.0) | _described(told.concepts, asked)
    # Who names a thing need not wait until all other words are read too.
    spoken = [(c, w) for c in told.concepts if c in own_words() for w in words[c] if not said]
    for (c, _), fit in zip(spoken, _fits(encode, [w for _, w in spoken], asked), strict=True):
        best[c] = max(best[c], float(fit))
    order = [*said, *sorted(set(best) - set(said), key=lambda c: -best[c])]
    top = max(best.values())
    nearest = tuple(plain(c) for c in order[:count])
    return Nearness(bool(said) or top >= NEAR, nearest, top)


def _fits(encode: Any, words: Sequence[str], asked: Array) -> Array:
    found: Array = encode(words) @ asked if words else np.zeros(0, np.float32)
    return found


def own_words() -> dict[str, list[str]]:
    from engine.starter.drawer.data import lesson as words_of

    return words_of()[0]


def plain(concept: str) -> str:
    """What people call it: "monkey" for "monkey face"."""
    return own_words().get(concept, [concept.removesuffix(" face")])[0]


def called(concept: str) -> list[str]:
    """All that it is called."""
    return [concept, plain(concept), *own_words().get(concept, [])]


def _described(concepts: Sequence[str], asked: Array) -> dict[str, float]:
    """How near the collection's own words for a thing are to what is asked for."""
    from engine.starter.pool import pictures

    pool = pictures()
    row = {r["concept"]: k for k, r in enumerate(pool.records)}
    fits = pool.captions @ asked
    return {c: float(fits[row[c]]) for c in concepts if c in row}


def starter(folder: Path | None = None, words: Any = None, device: str = "") -> Any:
    """The shipped model as a Diffusion backbone, in 32 bits on `device`, else on the chosen one.

    `words`: what reads prompts, where it is not MiniLM itself (engine/starter/drawer/pack.py).
    BadModel when its files are damaged.
    """
    from engine.backbones.diffusion import Diffusion
    from engine.device import choose
    from engine.loading import LOADING, fingerprint
    from engine.starter.drawer.conditions import Words
    from engine.starter.drawer.face import Drawer
    from engine.starter.drawer.pipeline import load

    device = device or choose().name
    with LOADING:
        pipe = load(folder or MODEL).to(device)
    name = f"starter-pictures-{fingerprint(pipe.transformer)}"
    return Diffusion(name, Drawer(pipe, words or Words()), device, STEPS, GUIDANCE)
