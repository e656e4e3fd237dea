"""Gaussian beliefs over items, applied to many people at once."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.preference.population import Items
from tests.bench.people_data import Asked, Float

Rows = NDArray[np.int64]
LEVEL = 0.3
PAIRS = 300


class Belief(Protocol):
    def margins(self, asked: Asked, k: int) -> tuple[Float, Float]:
        """Mean and variance (m,) of won - lost of the later pairs, after k answers."""


@dataclass(frozen=True)
class Over:
    """s ~ N(base, factor factor' + diag(own)) over n items and, as number n, the person's level."""

    base: Float
    factor: Float
    own: Float

    @classmethod
    def of(cls, base: Float, factor: Float, own: Float, level: float = LEVEL) -> "Over":
        return cls(np.append(base, 0.0), np.pad(factor, ((0, 1), (0, 0))),
                   np.append(own, level**2))  # fmt: skip

    @classmethod
    def items(cls, made: Items, own: float) -> "Over":
        return cls.of(made.base, made.loadings, own * made.own)

    def scaled(self, s: float) -> "Over":
        """In logits: s of them to a unit."""
        return Over(s * self.base, s * self.factor, s * s * self.own)

    def alone(self) -> "Over":
        """The population's score without a personal term."""
        return replace(self, factor=0.0 * self.factor, own=0.0 * self.own)

    def margins(self, asked: Asked, k: int) -> tuple[Float, Float]:
        """Mean and variance (m,) of won - lost of the later pairs, after k answers."""
        left, right, label = asked.left[:, :k], asked.right[:, :k], asked.label[:, :k]
        rows = self.factor[left] - self.factor[right]  # (q, k, d)
        gram = rows @ rows.swapaxes(1, 2) + self._own(left, right, left, right)
        made = laplace.fit_many(self.base[left] - self.base[right], gram, label)
        won, lost, who = asked.won, asked.lost, asked.who
        gap = self.factor[won] - self.factor[lost]
        cross = np.einsum("mkd,md->mk", rows[who], gap, optimize=True)
        cross += self._own(won[:, None], lost[:, None], left[who], right[who])[:, 0]
        var = (gap**2).sum(1) + self.own[won] + self.own[lost]
        mean = self.base[won] - self.base[lost]
        inner = (cross[:, None, :] @ made.inner[who])[:, 0]
        return mean + (cross * made.alpha[who]).sum(1), (var - (inner * cross).sum(1)).clip(0)

    def _own(self, a: Rows, b: Rows, c: Rows, d: Rows) -> Float:
        """(p, q, k) covariance of a - b (p, q) with c - d (p, k) through the items themselves."""
        out = np.zeros((*a.shape, c.shape[1]))
        for x, sx in ((a, 1.0), (b, -1.0)):
            for y, sy in ((c, 1.0), (d, -1.0)):
                same = x[:, :, None] == y[:, None, :]
                out += sx * sy * np.where(same, self.own[x][:, :, None], 0.0)
        return out


def fewer(asked: Asked, seed: int = 0) -> Asked:
    """At most PAIRS later pairs a person, drawn once."""
    order = np.random.default_rng(seed).permutation(len(asked.who))
    order = order[np.argsort(asked.who[order], kind="stable")]
    who = asked.who[order]
    first = np.searchsorted(who, np.arange(len(asked)))
    keep = np.sort(order[np.arange(len(who)) - first[who] < PAIRS])
    return replace(asked, who=asked.who[keep], won=asked.won[keep], lost=asked.lost[keep])


def chance(margins: tuple[Float, Float]) -> Float:
    return laplace.chance(*margins)


def hits(margin: Float) -> Float:
    """1 above zero, one half at zero, nan stays."""
    return np.where(np.isnan(margin), np.nan, 0.5 + 0.5 * np.sign(margin))
