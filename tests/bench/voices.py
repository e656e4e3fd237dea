"""Simulated people with a hidden voice, for bench tuned: each likes one way of writing.

The judge is a fixed linear reading of raw text (sentence length, contractions, exclamation marks,
and so on): a discriminant of one voice against the others, fitted on the shipped passages by this
file alone. The engine receives none of these measures, and length is not among them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

HEDGES = frozenset("perhaps maybe rather quite somewhat might possibly seems seem probably suppose "
                   "almost".split())  # fmt: skip
STIFF = frozenset("shall whom therefore kindly regarding however furthermore pleased would "
                  "upon which arrangements hereby request should appreciate "
                  "grateful".split())  # fmt: skip
SOFT = frozenset("love dear warm hug gentle kind heart glad hope lovely sweet care dearest "
                 "tender".split())  # fmt: skip
NEAR = frozenset("i you me your my we us our".split())
FAR, RIDGE = 4.0, 0.3


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def _sentences(text: str) -> int:
    return max(1, sum(bool(s.strip()) for s in re.split(r"[.!?]+", text)))


def _share(words: frozenset[str]) -> Callable[[str], float]:
    return lambda t: sum(w in words for w in _words(t)) / max(1, len(_words(t)))


def _per_word(pattern: str) -> Callable[[str], float]:
    found = re.compile(pattern)
    return lambda t: len(found.findall(t.lower())) / max(1, len(_words(t)))


MEASURES: dict[str, Callable[[str], float]] = {
    "sentence length": lambda t: len(_words(t)) / _sentences(t),
    "long words": lambda t: float(np.mean([len(w) for w in _words(t)] or [0])),
    "you and I": _share(NEAR),
    "commas": _per_word(","),
    "questions": lambda t: t.count("?") / _sentences(t),
    "exclaims": lambda t: t.count("!") / _sentences(t),
    "contractions": _per_word(r"[a-z]['’](?:s|t|re|ll|ve|m|d)\b"),
    "hedges": _share(HEDGES),
    "stiff words": _share(STIFF),
    "soft words": _share(SOFT),
    "digits": _per_word(r"\d"),
    "likening": _per_word(r"\b(?:like|as)\b"),
    "pauses": _per_word(r"[;:—]"),
    "the, of": _share(frozenset(("the", "of"))),
    "and, but": _share(frozenset(("and", "but", "so"))),
}


def _raw(texts: Sequence[str]) -> np.ndarray:
    return np.sqrt(np.array([[f(t) for f in MEASURES.values()] for t in texts]))


@dataclass(frozen=True)
class Voice:
    """One person: `utility(text)` is known to them alone."""

    name: str
    weights: np.ndarray
    middle: np.ndarray
    spread: np.ndarray

    def utility(self, text: str) -> float:
        """Clipped, so that one exclamation mark is not a thousand."""
        seen = (_raw([text])[0] - self.middle) / self.spread
        return float(np.clip(seen, -FAR, FAR) @ self.weights)


def people(texts: Sequence[str], voices: Sequence[str]) -> list[Voice]:
    """One person for each voice that occurs, by a shrunken linear discriminant."""
    raw = _raw(texts)
    middle, spread = raw.mean(0), raw.std(0).clip(1e-9)
    seen, names = (raw - middle) / spread, sorted(set(voices))
    who = np.array([names.index(v) for v in voices])
    means = np.array([seen[who == v].mean(0) for v in range(len(names))])
    within = np.cov((seen - means[who]).T)
    inverse = np.linalg.inv(within + RIDGE * np.eye(len(within)))
    table = (means - means.mean(0)) @ inverse
    return [Voice(n, w, middle, spread) for n, w in zip(names, table, strict=True)]


def win(utility: Callable[[str], float], mine: Sequence[str], plain: Sequence[str]) -> float:
    """Share of prompts whose own text is liked more, both cut to the shorter one's words."""
    return float(np.mean([_one(utility, a, b) for a, b in zip(mine, plain, strict=True)]))


def _one(utility: Callable[[str], float], mine: str, plain: str) -> float:
    length = min(len(mine.split()), len(plain.split()))
    if length < 4:
        # A stub is no text: who wrote it has lost.
        return 0.5 if len(mine.split()) == len(plain.split()) else float(
            len(mine.split()) > len(plain.split()))  # fmt: skip
    a, b = (utility(" ".join(t.split()[:length])) for t in (mine, plain))
    return 0.5 if abs(a - b) < 1e-9 else float(a > b)
