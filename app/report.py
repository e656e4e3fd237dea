"""What was learned, in words and numbers a person can read. Never a number without its doubt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.mind import ENOUGH_PICKS, Mind, Shelf
from engine.data import Array
from engine.laplace import sigmoid

Z90 = 1.645
# Thirty properties are looked at: a claim must stand further from zero than one band would.
SURE = 2.0
TAIL = 0.2
LEVELS = (0.1, 0.25, 0.4, 0.55, 0.7)
UNPROVEN = 3
TOLD = 8


@dataclass(frozen=True)
class Axis:
    """A measured property with plain words for its two ends.

    `contrast` (d,) is the mean feature vector of the items highest in it minus the lowest, so
    `u @ contrast` is how much better the person likes the high end. `ends` are two item ids.
    """

    name: str
    low: str
    high: str
    contrast: Array
    ends: tuple[int, int]


def axes(
    shelf: Shelf, rows: NDArray[np.int64], stats: Array, names: tuple[Any, ...]
) -> tuple[Axis, ...]:
    """One axis per measured statistic. stats: (n, s) of the shelf's `rows` (n,)."""
    matrix, ids = shelf.features.matrix[rows], shelf.features.ids[rows]
    tail = max(1, int(TAIL * len(stats)))
    found = []
    for k, stat in enumerate(names):
        order = np.argsort(stats[:, k], kind="stable")
        low, high = order[:tail], order[-tail:]
        contrast = matrix[high].mean(0) - matrix[low].mean(0)
        ends = (int(ids[low[tail // 2]]), int(ids[high[tail // 2]]))
        found.append(Axis(stat.name, stat.low_word, stat.high_word, contrast, ends))
    return tuple(found)


def plane(matrix: Array) -> NDArray[np.float32]:
    """(n, 2) positions for the map: the two widest directions, scaled to [-1, 1]."""
    centred = matrix - matrix.mean(0)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ rows[:2].T
    return np.asarray(flat / np.abs(flat).max(0).clip(1e-9), np.float32)


def known(mind: Mind) -> float:
    """Share of the prior's doubt about pool items that the answers have removed, 0 to 1.

    Both in the units of the fitted temperature: answers that contradict one another shrink every
    utility, and that is not to be mistaken for knowing.
    """
    shelf, now = mind.shelf, mind.linear
    return float(1 - now.doubt(shelf.spread) / shelf.doubt(now))


def progress(mind: Mind) -> dict[str, Any]:
    """The line under the header: answers, the five steps of the meter, honest accuracy."""
    share = known(mind)
    steps = sum(share >= step for step in LEVELS)
    low, _ = mind.every.interval()
    # Sure of itself is not the same as right: the upper steps want guesses better than chance.
    level = steps if low > 0.5 else min(steps, UNPROVEN)
    return {
        "answers": mind.answers,
        "picks": mind.picks,
        "enough": mind.picks >= ENOUGH_PICKS or mind.answers >= ENOUGH_PICKS,
        "level": int(level),
        "known": accuracy(mind),
    }


def accuracy(mind: Mind) -> dict[str, Any]:
    """Right guesses, each made before its answer was learnt; the random share where it is long."""
    tally, which = (mind.honest, "random") if mind.honest.n >= 8 else (mind.every, "all")
    low, high = tally.interval()
    value = tally.right / tally.n if tally.n else None
    return {"accuracy": value, "low": low, "high": high, "n": tally.n, "of": which, "chance": 0.5}


def axis_rows(
    mind: Mind, known_axes: tuple[Axis, ...], show: Callable[[int], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Every axis with its 90 % interval, the surest first; those that are told with examples."""
    contrast = np.stack([a.contrast for a in known_axes])
    mean, std = mind.linear.believe(contrast)
    order = np.argsort(-np.abs(mean) / std.clip(1e-9), kind="stable")
    rows: list[dict[str, Any]] = [
        {
            "name": known_axes[k].name,
            "low_word": known_axes[k].low,
            "high_word": known_axes[k].high,
            "mean": float(mean[k]),
            "low": float(mean[k] - Z90 * std[k]),
            "high": float(mean[k] + Z90 * std[k]),
            "sure": bool(abs(mean[k]) > SURE * std[k]),
        }
        for k in order
    ]
    for row, k in zip(rows[:TOLD], order, strict=False):
        row["examples"] = [show(i) for i in known_axes[k].ends]
    return rows


# What each candidate assumes, as a person would say it.
PLAIN = {
    "bradley_terry": "you lean one way along each property",
    "ideal_point": "there is a best point, and too much is as bad as too little",
    "pal": "you like a mixture of the kinds there are",
}


def methods(mind: Mind) -> dict[str, Any]:
    """Which ways of reading the answers are used, how much, and on what evidence."""
    belief = mind.belief
    if not hasattr(belief, "weights"):
        return {"held_out": 0, "used": []}
    n, logs = int(belief.held[0]), belief.held[1:-1]
    used = [
        {"name": name, "words": PLAIN.get(name, name), "share": float(w),
         "guess": float(np.exp(logs[k])) if n else None}
        for k, (name, w) in enumerate(zip(belief.parts, belief.weights, strict=True))
    ]  # fmt: skip
    return {"held_out": n, "blend": float(np.exp(belief.held[-1])) if n else None,
            "used": sorted(used, key=lambda u: -u["share"])}  # fmt: skip


def kinds(
    mind: Mind, known: tuple[tuple[str, int], ...], show: Callable[[int], dict[str, Any]]
) -> list[dict[str, Any]]:
    """The kinds a person's taste is a mixture of, the largest share first, each with its doubt."""
    part = getattr(mind.belief, "parts", {}).get("pal")
    if part is None:
        return []
    share, k = part.mixture(), len(known)
    sd = np.sqrt(np.diag(part.cov)[:k])
    middle = part.mean[:k]
    rows = [
        {"name": name, "item": show(item), "share": float(share[i]),
         "low": float(np.clip(middle[i] - Z90 * sd[i], 0, 1)),
         "high": float(np.clip(middle[i] + Z90 * sd[i], 0, 1)),
         "sure": bool(abs(middle[i] - 1 / k) > SURE * sd[i])}
        for i, (name, item) in enumerate(known)
    ]  # fmt: skip
    return sorted(rows, key=lambda r: (-r["share"], str(r["name"])))


def side(mind: Mind) -> dict[str, float]:
    """Pull towards the left side in logits, with its 90 % interval."""
    return dict(zip(("mean", "low", "high"), mind.belief.side(), strict=True))


def sentence(rows: list[dict[str, Any]], noun: str) -> str:
    """The headline. Only about items, and only what the answers support."""
    sure = [r["high_word"] if r["mean"] > 0 else r["low_word"] for r in rows if r["sure"]]
    words = list(dict.fromkeys(sure))[:3]
    if not words:
        return f"No clear taste in {noun} yet. A few more answers will show it."
    unsure = next((r["name"] for r in reversed(rows) if not r["sure"]), None)
    tail = f" What you think of their {unsure} is still open." if unsure else ""
    return f"You like {noun} that are {_list(words)}.{tail}"


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def extremes(mind: Mind, k: int = 6) -> dict[str, list[tuple[int, float, float]]]:
    """Best, worst and most uncertain items as (id, score, std), scores centred on the shelf."""
    # What was drawn to be asked about is no find: it stays out.
    seen = mind.shelf.roam
    mean, std = mind.belief.believe(mind.shelf.features.matrix[seen])
    mean = mean - mean.mean()
    # What is liked beyond doubt may be off by many logits: unsure is what may go either way.
    open_to = sigmoid(mean + Z90 * std) - sigmoid(mean - Z90 * std)
    ids = mind.shelf.features.ids[seen]

    def rows(order: NDArray[np.int64]) -> list[tuple[int, float, float]]:
        return [(int(ids[i]), float(mean[i]), float(std[i])) for i in order[:k]]

    return {
        "best": rows(np.argsort(-mean, kind="stable")),
        "worst": rows(np.argsort(mean, kind="stable")),
        "unsure": rows(np.argsort(-open_to, kind="stable")),
    }


def history(mind: Mind) -> list[dict[str, Any]]:
    """Accuracy so far after each answer, with its interval."""
    points = []
    for n, right, total in mind.curve.spread(60):
        low, high = type(mind.every)(right, total).interval()
        points.append({"n": n, "accuracy": right / total, "low": low, "high": high})
    return points


def points(mind: Mind, flat: NDArray[np.float32], most: int = 600) -> list[dict[str, Any]]:
    """The map: place, predicted liking and its doubt, for at most `most` items spread evenly."""
    step = max(1, len(flat) // most)
    mean, std = mind.belief.believe(mind.shelf.features.matrix)
    mean = mean - mean.mean()
    return [
        {
            "item": int(mind.shelf.features.ids[i]),
            "x": round(float(flat[i, 0]), 4),
            "y": round(float(flat[i, 1]), 4),
            "score": round(float(mean[i]), 4),
            "std": round(float(std[i]), 4),
        }
        for i in range(0, min(len(flat), len(mean)), step)
    ]
