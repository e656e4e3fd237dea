"""What the diagnostics share: a history as stacked rows, and an ensemble fitted on halves of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Comparison, Features

Float = NDArray[np.float64]
Z90 = 1.645


@dataclass(frozen=True)
class Stack:
    """n answers by form: rows of `batches[j]` are the answers `places[j]`; skips are in none."""

    n: int
    batches: tuple[laplace.Batch, ...]
    places: tuple[NDArray[np.int64], ...]

    def some(self, wanted: NDArray[np.bool_]) -> list[laplace.Batch]:
        """The batches of the answers where wanted (n,)."""
        kept = [(b, wanted[p]) for b, p in zip(self.batches, self.places, strict=True)]
        return [laplace.Batch(b.form, b.rows[mask]) for b, mask in kept if mask.any()]


def stack(comparisons: Sequence[Comparison], features: Features) -> Stack:
    """Rows of all answers, whose items must all be in `features`."""
    by: dict[laplace.Form, tuple[list[Float], list[int]]] = {}
    for place, c in enumerate(comparisons):
        items = c.question.items
        answer = laplace.read(features.of(items), items, c.outcome, c.strength)
        if answer is not None:
            rows, places = by.setdefault(answer.form, ([], []))
            rows.append(answer.rows)
            places.append(place)
    found = sorted(by.items())
    return Stack(
        len(comparisons),
        tuple(laplace.Batch(form, np.stack(rows)) for form, (rows, _) in found),
        tuple(np.array(places, np.int64) for _, (_, places) in found),
    )


def leans(batch: laplace.Batch) -> Float:
    """(n, D): the gap of each answer, liking of what it says over what it says no to, is this
    times theta. Without the side bias: what is liked, not what is clicked.

    Pick: winner - loser. Tie: both against the level. Grid: mean of the picked - mean of the rest.
    """
    name, m, k = batch.form
    if name == "pick":
        lean = batch.rows[:, 0].copy()
        lean[:, -2] = 0.0
        return lean
    if name == "tie":
        return batch.rows[:, 1]
    # The last item is the origin of a grid's rows, and is never among the k.
    rest = batch.rows[:, k:].sum(1) / (m - k)
    return np.asarray(batch.rows[:, :k].mean(1) - rest)


def halves(
    told: Stack, prior: laplace.Gaussian, log_tie: float, rounds: int, rng: np.random.Generator
) -> Float:
    """(n, rounds) gap of each answer under models fitted without it; nan where it was fitted on.

    `rounds` is even: random splits in two, both halves fitted, so that every answer is judged by
    rounds / 2 models that never saw it.
    """
    gaps = np.full((told.n, rounds), np.nan)
    for pair in range(0, rounds, 2):
        half = rng.permutation(told.n) < told.n / 2
        for k, fitted in enumerate((half, ~half)):
            made, _ = laplace.fit(prior, told.some(fitted), log_tie)
            for batch, places in zip(told.batches, told.places, strict=True):
                gap = leans(batch) @ made.mean
                gaps[places, pair + k] = np.where(fitted[places], np.nan, gap)
    return gaps
