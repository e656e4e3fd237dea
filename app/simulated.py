"""Simulated people: who answers for the examples. They weigh what can be measured, and slip.

A person's liking of a thing is a weighted sum of the statistics that ship with the pools
(engine/encoders/picture_stats.py, text_stats.py), each standardised over the pool, with noise of
the kind that makes Bradley-Terry true. Nothing of a person is hidden in the studio: it learns from
their answers as from anybody's.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Candidate, Kind

if TYPE_CHECKING:
    from app.studio import Studio

# How many a person picks out of a grid of so many; of a pair always one.
GRID, PICKS = 6, 3


@dataclass(frozen=True)
class Simulated:
    """`key` for programs; `name` as the profile is called; weights by the name of a statistic."""

    key: str
    name: str
    picture: Mapping[str, float]
    text: Mapping[str, float]


PEOPLE = (
    Simulated(
        "calm", "Example: calm blue drawings, plain words",
        {"blue parts": 1.2, "cyan parts": 0.6, "busyness": -0.8, "red parts": -0.8},
        {"sentence length": -1.0, "long words": -0.9, "exclamations": -0.8, "commas": -0.6},
    ),
    Simulated(
        "bright", "Example: warm bright drawings, playful words",
        {"colour strength": 1.0, "warmth": 1.2, "black": -0.9},
        {"exclamations": 1.2, "questions": 0.8, "contractions": 0.6, "formality": -0.6},
    ),
    Simulated(
        "ink", "Example: black ink, long thoughtful words",
        {"black": 1.3, "colourfulness": -1.0, "number of colours": -0.6},
        {"ideas": 1.1, "long words": 0.8, "contractions": -0.8, "exclamations": -0.7},
    ),
)  # fmt: skip


class Liking:
    """How much one simulated person likes each thing of a medium, on the scale of the pool."""

    def __init__(self, studio: "Studio", kind: Kind, weights: Mapping[str, float]) -> None:
        self.studio, self.kind = studio, kind
        pool = studio.shelves.pool(kind)
        names = [str(stat[0]) for stat in pool.stat_names]
        self._at = np.array([names.index(name) for name in weights])
        self._weights = np.array(list(weights.values()), np.float64)
        stats = np.asarray(pool.stats, np.float64)
        self._mean, self._sd = stats.mean(0), stats.std(0).clip(1e-6)
        self._known = {str(r["hash"]): row for r, row in zip(pool.records, stats, strict=True)}

    def of(self, thing: Candidate) -> float:
        row = self._known.get(thing.hash)
        if row is None:  # an own thing, or one drawn meanwhile: measured as the pool was
            row = self._known[thing.hash] = self._measured(thing)
        z = ((row - self._mean) / self._sd).clip(-3, 3)
        return float(z[self._at] @ self._weights)

    def _measured(self, thing: Candidate) -> NDArray[np.float64]:
        if self.kind == "text":
            from engine.encoders import text_stats

            return np.asarray(text_stats.measure(thing.text or ""), np.float64)
        from PIL import Image

        from engine.encoders import picture_stats

        body, _ = self.studio.shelves.media(thing)
        picture = Image.open(io.BytesIO(body)).convert("RGB")
        return np.asarray(picture_stats.measure(picture), np.float64)


def picks(liking: Liking, shown: Sequence[Candidate], rng: np.random.Generator) -> list[int]:
    """What they pick, favourite first: logistic choice, so that close calls go either way."""
    felt = [liking.of(c) + rng.gumbel(scale=0.5) for c in shown]
    order = sorted(range(len(shown)), key=lambda k: -felt[k])
    return [shown[k].id for k in order[: PICKS if len(shown) >= GRID else 1]]


def answer(studio: "Studio", who: tuple[int, int], kind: Kind, liking: Liking, seed: Any) -> None:
    """One answer through the studio's own loop, as the card gives it."""
    user, profile = who
    asked: dict[str, Any] = studio.question(user, profile, kind)
    shown = [studio.shelves.candidate(int(i["id"])) for i in asked["items"]]
    picked = picks(liking, shown, np.random.default_rng([*seed, int(asked["id"])]))
    studio.answer(user, int(asked["id"]), {"picks": picked}, key=f"example-{asked['id']}-{profile}",
                  source="simulated")  # fmt: skip
