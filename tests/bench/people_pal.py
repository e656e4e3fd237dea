"""PAL on top of the population's score, over items that many people judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.preference import pal
from engine.preference.population import Items
from tests.bench.people_data import Asked, Float

PAIRS = 40
SPACE = "bench:items"


@dataclass(frozen=True)
class OfPal:
    """base (n,) in logits; z (n, d) what PAL sees of an item."""

    base: Float
    z: Float
    shared: pal.Shared
    pull: float = 1.0

    def margins(self, asked: Asked, k: int) -> tuple[Float, Float]:
        won, lost, label = _pairs(asked, k, len(self.base))
        a, b = self.shared.pieces(self.z[won], self.z[lost])
        w, cov = pal.of_pieces(a, b + self.base[won] - self.base[lost], label,
                             pal.Settings(pull=self.pull))  # fmt: skip
        a, b = self.shared.pieces(self.z[asked.won], self.z[asked.lost])
        mean = (a * w[asked.who]).sum(1) + b + self.base[asked.won] - self.base[asked.lost]
        return mean, ((a[:, None, :] @ cov[asked.who])[:, 0] * a).sum(1)


def _pairs(asked: Asked, k: int, level: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Answers as pairs (q, m): a vote for one item over every vote against another."""
    left, right, label = asked.left[:, :k], asked.right[:, :k], asked.label[:, :k]
    if not (right == level).any():
        return left, right, label
    i, j = np.triu_indices(k, 1)
    gap = np.sign(label[:, i] - label[:, j])
    return left[:, i], left[:, j], gap


def learn(answers: Float, made: Items, scale: float, prototypes: int) -> OfPal:
    """From at most PAIRS pairs a person of those learnt from."""
    rng = np.random.default_rng(0)
    p, n = answers.shape
    i, j = rng.integers(0, n, (2, p, 12 * PAIRS))
    row = np.arange(p)[:, None]
    gap = answers[row, i] - answers[row, j]
    clear = np.abs(np.nan_to_num(gap)) > 0.5
    first = np.argsort(~clear, 1, kind="stable")[:, :PAIRS]
    i, j, gap, clear = (np.take_along_axis(v, first, 1) for v in (i, j, gap, clear))
    won, lost = np.where(gap > 0, i, j), np.where(gap > 0, j, i)
    z = made.loadings / np.sqrt((made.loadings**2).sum(1).mean())
    z = z / np.sqrt(z.shape[1])
    base = scale * made.base
    blank = np.where(clear[..., None], 0.0, np.nan)
    shared, _ = pal.learn(z[won] + blank, z[lost] + blank, SPACE, 0,
                          pal.Settings(prototypes=prototypes, steps=120, scale=2.0),
                          base[won] - base[lost])  # fmt: skip
    return OfPal(base, z, shared)
