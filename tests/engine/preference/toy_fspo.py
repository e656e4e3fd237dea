"""Row 49's toy: SIMULATED people in a 3-d subspace of 12, four shots each, no noise."""

import numpy as np

from engine import fewshot, laplace
from engine.preference.fspo import Learning, Meta, Shared

D, RANK, SHOTS, LATER = 12, 3, 4, 4
SPACE = "test:twelve"


def people(n: int, pairs: int, seed: int, part: int) -> np.ndarray:
    """(n, pairs, D) chosen minus rejected. `seed` is the subspace, `part` who is drawn."""
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((D, RANK)))[0]
    rng = np.random.default_rng([seed, part])
    u = rng.standard_normal((n, RANK)) @ axes.T
    gap = rng.standard_normal((n, pairs, D)) - rng.standard_normal((n, pairs, D))
    return gap * np.sign(gap @ u[..., None])


def task(gaps: np.ndarray) -> fewshot.Task:
    none = np.zeros(gaps.shape[:2])
    first, later = none[:, :SHOTS], none[:, SHOTS:]
    return fewshot.Task(gaps[:, :SHOTS], first, first + 1.0, gaps[:, SHOTS:], later, later + 1.0)


def untaught(seed: int) -> Shared:
    """No shipped reader, no known subspace: both are to be found."""
    core = fewshot.fresh(np.random.default_rng([seed, 7]))
    return Shared(SPACE, np.eye(D, dtype=np.float32), np.zeros(D, np.float32), core)


def taught(count: int, seed: int, meta: Meta) -> Shared:
    told = people(count, SHOTS + LATER, seed, 0)

    def draw(rng: np.random.Generator) -> fewshot.Task:
        who = rng.integers(0, count, (64, 1))
        return task(told[who, rng.permuted(np.tile(np.arange(told.shape[1]), (64, 1)), axis=1)])

    learning = Learning(untaught(seed), meta)
    for _ in learning.run(draw):
        pass
    return learning.shared()


def accuracy(shared: Shared, seed: int) -> float:
    met = people(1000, SHOTS + 50, seed, 1) @ shared.map
    mean, _ = fewshot.margins(shared.core, task(met))
    return float((mean > 0).mean())


def per_user(seed: int) -> float:
    """A fit of its own for every person: N(0, I) and Laplace, which sees no other people."""
    met = task(people(1000, SHOTS + 50, seed, 1))
    cross = met.pairs @ met.shots.swapaxes(1, 2)
    made = laplace.fit_many(met.known, met.shots @ met.shots.swapaxes(1, 2), met.seen)
    mean, _ = made.margins(met.expected, (met.pairs**2).sum(-1), cross)
    return float((mean > 0).mean())
