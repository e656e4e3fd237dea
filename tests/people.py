"""Simulated people with tastes that are linear in given features; never shown to anybody."""

from dataclasses import dataclass

import numpy as np

from engine.data import Array, Comparison, Features, Outcome, Question


@dataclass(frozen=True)
class Linear:
    """Likes x by u . x; answers with Gumbel noise of the given temperature."""

    u: Array
    noise: float = 1.0

    def answer(self, shown: Array, ids: tuple[int, ...], rng: np.random.Generator) -> Outcome:
        scores = shown @ self.u + self.noise * rng.gumbel(size=len(shown))
        k = 1 if len(ids) < 6 else 3
        return Outcome(tuple(ids[i] for i in np.argsort(-scores)[:k]))


def world(rng: np.random.Generator, n: int = 400, d: int = 16) -> Features:
    matrix = rng.standard_normal((n, d)).astype(np.float32)
    return Features("test:space", np.arange(100, 100 + n, dtype=np.int64), matrix)


def asked(
    features: Features, rows: np.ndarray, person: Linear, rng: np.random.Generator, seq: int
) -> Comparison:
    """A question about these rows and the person's answer to it."""
    ids = tuple(int(i) for i in features.ids[rows])
    question = Question(seq, 1, "picture", ids)
    return Comparison(seq, question, person.answer(features.matrix[rows], ids, rng))
