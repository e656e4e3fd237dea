"""Every item that was shown as a row of a table, for spreadsheets and statistics.

A cell that a spreadsheet would run as a formula gets a quote before it; JSON lines and Parquet hold
the texts untouched.
"""

import csv
from pathlib import Path
from typing import Any

from engine.exports.base import Expected, Export, Loaded, Material, Probe
from engine.exports.checks import answers

FILE = "answers.csv"
FORMULA = ("=", "+", "-", "@")
QUOTED = "Cells that begin as a formula does have a ' before them; JSON lines have them untouched."


def tables(what: Material) -> tuple[answers.Tables, str]:
    """Rows as a reader of CSV gives them: every cell a text, nothing is the empty one."""
    rows, left = answers.kept(what)
    made = [{k: _cell(v) for k, v in row.items()} for row in answers.flat(rows)]
    quoted = any(v.startswith("'") for row in made for v in row.values())
    return {FILE: made}, " ".join(filter(None, (left, QUOTED if quoted else "")))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    risky = text.lstrip().startswith(FORMULA) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if risky else text


def write(what: Material, folder: Path) -> None:
    with open(folder / FILE, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(answers.COLUMNS))
        writer.writeheader()
        writer.writerows(tables(what)[0][FILE])


def expect(what: Material) -> Expected:
    return answers.expected(what, *tables(what))


def reload(folder: Path, probe: Probe) -> Loaded:
    return answers.compared(folder, probe, _read)


def _read(path: Path) -> list[answers.Row]:
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


ANSWERS_CSV = Export(
    write, reload, expect, "Answers as a table (CSV)", frozenset({"answers"}),
    "`pandas.read_csv(\"answers.csv\")`, or any spreadsheet: a row for every item that was shown.",
    words=True,
)  # fmt: skip
