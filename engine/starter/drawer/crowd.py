"""Simulated people for the starter model's personal adapter, and what they choose among.

A simulated person cares about a few measured properties and perhaps about drawing styles, and slips
in one answer of ten. The properties in APART no simulated person cares about: what an adapter that
is taught by these people does for them is generalisation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data import Array
from engine.preference import ppd
from engine.starter.drawer import data
from engine.starter.drawer.conditions import WORDS, Told, vector
from engine.starter.drawer.known import lesson
from engine.steering.leaning import from_scores, leaning

SPACE = "starter:picture"
APART = ("greenness", "green parts", "yellow-green parts")
SHOWN, SLIP, STYLED = (1, 2, 4, 8, 16, 24), 0.1, 0.5


@dataclass(frozen=True, eq=False)
class Lot:
    """Drawings to choose among: latents (n, c, h, w), features (n, 64) of SPACE, and what each is:
    concept (n,) and style (n,) numbers; `words`: of every concept, in order.
    """

    latents: torch.Tensor
    features: Array
    concept: NDArray[np.int16]
    style: NDArray[np.int16]
    words: tuple[str, ...]

    @classmethod
    def of(cls, vae: Any, encode: Any, variants: int, seed: int = 0) -> "Lot":
        """Every drawing of the lesson as it is and recoloured, on white."""
        from engine.starter.drawer.autoencoder import latents_of

        concepts, apart = data.lesson()
        order, made = list(concepts), np.random.default_rng(seed)
        records = [r for r in data.read(order) if (r["concept"], r["style"]) not in apart]
        rows = [(r, k) for r in records for k in range(variants)]
        pictures = [varied(r["picture"], k, made) for r, k in rows]
        features = np.concatenate([encode(pictures[s : s + 64]) for s in range(0, len(rows), 64)])
        pixels = np.stack([np.asarray(p) for p in pictures])
        return cls(latents_of(vae, pixels), features,
                   np.array([order.index(r["concept"]) for r, _ in rows], np.int16),
                   np.array([data.STYLES.index(r["style"]) for r, _ in rows], np.int16),
                   tuple(concepts[c][0] for c in order))  # fmt: skip


def varied(picture: Any, k: int, rng: Any) -> Any:
    from PIL import Image

    if k:
        picture = data.recoloured(picture, rng.uniform(-0.35, 0.35), rng.uniform(0.1, 1.5),
                                  rng.uniform(0.75, 1.5))  # fmt: skip
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else picture


@dataclass(frozen=True, eq=False)
class Crowd:
    """Simulated people: what each likes of a lot, liking (p, n), and their vectors (p, d).

    `leans` (p, c): what leaning (engine/steering/leaning.py) would tell the model beside the words
    for that vector; the adapter learns to do as much from the vector alone.
    """

    liking: Array
    vectors: torch.Tensor
    weights: Array
    styles: Array
    leans: torch.Tensor

    @classmethod
    def of(cls, lot: Lot, count: int, prior: Any, seed: int) -> "Crowd":
        rng = np.random.default_rng(seed)
        axes = caring(lot.features.shape[1])
        weights = np.zeros((count, lot.features.shape[1]), np.float32)
        styles = np.zeros((count, len(data.STYLES)), np.float32)
        for p in range(count):
            some = rng.choice(axes, int(rng.integers(1, 5)), replace=False)
            weights[p, some] = rng.standard_normal(len(some))
            if rng.random() < STYLED:
                some = rng.choice(len(data.STYLES), int(rng.integers(1, 4)), replace=False)
                styles[p, some] = 1.5 * rng.standard_normal(len(some))
        liking = weights @ lot.features.T + styles[:, lot.style]
        liking = (liking - liking.mean(1, keepdims=True)) / liking.std(1, keepdims=True)
        vectors = np.stack([shown(lot, each, prior, rng) for each in liking])
        return cls(liking, torch.from_numpy(vectors), weights, styles, leans(vectors, prior))

    def utility(self, person: int, features: Array) -> Array:
        """(n,) liking of new drawings by their features; styles cannot be read off and are left."""
        found: Array = features @ self.weights[person]
        return found


def leans(vectors: Array, prior: Any) -> torch.Tensor:
    """(p, c) conditions that lean to each vector (p, d); the properties in APART stay untold."""
    from engine.starter.pool import pictures

    pool, taught = pictures(), lesson()
    told = tuple(t for t in data.TOLD if t not in APART)
    names, order = [s.name for s in pool.stat_names], [data.TOLD.index(t) for t in told]
    stats = pool.stats[:, [names.index(t) for t in told]]
    facts = (stats - taught.mean[order]) / taught.std[order]
    styles, scores = [r["style"] for r in pool.records], vectors * np.sqrt(prior.var)
    found = [from_scores(pool.features @ row, styles, facts, (data.STYLES, told))
             for row in scores]  # fmt: skip
    told_all = [leaning(Told(), lean, 1.0) for lean in found]
    return vector(told_all, torch.zeros(len(told_all), WORDS))[:, WORDS:]


def caring(dim: int) -> NDArray[np.int64]:
    """Coordinates that a simulated person may care about: the measured ones without APART."""
    from engine.encoders.picture_stats import NAMES

    return np.array([k for k, s in enumerate(NAMES[:dim]) if s.name not in APART])


def shown(lot: Lot, liking: Array, prior: Any, rng: Any) -> Array:
    """The vector of a person after some pairs; half of the pairs show one thing twice."""
    k = int(rng.choice(SHOWN))
    left = rng.integers(0, len(liking), k)
    right = rng.integers(0, len(liking), k)
    for i in np.flatnonzero(rng.random(k) < 0.5):
        right[i] = rng.choice(np.flatnonzero(lot.concept == lot.concept[left[i]]))
    first = (liking[left] > liking[right]) ^ (rng.random(k) < SLIP)
    chosen, rejected = np.where(first, left, right), np.where(first, right, left)
    return ppd.from_pairs(lot.features[chosen], lot.features[rejected], prior, SPACE)
