"""Real people who judged pairs: arguments (convarg), answers of language models (pandalm), sets of
colours (color_sets). The last two have three and four people: each is judged by what the others
taught, over several draws of his answers, and is reported only.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench import people_colours
from tests.bench.people_data import MOST, Asked, Float, Group, Picks, part, read

LATER = 5
Judged = list[tuple[int, int, float]]


def convarg(data: Path, seed: int, most: int) -> list[Group]:
    """The first MOST judgments in time, then the rest: at least LATER of them decided."""
    items = read(data / "convarg" / "items.jsonl.gz")
    number = {r["id"]: k for k, r in enumerate(items)}
    said: dict[str, list[tuple[int, int, int, float]]] = defaultdict(list)
    for r in read(data / "convarg" / "dev.jsonl.gz"):
        label = 2.0 * float(r["y"]) - 1.0
        said[r["u"]].append((r["n"], number[r["a"]], number[r["b"]], label))
    by = {u: [(a, b, y) for _, a, b, y in sorted(rows)] for u, rows in said.items()}
    learnt = [u for u in sorted(by) if part(u, 4)]
    judged = [by[u] for u in sorted(by) if not part(u, 4)]
    fold = np.array([part(u, 5, "fold") for u in learnt])
    check = {f: _in_time([by[u] for u, g in zip(learnt, fold, strict=True) if g == f], most)
             for f in (0, 1)}  # fmt: skip
    return [Group("convarg", [r["text"] for r in items], np.zeros((0, len(items))), fold, check,
                  _in_time(judged, most), picks=_picks([by[u] for u in learnt]),
                  blocks=[r["topic"] for r in items])]  # fmt: skip


def _in_time(people: list[Judged], most: int) -> Asked:
    """`most` people at most."""
    enough = [p for p in people if sum(y != 0 for _, _, y in p[MOST:]) >= LATER][:most]
    first = np.array([p[:MOST] for p in enough]).reshape(-1, MOST, 3)
    rest = [(who, *((a, b) if y > 0 else (b, a)))
            for who, p in enumerate(enough) for a, b, y in p[MOST:] if y]  # fmt: skip
    who, won, lost = np.array(rest, np.int64).reshape(-1, 3).T
    left, right = first[..., 0].astype(np.int64), first[..., 1].astype(np.int64)
    return Asked(left, right, first[..., 2], who, won, lost)


def _picks(people: list[Judged]) -> Picks:
    flat = np.array([(w, *p) for w, rows in enumerate(people) for p in rows]).reshape(-1, 4)
    who, left, right = flat[:, :3].astype(np.int64).T
    return Picks(who, left, right, flat[:, 3])


@dataclass(frozen=True)
class Few:
    """A few people who all judged the same pairs, maybe more than once: left, right (m,) items,
    label (people, times, m).
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    label: Float

    def picks(self, people: list[int]) -> Picks:
        who, _, pair = np.indices(self.label[people].shape)
        return Picks(who.ravel(), self.left[pair.ravel()], self.right[pair.ravel()],
                     self.label[people].ravel())  # fmt: skip

    def asked(self, person: int, draws: NDArray[np.int64], rest: NDArray[np.int64]) -> Asked:
        """draws (q, MOST) pairs answered at the first asking; `rest` is asked later, each time."""
        pair = np.tile(rest, self.label.shape[1])
        label = self.label[person][:, rest].ravel()
        pair, label = pair[label != 0], label[label != 0]
        a, b = self.left[pair], self.right[pair]
        won, lost = np.where(label > 0, a, b), np.where(label > 0, b, a)
        q = len(draws)
        who = np.repeat(np.arange(q), len(won))
        return Asked(self.left[draws], self.right[draws], self.label[person, 0][draws], who,
                     np.tile(won, q), np.tile(lost, q))  # fmt: skip

    def groups(self, name: str, seed: int, most: int, **seen: Any) -> list[Group]:
        """One group a person, learnt from the others; of those each is foretold by the rest."""
        rng = np.random.default_rng([seed, part(name, 2**31)])
        order = rng.permutation(len(self.left))
        pool, rest = np.array_split(order, 2)
        draws = np.stack([rng.permutation(pool)[:MOST] for _ in range(max(1, min(20, most // 20)))])
        every, texts = range(len(self.label)), seen.pop("texts")
        made = [self.asked(p, draws, rest) for p in every]
        out = []
        for p in every:
            near = [o for o in every if o != p]
            out.append(Group(f"{name} {p}", texts, np.zeros((0, len(texts))),
                             np.arange(len(near)), {f: made[o] for f, o in enumerate(near)},
                             made[p], True, self.picks(near), [made[o] for o in near],
                             **seen))  # fmt: skip
        return out


def pandalm(data: Path, seed: int, most: int) -> list[Group]:
    """Answers of language models to one instruction, judged by three annotators."""
    rows = read(data / "pandalm" / "dev.jsonl.gz")
    number: dict[tuple[str, str], int] = {}
    pairs = []
    for r in rows:
        task = r["instruction"] + "\0" + r["input"]
        pairs.append([number.setdefault((task, r[side]), len(number)) for side in "ab"])
    left, right = np.array(pairs).T
    label = 2.0 * np.array([r["labels"] for r in rows], np.float64).T[:, None, :] - 1.0
    return Few(left, right, label).groups(
        "pandalm", seed, most, texts=[t for _, t in number], blocks=[task for task, _ in number]
    )


def color_sets(data: Path, seed: int, most: int) -> list[Group]:
    """Two sets of eight colours, every pair asked twice."""
    few, sets = _colours(data)
    stats = people_colours.measure(sets)
    blocks = [""] * len(sets)
    for k, (a, b) in enumerate(zip(few.left, few.right, strict=True)):
        blocks[a] = blocks[b] = str(k)
    names = [" ".join(s) for s in sets]
    return few.groups("color_sets", seed, most, texts=names, stats=stats, vectors=stats,
                      blocks=blocks)  # fmt: skip


def agreement(data: Path) -> Float:
    """(people,) how often a person said the same of a pair the second time: the ceiling."""
    label = _colours(data)[0].label
    return np.asarray((label[:, 0] == label[:, 1]).mean(1))


def _colours(data: Path) -> tuple[Few, list[tuple[str, ...]]]:
    number: dict[tuple[str, ...], int] = {}
    pairs: dict[tuple[int, int], int] = {}
    said: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for r in sorted(read(data / "color_sets" / "dev.jsonl.gz"), key=lambda r: r["n"]):
        a, b = (number.setdefault(tuple(r[c]), len(number)) for c in ("c1", "c2"))
        pair = pairs.setdefault((min(a, b), max(a, b)), len(pairs))
        liked, other = (a, b) if r["set_pick"] == 1 else (b, a)
        said[r["u"]][pair].append(1.0 if liked < other else -1.0)
    label = np.array([[said[u][k] for k in range(len(pairs))] for u in sorted(said)])
    left, right = np.array(list(pairs), np.int64).T
    return Few(left, right, label.swapaxes(1, 2)), list(number)
