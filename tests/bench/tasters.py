"""Simulated people for benches: hidden tastes over raw pixels and raw text.

Each person mixes a few measures, all computed here from the pixels or the words alone, zero-mean
and unit-variance over the pool, with weights drawn from N(0, 1): so tastes cancel out across
people and nothing is liked by everybody. The engine never sees these measures.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Shown:
    """What a person sees: `pixels` (h, w, 3) uint8 for a picture, `text` for a passage."""

    id: int
    kind: str
    pixels: Any = None
    text: str = ""


def _luma(p: np.ndarray) -> np.ndarray:
    return p.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255


def _ink(p: np.ndarray) -> np.ndarray:
    return _luma(p) < 0.97


def _warm(p: np.ndarray) -> float:
    return float((p[..., 0].astype(int) - p[..., 2])[_ink(p)].mean()) if _ink(p).any() else 0.0


def _dark(p: np.ndarray) -> float:
    return float((_luma(p) < 0.25).mean())


def _vivid(p: np.ndarray) -> float:
    ink = p[_ink(p)].astype(int)
    return float((ink.max(-1) - ink.min(-1)).mean()) if len(ink) else 0.0


def _busy(p: np.ndarray) -> float:
    g = _luma(p)
    return float(np.abs(np.diff(g, axis=0)).mean() + np.abs(np.diff(g, axis=1)).mean())


def _soft(p: np.ndarray) -> float:
    d = np.abs(np.diff(_luma(p), axis=1))
    return float(((d > 0.002) & (d < 0.04)).mean())


def _mirror(p: np.ndarray) -> float:
    g = _luma(p)
    return -float(np.abs(g - g[:, ::-1]).mean())


def _full(p: np.ndarray) -> float:
    return float(_ink(p).mean())


def _green(p: np.ndarray) -> float:
    return float((p[..., 1].astype(int) - p[..., [0, 2]].max(-1) > 10).mean())


def _words(t: str) -> list[str]:
    return re.findall(r"[a-z']+", t.lower())


def _sentences(t: str) -> int:
    return max(1, len(re.findall(r"[.!?]+", t)))


VISIBLE: dict[str, Callable[[np.ndarray], float]] = {
    "warm": _warm, "dark": _dark, "vivid": _vivid, "busy": _busy,
    "soft": _soft, "mirror": _mirror, "full": _full, "green": _green,
}  # fmt: skip
READABLE: dict[str, Callable[[str], float]] = {
    "short sentences": lambda t: -len(_words(t)) / _sentences(t),
    "long words": lambda t: float(np.mean([len(w) for w in _words(t)] or [0])),
    "you and I": lambda t: (
        sum(w in ("i", "you", "me", "your", "my", "we") for w in _words(t)) / max(1, len(_words(t)))
    ),
    "commas": lambda t: t.count(",") / _sentences(t),
    "lively": lambda t: t.count("!") + t.count("?"),
    "length": lambda t: float(len(_words(t))),
}


def measures(shown: Sequence[Shown]) -> np.ndarray:
    """(n, k) of the measures of one medium, standardised over the given items."""
    raw = _raw(shown)
    flat = _flat(raw, np.median(raw, 0))
    return (flat - flat.mean(0)) / flat.std(0).clip(1e-9)


def measure_text(text: str, base: Sequence[Shown]) -> np.ndarray:
    """(k,) of a new text, on the scale of the given passages."""
    raw = _raw(base)
    flat = _flat(raw, np.median(raw, 0))
    one = _flat(_raw([Shown(0, "text", text=text)]), np.median(raw, 0))[0]
    return (one - flat.mean(0)) / flat.std(0).clip(1e-9)


def measures_of(new: Sequence[Shown], base: Sequence[Shown]) -> np.ndarray:
    """(n, k) of new things, on the scale of the given ones."""
    raw = _raw(base)
    middle = np.median(raw, 0)
    flat = _flat(raw, middle)
    return (_flat(_raw(new), middle) - flat.mean(0)) / flat.std(0).clip(1e-9)


def _raw(shown: Sequence[Shown]) -> np.ndarray:
    if shown[0].kind == "picture":
        return np.array([[f(s.pixels) for f in VISIBLE.values()] for s in shown])
    return np.array([[f(s.text) for f in READABLE.values()] for s in shown])


def _flat(raw: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Square roots around the middle: the ten-fold is not ten times as nice."""
    return np.sign(raw - middle) * np.sqrt(np.abs(raw - middle))


@dataclass(frozen=True)
class Person:
    """Utilities of all items, known only to the person: {id: liking}."""

    name: str
    likes: dict[int, float]
    weights: np.ndarray

    def utility(self, shown: Any) -> float:
        return self.likes[shown.id]


def people(rng: np.random.Generator, shown: Sequence[Shown], n: int) -> list[Person]:
    """n people; each cares about one to four measures."""
    table = measures(shown)
    names = list(VISIBLE if shown[0].kind == "picture" else READABLE)
    found = []
    for _ in range(n):
        weights = np.zeros(table.shape[1])
        cares = rng.choice(len(weights), int(rng.integers(1, 5)), replace=False)
        weights[cares] = rng.standard_normal(len(cares))
        values = table @ weights
        values = (values - values.mean()) / max(float(values.std()), 1e-9)
        label = " ".join(f"{weights[k]:+.1f} {names[k]}" for k in cares)
        likes = {s.id: float(v) for s, v in zip(shown, values, strict=True)}
        found.append(Person(label, likes, weights))
    return found


def reply(person: Any, items: Sequence[Shown], rng: np.random.Generator, slip: float = 0.1) -> Any:
    """The outcome a person sends: the better of a pair, the best three of nine, one of three.

    With probability `slip` the hand slips: the other one of a pair, random ones of a grid.
    """
    k = 1 if len(items) < 6 else 3
    order = sorted(items, key=lambda s: -person.utility(s))
    picks = [s.id for s in order[:k]]
    if rng.random() < slip:
        if len(items) == 2:
            return {"picks": [order[1].id]}
        picks = [items[i].id for i in rng.choice(len(items), k, replace=False)]
    return {"picks": picks}
