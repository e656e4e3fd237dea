"""FSPO's reader taught further on real people, over items that many people judged.

Of the people learnt from, those of two folds (of five) are the ones the reader is taught on: some
of their answers are shots, others are foretold, drawn anew at every step. The population's score
and the directions of the space, known globally, come from the people of the other folds. Nobody who
is judged or checked is among either. `python -m tests.bench.people_fspo [DIR]` prints this method
alone on the people judged (of which bench people chooses nothing), both objectives side by side.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import fewshot
from engine.preference import population
from engine.preference.fspo import Learning, Meta, Shared, shipped
from tests.bench import people_data
from tests.bench.people_beliefs import LEVEL, chance, fewer, hits
from tests.bench.people_data import Asked, Float, Group

RANK, TEACH, PAIRS, SIZE = 8, (2, 3), 16, 1024
CLEAR = 0.4  # of a person's deviation: about two points of twenty
KS = (1, 2, 4, 4, 8, 8, 16, 16)
OBJECTIVES = {"logistic": Meta(rate=1e-3, unit_rate=3e-2, steps=500),
              "ipo": Meta("ipo", rate=1e-3, unit_rate=3e-2, steps=500)}  # fmt: skip
FEWEST = 300  # people; of fewer a reader learns less than it forgets
Rows = NDArray[np.int64]
Core = dict[str, NDArray[np.float32]]
Space = tuple[Float, Float]


@dataclass(frozen=True)
class OfReader:
    """base (n + 1,) in logits, z (n + 1, r); the last of them is the person's level."""

    base: Float
    z: Float
    core: Core

    def margins(self, asked: Asked, k: int) -> tuple[Float, Float]:
        left, right, label = asked.left[:, :k], asked.right[:, :k], asked.label[:, :k]
        core = {n: v.astype(np.float64) for n, v in self.core.items()}
        shots = (self.z[left] - self.z[right]) * label[..., None]
        known = (self.base[left] - self.base[right]) * label
        u, inner = fewshot.read(core, shots, known, (label != 0) * 1.0)
        gap, who = self.z[asked.won] - self.z[asked.lost], asked.who
        cross = np.einsum("mkr,mr->mk", shots[who], gap, optimize=True)
        var = (gap**2).sum(1) - ((cross[:, None, :] @ inner[who])[:, 0] * cross).sum(1)
        mean = np.exp(core["follow"]) * (self.base[asked.won] - self.base[asked.lost])
        return mean + (gap * u[who]).sum(1), var.clip(0.0)


@dataclass
class Readers:
    """Beliefs of a group before a person speaks; every reader is taught once, when asked for."""

    groups: Sequence[Group]
    _taught: dict[tuple[str, int | None], tuple[Core, float]] = field(default_factory=dict)

    def beliefs(self, group: Group, out: int | None = None) -> dict[str, OfReader]:
        """`out`: the fold that nothing may be learnt from; None when strangers are judged."""
        if sum(len(g.answers) for g in self.groups) < FEWEST:
            return {}
        base, z = _space(group, group.fold != out)
        made = {"fspo:simulated": OfReader(2.0 * base, 2.0 * z, shipped())}
        for name in OBJECTIVES:
            core, unit = self._reader(name, out)
            made[f"fspo:{name}"] = OfReader(unit * base, unit * z, core)
        return made

    def _reader(self, name: str, out: int | None) -> tuple[Core, float]:
        if (name, out) not in self._taught:
            tasks = [_tasks(self.groups, f, out) for f in TEACH]
            nothing = Shared("bench:items", np.zeros((0, 0), np.float32),
                             np.ones(1, np.float32), shipped())  # fmt: skip
            learning = Learning(nothing, OBJECTIVES[name])
            for _ in learning.run(lambda rng: tasks[int(rng.integers(len(tasks)))](rng)):
                pass
            made = learning.shared()
            self._taught[name, out] = dict(made.core), float(made.base[0])
        return self._taught[name, out]


def _space(group: Group, learnt: NDArray[np.bool_]) -> Space:
    """The population's score of each item and its coordinates, as the people of `learnt` say."""
    answers = group.answers[learnt]
    made = population.of_items(answers, population.Settings(rank=min(RANK, answers.shape[1] // 5)))
    cov = np.zeros((len(made.base) + 1, len(made.base) + 1))
    cov[:-1, :-1], cov[-1, -1] = made.cov(), LEVEL**2
    values, vectors = np.linalg.eigh(cov)
    keep = values > 1e-4 * values[-1]
    return np.append(made.base, 0.0), vectors[:, keep] * np.sqrt(values[keep])


def _parts(group: Group) -> Rows:
    """(p,) the folds; a rehearsal has too few of them, and deals its people anew."""
    return group.fold if len(set(group.fold)) > 3 else np.arange(len(group.fold)) % 5


def _tasks(
    groups: Sequence[Group], fold: int, out: int | None
) -> Callable[[np.random.Generator], fewshot.Task]:
    """Draws of people of `fold` in spaces they had no part in."""
    parts = [_parts(g) for g in groups]
    spaces = [_space(g, (p != fold) & (g.fold != out)) for g, p in zip(groups, parts, strict=True)]
    answers = [g.answers[(p == fold) & (g.fold != out)]
               for g, p in zip(groups, parts, strict=True)]  # fmt: skip
    answers = [a[(~np.isnan(a)).sum(1) >= 12] for a in answers]
    share = np.array([len(a) for a in answers], np.float64)
    share /= share.sum()

    def draw(rng: np.random.Generator) -> fewshot.Task:
        at = int(rng.choice(len(groups), p=share))
        k = int(rng.choice(KS))
        who = rng.integers(0, len(answers[at]), max(8, SIZE // (k + PAIRS)))
        return _people(answers[at][who], spaces[at], k, rng)

    return draw


def _people(answers: Float, space: Space, k: int, rng: np.random.Generator) -> fewshot.Task:
    """One draw of shots and later pairs of each row of answers."""
    base, z = space
    level = len(base) - 1
    b = len(answers)
    shots, pairs = np.full((b, k, 2), level), np.full((b, PAIRS, 2), level)
    votes = np.isin(answers[~np.isnan(answers)], (-1.0, 0.0, 1.0)).all()
    for i, row in enumerate(answers):
        seen = rng.permutation(np.flatnonzero(~np.isnan(row)))
        if votes:
            _votes(row, seen, shots[i], pairs[i])
        else:
            found = _ratings(row, seen, k + PAIRS, rng)
            shots[i], pairs[i] = found[:k], found[k:]
    gap = z[shots[..., 0]] - z[shots[..., 1]]
    said = (shots[..., 0] != shots[..., 1]) * 1.0
    later = z[pairs[..., 0]] - z[pairs[..., 1]]
    return fewshot.Task(gap, base[shots[..., 0]] - base[shots[..., 1]], said, later,
                        base[pairs[..., 0]] - base[pairs[..., 1]], np.ones((b, PAIRS)))  # fmt: skip


def _votes(row: Float, seen: Rows, shots: Rows, pairs: Rows) -> None:
    """A vote is a pair with the level, chosen first; later: agreed with over disagreed with."""
    first, later = np.split(seen, [min(len(shots), len(seen) // 2)])
    for at, item in enumerate(first):
        if row[item]:
            shots[at, 0 if row[item] > 0 else 1] = item
    up, down = later[row[later] > 0], later[row[later] < 0]
    if len(up) and len(down):
        pairs[:, 0], pairs[:, 1] = np.resize(up, len(pairs)), np.resize(down, len(pairs))


def _ratings(row: Float, seen: Rows, count: int, rng: np.random.Generator) -> Rows:
    """(count, 2) pairs of items whose ratings differ clearly, the better first."""
    drawn = seen[rng.integers(0, len(seen), (12 * count, 2))]
    gap = row[drawn[:, 0]] - row[drawn[:, 1]]
    clear = np.abs(gap) > CLEAR
    drawn = np.where((gap > 0)[:, None], drawn, drawn[:, ::-1])[clear]
    # Somebody who finds all of them the same says nothing: a pair of a thing with itself.
    drawn = drawn if len(drawn) else np.zeros((1, 2), np.int64)
    return np.asarray(drawn[np.arange(count) % len(drawn)])


def alone(data: Path | None) -> dict[str, dict[str, list[float]]]:
    """Accuracy and its standard error over people judged, by set, variant and k."""
    told: dict[str, dict[str, list[float]]] = {}
    for name in ("polis", "jester"):
        groups = getattr(people_data, name)(people_data.folder(data), 0, 10**6)
        readers, found = Readers(groups), dict[str, list[Float]]()
        for group in groups:
            asked = fewer(group.judged)
            turned = replace(asked, left=np.roll(asked.left, 1, 0),
                             right=np.roll(asked.right, 1, 0),
                             label=np.roll(asked.label, 1, 0))  # fmt: skip
            for variant, belief in readers.beliefs(group).items() if len(asked) > 1 else ():
                for k in (0, 4, 8, 16):
                    found.setdefault(f"{variant} {k}", []).append(_right(belief, asked, k))
                found.setdefault(f"{variant} swapped", []).append(_right(belief, turned, 16))
        every = {v: np.concatenate(a) for v, a in found.items()}
        told[name] = {v: [round(float(a.mean()), 4), round(float(a.std() / np.sqrt(len(a))), 4)]
                      for v, a in every.items()}  # fmt: skip
    return told


def _right(belief: OfReader, asked: Asked, k: int) -> Float:
    return asked.mean(hits(np.round(chance(belief.margins(asked, k)) - 0.5, 9)))


if __name__ == "__main__":
    print(json.dumps(alone(Path(sys.argv[1]) if len(sys.argv) > 1 else None), indent=1))  # noqa: T201
