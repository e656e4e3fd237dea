"""Do the per cents mean something: of what was given 80 %, did 80 % happen?

A reliability table over predictions made before their answers, the expected calibration error,
and a map that mends it without ever changing which one is rated higher. Paper 35 reads maximum
likelihood as learning an ordinal utility that maps back to probabilities; its equation was not
found, and only that reading is used: a monotone recalibration. Two maps: a temperature (Guo et al.
2017; one number, for few answers) and an isotone curve (Ayer et al. 1955, drawn straight between
the middles of its blocks and therefore strictly rising). Assumes that a person answers tomorrow as
they did yesterday. Wilson intervals, 90 %.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.prequential import Tally

Float = NDArray[np.float64]
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TEMPERATURES = np.geomspace(0.05, 20.0, 241)
PULL = 1.0
FOLDS = 5
LEAST = 1e-6


@dataclass(frozen=True)
class Bin:
    """Predictions between low and high: how many, their mean, the share that came true."""

    low: float
    high: float
    n: int
    said: float
    happened: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Reliability:
    bins: tuple[Bin, ...]
    error: float
    n: int


def reliability(
    confidence: Float, right: NDArray[np.bool_], edges: Sequence[float] = EDGES
) -> Reliability:
    """confidence (n,) given to what was thought likeliest, right (n,) whether that happened.

    `error` is the expected calibration error, sum over bins of n_b / n |said - happened|
    (Naeini et al. 2015). Empty bins are left out.
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, len(edges) - 2)
    bins, error = [], 0.0
    for k in range(len(edges) - 1):
        held = place == k
        n = int(held.sum())
        if n:
            said, hits = float(confidence[held].mean()), float(right[held].sum())
            bins.append(Bin(edges[k], edges[k + 1], n, said, hits / n, Tally(hits, n).interval()))
            error += n / len(confidence) * abs(said - hits / n)
    return Reliability(tuple(bins), error, len(confidence))


def confidences(predicted: Float) -> tuple[Float, NDArray[np.bool_]]:
    """From the probability given to what then happened: that of the likelier, and whether right."""
    predicted = np.asarray(predicted, np.float64)
    return np.maximum(predicted, 1 - predicted), predicted > 0.5


@dataclass(frozen=True)
class Curve:
    """A strictly rising map of probabilities, straight between (x, y)."""

    x: Float
    y: Float

    def __call__(self, p: Float) -> Float:
        """p (n,), or (n, c) for c options: then each row is brought back to a sum of one."""
        p = np.asarray(p, np.float64)
        made = np.interp(p, self.x, self.y)
        return made if p.ndim == 1 else made / made.sum(1, keepdims=True)


@dataclass(frozen=True)
class Temperature:
    """Log odds over t: above 1 it was too sure."""

    t: float

    def __call__(self, p: Float) -> Float:
        """p (n,) or (n, c); the order of options stays."""
        p = np.asarray(p, np.float64)
        both = p if p.ndim == 2 else np.stack([p, 1 - p], 1)
        made = _softened(np.log(both.clip(1e-300)), self.t)
        return made if p.ndim == 2 else made[:, 0]


def temperature(p: Float, chosen: NDArray[np.int64]) -> Temperature:
    """p (n, c), chosen (n,): the likeliest t under log t ~ N(0, PULL^2)."""
    logs = np.log(np.asarray(p, np.float64).clip(1e-300))
    rows = np.arange(len(chosen))
    worth = [
        float(np.log(_softened(logs, t)[rows, chosen].clip(1e-300)).sum())
        - 0.5 * (np.log(t) / PULL) ** 2
        for t in TEMPERATURES
    ]
    return Temperature(float(TEMPERATURES[int(np.argmax(worth))]))


def isotone(p: Float, happened: Float) -> Curve:
    """Pool adjacent violators on p (n,) against happened (n,) of 0 and 1."""
    order = np.argsort(p, kind="stable")
    blocks: list[list[float]] = []  # sum of p, sum of happened, n
    for x, y in zip(np.asarray(p)[order], np.asarray(happened, np.float64)[order], strict=True):
        blocks.append([float(x), float(y), 1.0])
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][2] >= blocks[-1][1] / blocks[-1][2]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    n = len(order)
    x = np.array([0.0, *(b[0] / b[2] for b in blocks), 1.0])
    # Never quite 0 or 1, and rising at both ends: the likeliest stays the likeliest.
    inner = np.array([b[1] / b[2] for b in blocks]).clip(0.5 / (n + 1), 1 - 0.5 / (n + 1))
    y = np.array([inner[0] / 2, *inner, (1 + inner[-1]) / 2])
    keep = np.concatenate([[True], np.diff(x) > 1e-12])
    return Curve(x[keep], y[keep])


def fit(p: Float, chosen: NDArray[np.int64]) -> Callable[[Float], Float]:
    """The better of the two maps for p (n, c) and what was chosen (n,), by held-out log score."""
    p, chosen = np.asarray(p, np.float64), np.asarray(chosen, np.int64)
    made = {"temperature": _warm, "isotone": _curved}
    fold = np.arange(len(p)) % FOLDS
    worth = dict.fromkeys(made, 0.0)
    for k in range(FOLDS):
        for name, make in made.items():
            out = make(p[fold != k], chosen[fold != k])(p[fold == k])
            worth[name] += float(
                np.log(out[np.arange(len(out)), chosen[fold == k]].clip(LEAST)).sum()
            )
    return made[max(worth, key=worth.__getitem__)](p, chosen)


def _warm(p: Float, chosen: NDArray[np.int64]) -> Callable[[Float], Float]:
    return temperature(p, chosen)


def _curved(p: Float, chosen: NDArray[np.int64]) -> Callable[[Float], Float]:
    return isotone(p.ravel(), (np.arange(p.shape[1]) == chosen[:, None]).astype(float).ravel())


def _softened(logs: Float, t: float) -> Float:
    z = logs / t
    z = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(z / z.sum(1, keepdims=True))
