"""A person's answers as rows that trainers and tables read, and how such files are compared.

The answers come as `profiles/exports.py:told` gives them. What a person wrote alone (texts of their
own, prompts typed on Create, reasons in own words) leaves at privacy 'full' only: at
'pseudonymous' every answer that shows such an item is left out and counted; tapped reasons stay.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.exports.base import Expected, Loaded, Material, Probe, Refused

Row = dict[str, Any]
# file name -> its rows
Tables = dict[str, list[Row]]
SHIPPED = "starter"
COLUMNS = {
    "answer": int, "kind": str, "form": str, "rule": str, "repeat": bool, "outcome": str,
    "strength": float, "place": int, "picked": int, "label": bool, "prompt": str, "text": str,
    "hash": str, "reason": str, "reason_words": str,
}  # fmt: skip


def kept(what: Material) -> tuple[list[Mapping[str, Any]], str]:
    """The answers that may leave, and what is said of those that may not."""
    if what.facts.privacy == "full":
        return list(what.answers), ""
    rows: list[Mapping[str, Any]] = [
        {**a, "reason_words": ""}
        for a in what.answers
        if all(i["made"] == SHIPPED for i in a["items"])
    ]
    lost = len(what.answers) - len(rows)
    said = f"{counted(lost, 'answer')} that show own or generated things were left out."
    return rows, said if lost else ""


def counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def pairs(answers: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Row, Row]]:
    """(answer, chosen, rejected): every pick over all that was not picked, and over every later
    pick, for picks are in click order and the belief reads them so. Ties and skips give none.
    """
    for answer in answers:
        best = sorted((i for i in answer["items"] if i["picked"]), key=lambda i: i["picked"])
        rest = [i for i in answer["items"] if not i["picked"]]
        for place, chosen in enumerate(best):
            for other in (*best[place + 1 :], *rest):
                yield answer, chosen, other


def label(answer: Mapping[str, Any], item: Mapping[str, Any]) -> bool | None:
    """Good or not: both alike in a tie, the picked ones in a choice; a skip says nothing."""
    if answer["outcome"] == "picks":
        return bool(item["picked"])
    return {"both_good": True, "both_bad": False}.get(answer["outcome"])


def flat(answers: Iterable[Mapping[str, Any]]) -> list[Row]:
    """One row for every item that was shown, with COLUMNS; picked 0 is not picked, 1 first."""
    return [
        {
            "answer": a["answer"], "kind": a["kind"], "form": a["form"], "rule": a["rule"],
            "repeat": a["repeat"], "outcome": a["outcome"], "strength": float(a["strength"]),
            "place": place, "picked": i["picked"], "label": label(a, i), "prompt": i["prompt"],
            "text": i["text"], "hash": i["hash"], "reason": ", ".join(a["reason"]),
            "reason_words": a["reason_words"],
        }
        for a in answers for place, i in enumerate(a["items"], 1)
    ]  # fmt: skip


def said(item: Mapping[str, Any]) -> str:
    """What stands for an item: a passage for itself, a picture by its content hash."""
    return str(item["text"] if item["text"] is not None else item["hash"])


def expected(what: Material, tables: Tables, note: str) -> Expected:
    """What must be read again: a digest a row, so that no text goes through a third file."""
    if not any(tables.values()):
        raise Refused(f"there is nothing to write: {note or 'no answer says what is liked'}")
    told = {name: [digest(row) for row in rows] for name, rows in tables.items() if rows}
    return Expected(Probe(str(what.model), extra={"rows": told}), note=note)


def digest(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:24]


def compared(folder: Path, probe: Probe, read: Callable[[Path], Sequence[Mapping[str, Any]]],
             own: bool = True, why: str = "") -> Loaded:  # fmt: skip
    """Row by row and in order: as many must match as were written."""
    matched = total = 0
    for name, wanted in probe.extra["rows"].items():
        got = [digest(row) for row in read(folder / name)]
        matched += sum(a == b for a, b in zip(got, wanted, strict=False))
        total += max(len(got), len(wanted))
    return Loaded(matched, total, own=own, why=why)


def write_lines(folder: Path, tables: Tables) -> None:
    """JSON lines, no file without a row."""
    for name, rows in tables.items():
        if rows:
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / name).write_text("".join(lines), encoding="utf-8", newline="")


def read_lines(path: Path) -> list[Row]:
    with open(path, encoding="utf-8", newline="\n") as stream:
        return [json.loads(line) for line in stream]


def by_datasets(folder: Path, probe: Probe) -> Loaded:
    """As TRL is fed: by `datasets` where it is installed, by the json module elsewhere."""
    try:
        import datasets
    except ImportError:
        why = "Read as JSON lines; `pip install datasets` has them read as TRL is fed."
        return compared(folder, probe, read_lines, own=False, why=why)

    def read(path: Path) -> list[Row]:
        with tempfile.TemporaryDirectory() as cache:
            made = datasets.load_dataset("json", data_files=str(path), split="train",
                                         cache_dir=cache)  # fmt: skip
            return [dict(row) for row in made]

    return compared(folder, probe, read)
