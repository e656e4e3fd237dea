"""What people chose, as pairs of texts, from a folder: (chosen, rejected) by person, with licence.

Read are the folders polis, jester, convarg, personas and pandalm in the layout that the README.md
of the benchmark data gives, and every NAME.jsonl or NAME.jsonl.gz that lies in the folder itself.
One line of those is one choice:

    {"person": "anna", "chosen": "the text she liked more", "rejected": "the other one"}

A first line {"licence": "CC BY 4.0"} says what the file may be used for; without it nobody has
said so. Folders of other names, sealed ones among them, are not opened.
"""

import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

PAIRS = 40
GAP = 2.0
UNSAID = "not said"
MAY_SHIP = re.compile(r"CC0( 1\.0)?|CC BY( \d\.\d)?")
Choices = dict[str, list[tuple[str, str]]]


class Unreadable(ValueError):
    """A file that cannot be learnt from; the message names it and the cure."""


@dataclass(frozen=True)
class Told:
    """`people`: for each person pairs (chosen, rejected), at most PAIRS of them, no text
    in two of them.
    """

    name: str
    licence: str
    people: Choices

    @property
    def may_ship(self) -> bool:
        """Only CC BY and CC0 may be part of the product."""
        return bool(MAY_SHIP.fullmatch(self.licence))


def found(folder: Path, only: tuple[str, ...] = ()) -> list[Told]:
    """Every set that lies in the folder, or those named in `only`."""
    if not folder.is_dir():
        raise Unreadable(f"{folder} is no folder; pass --data DIR with answers of people")
    ways: dict[str, Callable[[], Told]] = {}
    for name, (licence, read) in SETS.items():
        if (folder / name).is_dir():
            ways[name] = _of(name, licence, read, folder / name)
    for file in sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")]):
        ways[file.name.split(".jsonl")[0]] = _of_lines(file)
    if missing := [n for n in only if n not in ways]:
        known = ", ".join(ways) or "nothing that can be read"
        raise Unreadable(f"no {', '.join(missing)} in {folder}; there is {known}")
    if not ways:
        raise Unreadable(f"nothing in {folder} can be read: a folder of {', '.join(SETS)}, or a "
                         'NAME.jsonl with lines {"person", "chosen", "rejected"}')  # fmt: skip
    return [way() for name, way in ways.items() if not only or name in only]


def part(name: str, of: int) -> int:
    """The same part of a person in every run."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % of


def _of(
    name: str, licence: str, read: Callable[[Path], Choices], place: Path
) -> Callable[[], Told]:
    def way() -> Told:
        try:
            people = read(place)
        except (KeyError, TypeError, FileNotFoundError) as wrong:
            raise Unreadable(f"{place} is not laid out as its README.md says: {wrong}") from None
        return Told(name, licence, _few(name, people))

    return way


def _of_lines(file: Path) -> Callable[[], Told]:
    def way() -> Told:
        rows, licence = list(_lines(file)), UNSAID
        if rows and "licence" in rows[0] and "person" not in rows[0]:
            licence = str(rows.pop(0)["licence"])
        people: Choices = defaultdict(list)
        for number, row in enumerate(rows, 1):
            try:
                texts = (row["chosen"], row["rejected"])
                people[str(row["person"])].append(texts)
            except KeyError as wrong:
                raise Unreadable(f"{file.name}, choice {number}: no {wrong}") from None
            if not all(isinstance(t, str) and t for t in texts):
                raise Unreadable(f"{file.name}, choice {number}: both sides must be text")
        name = file.name.split(".jsonl")[0]
        return Told(name, licence, _few(name, people))

    return way


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if file.suffix == ".gz" else open
    number = 0
    try:
        with opened(file, "rt", encoding="utf-8") as stream:
            for line in stream:
                number += 1
                if line.strip():
                    yield json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError, gzip.BadGzipFile, EOFError) as wrong:
        raise Unreadable(f"{file.name}, line {number}: {wrong}; mend it or take it out") from None


def _few(name: str, people: Choices) -> Choices:
    """At most PAIRS of each, drawn once, no text twice: nobody speaks louder because he answered
    more, and what is foretold of him is about other texts than what he said before.
    """
    out: Choices = {}
    for person in sorted(people):
        told, used = people[person], set[str]()
        rng = np.random.default_rng(part(f"{name} {person}", 2**31))
        kept: list[tuple[str, str]] = []
        for i in rng.permutation(len(told)):
            if len(kept) < PAIRS and not used & set(told[i]):
                kept.append(told[i])
                used |= set(told[i])
        out[person] = kept
    return {p: told for p, told in out.items() if told}


def _texts(place: Path) -> dict[str, str]:
    return {r["id"]: r["text"] for r in _lines(place / "items.jsonl.gz")}


def _polis(place: Path) -> Choices:
    """Agreed with, over disagreed with, in one conversation."""
    text = _texts(place)
    out: Choices = defaultdict(list)
    for row in _lines(place / "dev.jsonl.gz"):
        up, down = ([text[i] for i, v in row["votes"] if v == s] for s in (1, -1))
        out[f"{row['conv']} {row['u']}"] += product(up, down)
    return out


def _jester(place: Path) -> Choices:
    """Of two jokes with a gap of GAP or more, on a scale from -10 to 10."""
    text = _texts(place)
    out: Choices = {}
    for row in _lines(place / "dev.jsonl.gz"):
        out[row["u"]] = [(text[f"j{i}"], text[f"j{j}"]) for i, a in row["r"] for j, b in row["r"]
                         if a - b >= GAP]  # fmt: skip
    return out


def _convarg(place: Path) -> Choices:
    text = _texts(place)
    out: Choices = defaultdict(list)
    for r in _lines(place / "dev.jsonl.gz"):
        if r["y"] != 0.5:
            a, b = (r["a"], r["b"]) if r["y"] > 0.5 else (r["b"], r["a"])
            out[r["u"]].append((text[a], text[b]))
    return out


def _personas(place: Path) -> Choices:
    """Constructed people: what one would say, over what he would not; each statement once."""
    said: dict[str, dict[int, list[str]]] = defaultdict(lambda: {0: [], 1: []})
    for r in _lines(place / "statements.jsonl.gz"):
        said[r["persona"]][r["match"]].append(r["text"])
    return {p: list(zip(s[1], s[0], strict=False)) for p, s in said.items()}


def _pandalm(place: Path) -> Choices:
    out: Choices = defaultdict(list)
    for r in _lines(place / "dev.jsonl.gz"):
        for who, label in enumerate(r["labels"]):
            if label != 0.5:
                out[str(who)].append((r["a"], r["b"]) if label > 0.5 else (r["b"], r["a"]))
    return out


SETS: dict[str, tuple[str, Callable[[Path], Choices]]] = {
    "polis": ("CC BY 4.0", _polis),
    "jester": ("GPL-2, research use", _jester),
    "convarg": ("CC BY 4.0", _convarg),
    "personas": ("CC BY 4.0", _personas),
    "pandalm": ("Apache-2.0", _pandalm),
}
