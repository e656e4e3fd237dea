"""The shipped picture model: what it was taught, which prompts it knows, and how it is loaded."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import Array

MODEL = Path(__file__).parent / "model"
STEPS, GUIDANCE = 8, 3.0
# Cosine of a prompt to the nearest known thing, under which the model would draw mush.
NEAR = 0.5
# Drawings lead on the Create page where at least this share of them is named (bench starter: the
# thing in the first five, combinations left out of training). The measure stands in lesson.json.
GATE = 0.60


@dataclass(frozen=True, eq=False)
class Lesson:
    """What lesson.json says of the weights beside it. `named`: None until it was measured."""

    concepts: tuple[str, ...]
    styles: tuple[str, ...]
    facts: tuple[str, ...]
    mean: Array
    std: Array
    named: float | None = None

    @property
    def leads(self) -> bool:
        """Whether what is drawn may stand before what is found in the collection."""
        return self.named is not None and self.named >= GATE


@cache
def lesson(folder: Path = MODEL) -> Lesson:
    told = json.loads((folder / "lesson.json").read_text())
    mean, std = (np.array(told[k], np.float32) for k in ("mean", "std"))
    concepts, styles, facts = (tuple(told[k]) for k in ("concepts", "styles", "facts"))
    return Lesson(concepts, styles, facts, mean, std, told.get("named"))


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
    from engine.starter.drawer.data import lesson as words_of

    spoken = words_of()[0]
    known = [c for c in lesson().concepts if c in spoken]
    things = [(c, w) for c in known for w in (c, *spoken[c])]
    vectors = encode([w for _, w in things])
    fits = vectors @ encode([prompt])[0]
    best = {c: max(f for (k, _), f in zip(things, fits, strict=True) if k == c) for c in known}
    said = [c for c, w in things if _says(prompt, w)]
    order = sorted(known, key=lambda c: (c not in said, -best[c]))
    top = float(best[order[0]])
    return Nearness(bool(said) or top >= NEAR, tuple(spoken[c][0] for c in order[:count]), top)


def _says(prompt: str, word: str) -> bool:
    return f" {word.lower()} " in f" {' '.join(prompt.lower().replace(',', ' ').split())} "


def starter(folder: Path = MODEL) -> Any:
    """The shipped model as a Diffusion backbone, in 32 bits on the CPU or the chosen device."""
    from engine.backbones.diffusion import Diffusion
    from engine.device import choose
    from engine.loading import LOADING, fingerprint
    from engine.starter.drawer.conditions import Words
    from engine.starter.drawer.face import Drawer
    from engine.starter.drawer.pipeline import load

    device = choose().name
    with LOADING:
        pipe = load(folder).to(device)
    name = f"starter-pictures-{fingerprint(pipe.transformer)}"
    return Diffusion(name, Drawer(pipe, Words()), device, STEPS, GUIDANCE)
