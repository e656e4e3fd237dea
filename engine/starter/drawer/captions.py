"""Captions for the drawings: the same thing said in many ways, with what else is true of it.

Some captions say the style or the ground in words, most leave them to the facts; words that the
drawings do not show (sleepy, little, ...) are mixed in, so that they do no harm in a prompt.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.starter.drawer.data import GROUNDS, STYLES, lesson

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
PER_STYLE, PER_GROUND = 8, 4


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
    """All captions there are, by number. `table` (concepts, styles + grounds, PER_STYLE): the
    numbers of those that are true of a concept in a style, or on a ground.
    """

    def __init__(self, seed: int = 0, concepts: Sequence[str] | None = None) -> None:
        made = np.random.default_rng(seed)
        number: dict[str, int] = {"": 0}
        names = self.names = list(concepts or lesson()[0])
        keys = [*((s, "") for s in STYLES), *(("", g) for g in GROUNDS)]
        self.table = np.zeros((len(names), len(keys), PER_STYLE), np.int32)
        for c, concept in enumerate(names):
            things = [*self.things(concept), self.things(concept)[-1]]
            for k, (style, ground) in enumerate(keys):
                said = [caption(str(made.choice(things)), made, style, ground)
                        for _ in range(PER_STYLE if style else PER_GROUND)]  # fmt: skip
                rows = [number.setdefault(s, len(number)) for s in said]
                self.table[c, k] = np.resize(rows, PER_STYLE)
        self.texts = list(number)

    @staticmethod
    def things(concept: str) -> list[str]:
        """What a concept is called, its plainest word last."""
        words = lesson()[0].get(concept, [])
        return [concept, *words, *words[:1]]
