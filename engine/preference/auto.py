"""Which belief to use for a person: by held-out evidence, never by taste.

Candidates say how likely they held what people they were not fitted on then chose. Each is first
made as confident as it is right (calibration on the same people: Platt 1999); stacking then finds
the mixture with the best mean log score (Yao, Vehtari, Simpson & Gelman 2018, eq. 4), all people
counting alike. Where the mixture is not better than the population model by more than chance (the
paired 95 % interval over people reaches zero), personal terms do not pay and the population model
is used alone. Assumes that the person who comes is drawn like those the evidence is from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import laplace

Float = NDArray[np.float64]
LEAST = 1e-6
SHARP = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True)
class Choice:
    """weights by name, summing to 1; sharp by name: see temper. gain over the population model in
    nats a comparison: mean, low, high.
    """

    weights: Mapping[str, float]
    sharp: Mapping[str, float]
    gain: tuple[float, float, float]
    why: str

    def mix(self, probs: Mapping[str, Float]) -> Float:
        """(m,) the blend of what its candidates say of each comparison."""
        parts = [w * temper(probs[n], self.sharp[n]) for n, w in self.weights.items()]
        return np.asarray(np.sum(parts, 0))


def temper(probs: Float, sharp: float) -> Float:
    """The same order, other confidence: `sharp` multiplies the log odds (Platt 1999, no offset)."""
    p = probs.clip(LEAST, 1.0 - LEAST)
    return np.asarray(laplace.sigmoid(sharp * (np.log(p) - np.log1p(-p))))


def stack(probs: Float, share: Float, rounds: int = 200) -> Float:
    """Weights (c,) of a mixture of c candidates; probs (m, c) of what happened; share (m,) of each
    comparison in the mean. EM: concave, so that the start does not matter.
    """
    weights = np.full(probs.shape[1], 1.0 / probs.shape[1])
    probs = probs.clip(LEAST)
    for _ in range(rounds):
        parts = probs * weights
        new = share @ (parts / parts.sum(1, keepdims=True)) / share.sum()
        if np.abs(new - weights).max() < 1e-6:
            break
        weights = new
    return np.asarray(new)


def choose(probs: Mapping[str, Float], who: NDArray[np.int64], population: str) -> Choice:
    """probs: for each candidate, (m,) probability given to what then happened; who (m,) people."""
    names = list(probs)
    _, person, counts = np.unique(who, return_inverse=True, return_counts=True)
    share = 1.0 / counts[person]
    sharp = {n: max(SHARP, key=lambda t: float(share @ np.log(temper(probs[n], t)))) for n in names}
    table = np.stack([temper(probs[n], sharp[n]) for n in names], 1)
    found = stack(table, share)
    found = np.where(found < 0.02, 0.0, found)
    found /= found.sum()
    logs = np.log(table @ found) - np.log(table[:, names.index(population)])
    gain = interval(np.bincount(person, logs) / counts)
    if gain[1] <= 0:
        why = "personal terms do not pay on people held out: the population model alone"
        return Choice({population: 1.0}, sharp, gain, why)
    weights = {n: float(w) for n, w in zip(names, found, strict=True) if w > 0}
    lead = max(weights, key=weights.__getitem__)
    why = f"mostly {lead}: {gain[0]:.3f} nats a comparison better than the population alone"
    return Choice(weights, sharp, gain, why)


def interval(values: Float | Sequence[float]) -> tuple[float, float, float]:
    """Mean over people and its 95 % interval (normal); low and high are infinite for one person."""
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, -np.inf, np.inf
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, mean - half, mean + half
