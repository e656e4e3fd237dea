"""Many people as labelled pairs of texts, to teach a language model to read anybody's.

Two kinds: the constructed personas of the benchmark data (statements that a persona would make over
ones it would not, CC BY 4.0), and SIMULATED people with a liking for each of the eight voices in
which the passages that ship are written. Some of each are held out as whole people.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.shots import Shot

SAY = "Say something that is true of you."
HELD, SHARP = 4, 1.5


@dataclass(frozen=True)
class Person:
    """`told`: what a person could say of themselves. `held`: nothing is learnt of them."""

    name: str
    told: str
    rows: tuple[Shot, ...]
    held: bool


def personas(folder: Path, most: int = 60) -> list[Person]:
    """Constructed: at most `most` rows each, every statement in one; one in four is held."""
    file = folder / "personas" / "statements.jsonl.gz"
    if not file.exists():
        raise ValueError(
            f"no personas in {folder}; pass --data DIR, a folder with personas/statements.jsonl.gz"
        )
    by: dict[str, list[Mapping[str, Any]]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            by.setdefault(row["persona"], []).append(row)
    order = sorted(by, key=lambda n: hashlib.sha256(n.encode()).hexdigest())
    return [_persona(n, by[n], most, k % HELD == 0) for k, n in enumerate(order)]


def _persona(name: str, rows: Sequence[Mapping[str, Any]], most: int, held: bool) -> Person:
    rng = np.random.default_rng(int(hashlib.sha256(name.encode()).hexdigest()[:8], 16))
    would, not_ = ([r["text"] for r in rows if r["match"] == m] for m in (1, 0))
    n = min(most, len(would), len(not_))
    pairs = zip(rng.permutation(would)[:n], rng.permutation(not_)[:n], strict=True)
    words = name.replace("-", " ").replace("_", " ")
    told = f"What marks this person: {words}."
    return Person(name, told, tuple(Shot(SAY, str(a), str(b)) for a, b in pairs), held)


def voices(passages: Sequence[Mapping[str, Any]], count: int = 48, seed: int = 0) -> list[Person]:
    """SIMULATED: u ~ N(0, I) over voices; one row a task, two voices of it, a logistic choice. One
    in four is held.
    """
    names = sorted({p["voice"] for p in passages})
    by: dict[str, dict[str, str]] = {}
    for p in passages:
        by.setdefault(p["prompt"], {})[p["voice"]] = p["text"]
    made = []
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        liking = dict(zip(names, rng.standard_normal(len(names)), strict=True))
        rows = tuple(_row(prompt, by[prompt], liking, rng) for prompt in rng.permutation(list(by)))
        best, worst = (f(liking, key=lambda v: liking[v]) for f in (max, min))
        told = f"This person likes writing that is {best} and not writing that is {worst}."
        made.append(Person(f"voices {k}", told, rows, k % HELD == 0))
    return made


def _row(
    prompt: str, texts: Mapping[str, str], liking: Mapping[str, float], rng: np.random.Generator
) -> Shot:
    a, b = rng.choice(sorted(texts), 2, replace=False)
    lead = SHARP * (liking[a] - liking[b])
    if rng.random() > 1.0 / (1.0 + np.exp(-lead)):
        a, b = b, a
    return Shot(str(prompt), texts[a], texts[b])
