"""Captions for the drawings: the same thing said in many ways, with what else is true of it.

Some captions say the style or the ground in words, most leave them to the facts; words that the
drawings do not show (sleepy, little, ...) are mixed in, so that they do no harm in a prompt.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.starter.drawer.data import GROUNDS, STYLES, lesson, widened

# How people may call each drawing style.
SPOKEN = {
    "flat": ("flat", "flat colours"),
    "ink": ("black and white ink", "line art"),
    "clay": ("3d clay", "glossy 3d"),
    "bright": ("bright cartoon", "cartoon"),
    "blob": ("soft blob", "soft and simple"),
    "fox": ("playful hand drawn", "hand drawn"),
    "tidy": ("tidy flat", "clean vector"),
    "round": ("rounded and shaded", "shaded cartoon"),
    "stencil": ("stencil", "bold black outline"),
    "sketch": ("outlined sketch", "thin outlines"),
}
MOODS = ("sleepy", "happy", "little", "old", "big", "funny", "cute", "beautiful", "lonely", "shiny")
FORMS = ("{thing}", "a {thing}", "the {thing}", "a drawing of a {thing}", "{thing} icon")
PER_STYLE, PER_GROUND = 8, 3


def caption(thing: str, made: Any, style: str = "", ground: str = "") -> str:
    """One way to say it."""
    if made.random() < 0.25:
        thing = f"{made.choice(MOODS)} {thing}"
    said = str(made.choice(FORMS)).format(thing=thing)
    if style and made.random() < 0.5:
        words = made.choice(SPOKEN[style])
        said = f"{said}, {words}" if made.random() < 0.6 else f"{words} {said}"
    if ground and made.random() < 0.6:
        said += f" on {'a ' if made.random() < 0.5 else ''}{ground} background"
    return said


class Captions:
    """All captions there are, by number: `choose` finds one that is true of a drawing."""

    def __init__(self, seed: int = 0, concepts: Sequence[str] | None = None) -> None:
        lessons = widened()
        made = np.random.default_rng(seed)
        self.texts: list[str] = [""]
        number: dict[str, int] = {"": 0}
        self._true: dict[tuple[int, str], list[int]] = {}
        for c, concept in enumerate(concepts or lesson()[0]):
            things = [concept, *lessons[concept], lessons[concept][0]]
            for key, count in self._keys():
                style, ground = (key, "") if key in STYLES else ("", key)
                for _ in range(count):
                    said = caption(str(made.choice(things)), made, style, ground)
                    k = number.setdefault(said, len(self.texts))
                    if k == len(self.texts):
                        self.texts.append(said)
                    self._true.setdefault((c, key), []).append(k)

    @staticmethod
    def _keys() -> list[tuple[str, int]]:
        return [*((s, PER_STYLE) for s in STYLES), *((g, PER_GROUND) for g in GROUNDS)]

    def choose(self, concept: int, style: int, ground: int, made: Any) -> int:
        key = STYLES[style] if made.random() < 0.65 else list(GROUNDS)[ground]
        return int(made.choice(self._true[concept, key]))
