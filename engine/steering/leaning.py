"""Leaning: what a picture model is told besides the prompt, moved towards what a person likes.

The belief's scores over the collection are read as a linear taste over drawing styles and measured
facts (ridge regression, so that a style gets no credit for its facts); the liked styles and the
strongest facts become conditions. Needs a model that was taught these conditions; trains nothing.
At strength 0 the conditions are the plain ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array

RIDGE, MOST, SHARP, REACH = 5.0, 4, 2.5, 1.5


@dataclass(frozen=True)
class Lean:
    """`styles`: weights that sum to 1. `facts`: values in standard units."""

    styles: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)

    def __mul__(self, factor: float) -> "Lean":
        return Lean({k: v * factor for k, v in self.styles.items()},
                    {k: v * factor for k, v in self.facts.items()})  # fmt: skip

    def __add__(self, other: "Lean") -> "Lean":
        return Lean(_sum(self.styles, other.styles), _sum(self.facts, other.facts))


def _sum(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    return {k: a.get(k, 0.0) + b.get(k, 0.0) for k in dict.fromkeys((*a, *b))}


def from_scores(
    scores: NDArray[Any],
    styles: Sequence[str],
    facts: Array,
    names: tuple[Sequence[str], Sequence[str]],
) -> Lean:
    """scores (n,) liking of items, styles (n,) theirs, facts (n, f) in standard units.

    `names`: of all styles and of all facts, in the model's order. Equal scores lean nowhere.
    """
    every, told = names
    spread = float(np.std(scores))
    if spread < 1e-9:
        return Lean()
    onehot = (np.asarray(styles)[:, None] == np.asarray(every)[None]).astype(np.float64)
    x = np.concatenate([onehot - onehot.mean(0), facts - facts.mean(0)], 1)
    y = (np.asarray(scores, np.float64) - np.mean(scores)) / spread
    found = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    # A style is liked for itself and for the facts that come with it.
    whole = np.array([y[onehot[:, k] > 0].mean() if onehot[:, k].any() else -9.0
                      for k in range(len(every))])  # fmt: skip
    weights = np.exp(SHARP * (whole - whole.max()))
    weights[weights < 0.15] = 0.0
    weights /= weights.sum()
    slopes = found[len(every) :]
    strong = np.argsort(-np.abs(slopes))[:MOST]
    return Lean(
        {every[k]: float(w) for k, w in enumerate(weights) if w},
        {told[k]: float(np.clip(REACH * slopes[k] / 0.35, -REACH, REACH)) for k in strong
         if abs(slopes[k]) > 0.05},
    )  # fmt: skip


def leaning(told: Any, lean: Lean, strength: float) -> Any:
    """`told` (a value with `styles` and `facts`) moved by `strength`; what was said stays said."""
    if not strength or not (lean.styles or lean.facts):
        return told
    styles = told.styles or {k: v * strength for k, v in lean.styles.items()}
    more = {k: (v, min(1.0, strength)) for k, v in lean.facts.items() if k not in told.facts}
    return replace(told, styles=styles, facts={**more, **told.facts})
