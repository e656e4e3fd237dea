"""Real people who gave marks: pictures (aigen_images), simplified sentences (asset_attr).

28 and 23 people are too few to set a quarter aside: four times another quarter is judged by what
the rest taught. Both are reported only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.people_data import MOST, Asked, Float, Group, kept, part, read

MANY = 32
GAP = 10.0
ENOUGH = 40
Marks = dict[str, dict[int, float]]
Ask = Callable[[list[str]], Asked]


def aigen(what: str) -> Callable[[Path, int, int], list[Group]]:
    """Of that mark, 1 to 5: pairs of one prompt with different marks, MANY of them answers."""

    def load(data: Path, seed: int, most: int) -> list[Group]:
        rows = read(data / "aigen_images" / "dev.jsonl.gz")
        names = sorted({r["image"] for r in rows})
        number = {name: k for k, name in enumerate(names)}
        marks: Marks = {}
        for r in rows:
            if what in r:
                marks.setdefault(r["u"], {})[number[r["image"]]] = float(r[what])
        prompts = {r["image"]: r["prompt"] for r in rows}
        blocks = [prompts[n] for n in names]
        vectors, stats = pictured([data / "aigen_images" / "images" / n for n in names])
        return _quarters(f"aigen {what}", names, marks, _asker(marks, blocks, seed, 0.5, MANY),
                         vectors=vectors, stats=stats, blocks=blocks)  # fmt: skip

    return load


def asset(what: str) -> Callable[[Path, int, int], list[Group]]:
    """Of that attribute, 0 to 100: pairs with a gap of GAP or more, MOST of them answers."""

    def load(data: Path, seed: int, most: int) -> list[Group]:
        items = read(data / "asset_attr" / "items.jsonl.gz")
        number = {r["id"]: k for k, r in enumerate(items)}
        marks: Marks = {}
        for r in read(data / "asset_attr" / "ratings.jsonl.gz"):
            marks.setdefault(r["u"], {})[number[r["item"]]] = float(r[what])
        ask = _asker(marks, ["" for _ in items], seed, GAP, MOST)
        return _quarters(f"asset {what}", [r["text"] for r in items], marks, ask)

    return load


def opposed(data: Path) -> Float:
    """(people,) of pairs where one side is simpler and one truer to the meaning, how often they are
    not the same: what has to be traded (asset_attr, people with ten such pairs).
    """
    said: dict[str, list[bool]] = {}
    for r in read(data / "asset_attr" / "pairs.jsonl.gz"):
        if 0.5 not in (r["meaning"], r["simplicity"]):
            said.setdefault(r["u"], []).append(r["meaning"] != r["simplicity"])
    return np.array([np.mean(v) for v in said.values() if len(v) >= 10])


def _quarters(name: str, texts: list[str], marks: Marks, ask: Ask, **seen: Any) -> list[Group]:
    out = []
    for quarter in range(4):
        learnt = [u for u in sorted(marks) if part(u, 4) != quarter]
        fold = np.array([part(u, 5, "fold") for u in learnt])
        every = {int(f): ask([u for u, g in zip(learnt, fold, strict=True) if g == f])
                 for f in np.unique(fold)}  # fmt: skip
        judged = ask([u for u in sorted(marks) if part(u, 4) == quarter])
        answers = np.array([_levelled(marks[u], len(texts)) for u in learnt])
        check = {f: a for f, a in every.items() if len(a)}
        if len(judged) and check:
            out.append(Group(f"{name} {quarter}", texts, answers, fold, check, judged, **seen))
    return out


def _levelled(marks: dict[int, float], n: int) -> Float:
    """(n,) in deviations from a person's own middle; nan where not asked."""
    out = np.full(n, np.nan)
    value = np.array(list(marks.values()))
    out[list(marks)] = (value - value.mean()) / max(0.5, value.std())
    return out


def _asker(marks: Marks, blocks: list[str], seed: int, gap: float, first: int) -> Ask:
    block = np.array(blocks)

    def pairs(u: str) -> NDArray[np.int64]:
        seen, value = np.array(list(marks[u])), np.array(list(marks[u].values()))
        a, b = np.triu_indices(len(seen), 1)
        wide = (np.abs(value[a] - value[b]) >= gap) & (block[seen[a]] == block[seen[b]])
        a, b = a[wide], b[wide]
        better = value[a] > value[b]
        made = seen[np.stack([np.where(better, a, b), np.where(better, b, a)])]
        rng = np.random.default_rng([seed, part(u, 2**31)])
        return np.asarray(made[:, rng.permutation(made.shape[1])])

    def ask(names: list[str]) -> Asked:
        found = [p for p in map(pairs, names) if p.shape[1] >= ENOUGH]
        told = np.array([p[:, :first] for p in found], np.int64).reshape(-1, 2, first)
        later = np.concatenate([np.zeros((2, 0), np.int64), *(p[:, first:] for p in found)], 1)
        who = np.repeat(np.arange(len(found)), [p.shape[1] - first for p in found])
        return Asked(told[:, 0], told[:, 1], np.ones(told[:, 0].shape), who, later[0], later[1])

    return ask


def pictured(paths: list[Path]) -> tuple[Float, Float]:
    """(n, 1280) of the picture encoder and (n, s) measured statistics of pictures."""
    source = "\0".join(f"{p.name} {p.stat().st_size}" for p in paths)

    def learned() -> Any:
        from engine.encoders import ENCODERS

        return ENCODERS["lite0"].load()().encode(_opened(paths))

    def measured() -> Any:
        from engine.encoders import picture_stats

        return picture_stats.measure_all(_opened(paths))

    return kept("lite0", source, learned), kept("picture-stats", source, measured)


def _opened(paths: list[Path]) -> list[Any]:
    from PIL import Image

    return [Image.open(p).convert("RGB") for p in paths]
