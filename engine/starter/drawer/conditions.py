"""What the starter picture model is told: words as MiniLM token states, and a vector of facts.

The vector is [sentence 384 | style, one of ten | facts, standardised | which facts are told]. All
parts may be left out, in training at random; what is not told is free. Nothing at all is the
unconditional model of classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from engine.data import Array
from engine.starter.drawer.data import FACTS, STYLES

TOKENS, WORDS = 12, 384
WIDTH = WORDS + len(STYLES) + 2 * len(FACTS)
# Unit sentence vectors have entries near 0.05; brought to the size of the other parts.
LOUD = 8.0


@dataclass(frozen=True)
class Told:
    """One picture's conditions; all may be empty.

    `styles`: weights by name, 1 for one style alone. `facts`: by name of FACTS a value in standard
    units and how firmly it is told, 0 to 1.
    """

    text: str = ""
    styles: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, tuple[float, float]] = field(default_factory=dict)


WHITE = {"ground red": (1.0, 1.0), "ground green": (1.0, 1.0), "ground blue": (1.0, 1.0)}


class Words:
    """Token states and sentence vectors of short texts, remembered; read `size` at a time."""

    def __init__(self, encoder: Any = None, size: int = 64) -> None:
        if encoder is None:
            from engine.encoders.minilm import MiniLM

            encoder = MiniLM()
        self.encoder, self.size = encoder, size
        self._known: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def of(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, TOKENS, 384) states, zero behind the last token; (n, 384) sentence vectors."""
        new = sorted({t for t in texts if t and t not in self._known})
        for start in range(0, len(new), self.size):
            part = new[start : start + self.size]
            states, sentences = self.encoder.states(part, TOKENS)
            for text, state, sentence in zip(part, states, sentences, strict=True):
                self._known[text] = state, sentence
        nothing = torch.zeros(TOKENS, WORDS), torch.zeros(WORDS)
        found = [self._known[t] if t else nothing for t in texts]
        return torch.stack([f[0] for f in found]), torch.stack([f[1] for f in found])


def vector(told: Sequence[Told], sentences: torch.Tensor) -> torch.Tensor:
    """(n, WIDTH) from conditions and their sentence vectors (n, 384)."""
    made = np.zeros((len(told), WIDTH - WORDS), np.float32)
    for row, each in zip(made, told, strict=True):
        for name, weight in each.styles.items():
            row[STYLES.index(name)] = weight
        for name, (value, weight) in each.facts.items():
            k = len(STYLES) + FACTS.index(name)
            row[k], row[k + len(FACTS)] = value * weight, weight
    return torch.cat([sentences * LOUD, torch.from_numpy(made)], 1)


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and deviation of the facts over the training pictures; grounds stay as they are."""

    mean: Array
    std: Array

    @classmethod
    def of(cls, facts: Array) -> "Scale":
        mean, std = facts.mean(0), facts.std(0).clip(1e-6)
        mean[-3:], std[-3:] = 0.0, 1.0
        return cls(mean.astype(np.float32), std.astype(np.float32))

    def apply(self, facts: Array) -> Array:
        return ((facts - self.mean) / self.std).clip(-3, 3)
