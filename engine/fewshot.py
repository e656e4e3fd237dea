"""A set transformer that reads a person's labelled pairs in one pass: pure functions, no torch.

A pair is z = chosen - rejected, already in coordinates where a person is u ~ N(0, I), and the
margin m that the population gives it. The reader says how far each pair pulls:

    G_ij = z_i . z_j                    attention without softmax, through which alone pairs meet
    h <- h + MLP(h, G a(h) + m)         a(h) in (0, 1): pulls tried out; G a is what they explain
    u = sum_i a_i z_i                   score(x) = follow * population(x) + scale * u . z(x)

Set transformer: Lee et al. 2019, arXiv 1810.00825; attention of this form does steps of a fit in
its forward pass: von Oswald et al. 2023, arXiv 2212.07677. The order of pairs does not matter, any
number of them is read (none: u = 0), and a rotation of the space changes nothing, so that one
reader serves every space. z turned around gives -u exactly at given margins; a choice against the
population's says more than one with it, so margins are read as they are.
`xp` is numpy or torch: what is learnt and what is used are the same lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace

Float = NDArray[np.float64]
Core = Mapping[str, Any]
WIDTH, HEADS, LAYERS, INNER = 16, 4, 3, 32
KS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


def fresh(rng: np.random.Generator, follow: float = 1.0) -> dict[str, NDArray[np.float32]]:
    """A reader before it has met anybody: about 5,000 numbers."""

    def some(*shape: int, size: float = 1.0) -> Float:
        return np.asarray(size * rng.standard_normal(shape) / np.sqrt(shape[0]))

    core = {"enter": some(5, WIDTH), "last": some(WIDTH + 1, 1, size=0.1),
            "follow": np.log([follow])}  # fmt: skip
    core["last"][-1] = -1.0
    for n in range(LAYERS):
        core[f"{n}.gate"] = some(WIDTH + 1, HEADS)
        core[f"{n}.in"] = some(WIDTH + 2 * HEADS + 1, INNER)
        core[f"{n}.out"] = some(INNER, WIDTH, size=0.3)
    return {k: v.astype(np.float32) for k, v in core.items()}


def pulls(core: Core, gram: Any, margin: Any, seen: Any, xp: Any = np) -> Any:
    """(..., k) in [0, 1): how far each pair pulls. gram (..., k, k); margin, seen (..., k)."""
    size = xp.einsum("...ii->...i", gram)
    one = xp.ones_like(size)
    count = xp.log1p(seen.sum(-1))[..., None] * one
    told = xp.stack([xp.log1p(size), xp.tanh(0.5 * margin), count, 0.25 * count**2, one], -1)
    h = xp.tanh(told @ core["enter"])
    one, near = one[..., None], 1.0 / (1.0 + size)[..., None]
    for n in range(LAYERS):
        a = _sigmoid(xp.concatenate([h, one], -1) @ core[f"{n}.gate"], xp) * seen[..., None]
        y = gram @ a + margin[..., None]
        every = xp.concatenate([h, xp.tanh(0.25 * y), xp.tanh(near * y), one], -1)
        h = h + xp.tanh(every @ core[f"{n}.in"]) @ core[f"{n}.out"]
    return _sigmoid((xp.concatenate([h, one], -1) @ core["last"])[..., 0], xp) * seen


def _sigmoid(x: Any, xp: Any) -> Any:
    return 0.5 * (1.0 + xp.tanh(0.5 * x))


def read(core: Core, z: Any, known: Any, seen: Any, xp: Any = np) -> tuple[Any, Any]:
    """Pairs z (..., k, r) read: the taste u (..., r) and what the pairs took off the doubt, a
    matrix (..., k, k) in their span. u is zeros from none.
    """
    gram = z @ xp.swapaxes(z, -1, -2)
    a = pulls(core, gram, known, seen, xp)
    # Where a is 1 - sigma(y), as in a fit, a (1 - a) is the curvature of that pair.
    bend = (a * (1.0 - a))[..., None]
    eye = xp.eye(a.shape[-1], dtype=a.dtype)
    return (a[..., None, :] @ z)[..., 0, :], xp.linalg.solve(eye + bend * gram, bend * eye)


def margins(core: Core, task: "Task", xp: Any = np) -> tuple[Any, Any]:
    """Mean and variance (b, q) of the pairs to foretell: population, person and what is unsaid."""
    u, inner = read(core, task.shots, task.known, task.seen, xp)
    cross = task.pairs @ xp.swapaxes(task.shots, -1, -2)
    own = (task.pairs @ u[..., None])[..., 0]
    var = (task.pairs**2).sum(-1) - ((cross @ inner) * cross).sum(-1)
    return xp.exp(core["follow"]) * task.expected + own, var.clip(0.0)


def logits(mean: Any, var: Any) -> Any:
    """(b, q) of the chance with the doubt taken out: MacKay 1992, as laplace.chance."""
    return mean / (1.0 + (np.pi / 8.0) * var) ** 0.5


@dataclass(frozen=True)
class Task:
    """b people: `shots` (b, k, r) chosen minus rejected, `known` (b, k) the population's margins of
    those, `seen` (b, k) 1 where there is one; `pairs` (b, q, r) to foretell, `expected` (b, q) by
    the population, `chance` (b, q) that the first is chosen: 1 where a person has chosen it.
    """

    shots: Any
    known: Any
    seen: Any
    pairs: Any
    expected: Any
    chance: Any


def simulated(rng: np.random.Generator, size: int = 2048, targets: int = 16) -> Task:
    """SIMULATED people: u ~ N(0, I) in spaces of many widths and spreads. One in four has an ideal
    point that bends the score, one in four slips; some spaces have a population, some have grids.
    """
    k = int(rng.choice(KS))
    b, r = max(16, size // (k + targets)), int(rng.choice((3, 6, 12, 24, 48)))
    spread = np.arange(1.0, r + 1.0) ** -rng.uniform(0.0, 1.5)
    spread = np.sqrt(spread / spread.sum() * np.exp(rng.uniform(np.log(0.1), np.log(12.0))))
    crowd = float(rng.choice((0.0, rng.uniform(0.2, 1.5))))
    taste = rng.standard_normal((b, r)) * np.exp(rng.normal(0.0, 0.3, (b, 1)))
    bend = np.where(rng.random(b) < 0.25, rng.uniform(0.0, 0.6, b), 0.0)
    slip = rng.choice((0.0, 0.0, 0.0, 0.1), b)
    m, picks = (2, 1) if k < 3 or rng.random() < 0.7 else (9, 3)
    asked = -(-k // picks)
    shown, base, score = _items(rng, (b, asked, m), (spread, crowd, taste, bend))
    noisy = np.where(rng.random((b, asked, 1)) < slip[:, None, None], 0.0, score)
    order = np.argsort(-(noisy + rng.gumbel(size=noisy.shape)), -1)
    first, rest = order[:, :, :picks], order[:, :, picks:]
    shots = _taken(shown, first) - _taken(shown, rest).mean(2, keepdims=True)
    known = np.take_along_axis(base, first, 2)
    known = known - np.take_along_axis(base, rest, 2).mean(2, keepdims=True)
    shots, known = shots.reshape(b, -1, r)[:, :k], known.reshape(b, -1)[:, :k]
    x, base, score = _items(rng, (b, targets, 2), (spread, crowd, taste, bend))
    chance = laplace.sigmoid(score[..., 0] - score[..., 1])
    return Task(shots, known, np.ones((b, k)), x[:, :, 0] - x[:, :, 1],
                base[..., 0] - base[..., 1], chance)  # fmt: skip


def _items(rng: np.random.Generator, shape: tuple[int, ...], kind: Any) -> tuple[Float, ...]:
    """Vectors (b, k, m, r), what the population and the person say of them (b, k, m)."""
    spread, crowd, taste, bend = kind
    x = spread * rng.standard_normal((*shape, len(spread)))
    base = crowd * rng.standard_normal(shape)
    far = ((x**2).sum(-1) - (spread**2).sum()) / np.sqrt(2.0 * (spread**4).sum())
    own = np.einsum("bkmr,br->bkm", x, taste) - bend[:, None, None] * far
    return x, base, base + own


def _taken(x: Float, rows: NDArray[np.int64]) -> Float:
    return np.asarray(np.take_along_axis(x, rows[..., None], 2))
