"""bench pick: the next question among many candidates, and what choosing it well is worth.

ms: the shipped rule on M candidates with 64 numbers each; it looks at a sample of 192 of them, so
that its cost does not grow with the pool (`ms_whole_m1000` looks at all thousand). slope: of log
time over log M. answers_ratio_random: pairs until a belief foretells unseen pairs as well as 90 %
of the way from chance to where 80 random pairs bring it, over the same with random pairs; simulated
people, 64 directions with the spread of the pictures that ship, median over people.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.data import Features
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.queries import QUERIES, d_optimal
from engine.starter.pool import pictures
from engine.starter.prior import prior as starter_prior
from tests.people import Linear, asked

SIZES = (100, 1_000, 10_000)
ANSWERS, WAY = 80, 0.9


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; a row a size, and a row a person."""
    rng = np.random.default_rng(seed)
    rounds, crowd = (20, 3) if quick else (200, 40)
    pool, start = pictures(), starter_prior("picture")
    rows: list[dict[str, Any]] = []
    for m in SIZES:
        row = _timed(_world(pool.features, m, start, rng), start, rounds, rng)
        rows.append({"candidates": m, **row})
    slope = np.polyfit(np.log(SIZES), np.log([r["ms"] for r in rows]), 1)[0]
    needed = [_person(pool.features, start, seed, i) for i in range(crowd)]
    rows += [{"person": i, **n} for i, n in enumerate(needed)]
    ratios = [n["d_optimal"] / n["uniform"] for n in needed]
    low, high = np.percentile(
        [np.median(rng.choice(ratios, len(ratios))) for _ in range(2000)], [2.5, 97.5]
    )
    figures = {
        "ms_m1000_d64": rows[1]["ms"], "ms_grid_m1000_d64": rows[1]["ms_grid"],
        "ms_whole_m1000": rows[1]["ms_whole"], "slope": slope,
        "answers_ratio_random": float(np.median(ratios)),
        "answers_ratio_low": low, "answers_ratio_high": high,
    }  # fmt: skip
    return {"figures": figures, "rows": rows}


def _world(matrix: Any, m: int, start: Prior, rng: np.random.Generator) -> Features:
    """m candidates: rows of the pool, and beyond its size rows near to them."""
    rows = matrix[rng.integers(len(matrix), size=m)]
    if m > len(matrix):
        rows = rows + 0.1 * matrix.std(0) * rng.standard_normal(rows.shape)
    return Features(start.space, np.arange(1, m + 1), rows.astype(np.float32))


def _timed(
    features: Features, start: Prior, rounds: int, rng: np.random.Generator
) -> dict[str, float]:
    belief = PREFERENCE["bradley_terry"].load().blank(start)
    person = Linear(rng.standard_normal(64).astype(np.float32))
    for k in range(20):
        shown = rng.choice(len(features), 2, replace=False)
        belief = belief.update(asked(features, shown, person, rng, k + 1), features)
    rule = QUERIES["d_optimal"].load()

    def ms(m: int) -> float:
        return _median(lambda: rule(belief, features, m, rng, groups=None, recent=()), rounds)

    told = {"ms": ms(2), "ms_grid": ms(9)}
    kept = d_optimal.SAMPLED
    try:
        d_optimal.SAMPLED = min(len(features), 1000)
        told["ms_whole"] = ms(2)
    finally:
        d_optimal.SAMPLED = kept
    return told


def _person(matrix: Any, start: Prior, seed: int, i: int) -> dict[str, float]:
    """Answers until 90 % of the way, by rule; the way is to what random pairs reach."""
    rng = np.random.default_rng([seed, i])
    features = Features(start.space, np.arange(1, len(matrix) + 1), matrix.astype(np.float32))
    likes = rng.standard_normal(64) * np.sqrt(start.var)
    person = Linear((2.0 * likes / (matrix @ likes).std()).astype(np.float32))
    pairs = rng.integers(len(matrix), size=(2000, 2))
    gaps = (matrix[pairs[:, 0]] - matrix[pairs[:, 1]]).astype(np.float32)
    truth = gaps @ person.u > 0
    curves = {name: _curve(name, features, start, person, (gaps, truth), [seed, i])
              for name in ("uniform", "d_optimal")}  # fmt: skip
    bar = 0.5 + WAY * (float(np.mean(curves["uniform"][-10:])) - 0.5)
    return {name: float(1 + np.argmax(c >= bar)) if (c >= bar).any() else float(ANSWERS + 1)
            for name, c in curves.items()}  # fmt: skip


def _curve(
    name: str, features: Features, start: Prior, person: Linear, judge: Any, seed: list[int]
) -> np.ndarray:
    """(ANSWERS,) accuracy on unseen pairs after each answer, smoothed over five."""
    rng, rule = np.random.default_rng([*seed, 7]), QUERIES[name].load()
    belief = PREFERENCE["bradley_terry"].load().blank(start)
    gaps, truth = judge
    told = []
    for k in range(ANSWERS):
        rows = rule(belief, features, 2, rng, groups=None, recent=())
        belief = belief.update(asked(features, rows, person, rng, k + 1), features)
        told.append(float(np.mean((gaps @ belief.direction() > 0) == truth)))
    return np.convolve(np.pad(told, (4, 0), mode="edge"), np.ones(5) / 5, "valid")


def _median(work: Callable[[], Any], rounds: int) -> float:
    work()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return 1e3 * float(np.median(times))
