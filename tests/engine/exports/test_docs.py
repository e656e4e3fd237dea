"""docs/exports.md tells every target, with the words of the table."""

import re
from pathlib import Path

import pytest

from engine.exports import EXPORTS
from engine.exports.base import Export
from engine.starter.drawer.personal import FULL

DOC = Path(__file__).resolve().parents[3] / "docs" / "exports.md"
SAID = {"name": "mine", "slug": "mine", "strength": "1", "full": "2", "share": "50%"}
# Full strength of the slider is another number for the personal vector.
THEIRS = {"ppd": {"full": f"{FULL:g}"}}


def rows() -> dict[str, list[str]]:
    found = (re.split(r"\s+\|\s+", line.strip("| \n")) for line in DOC.read_text().splitlines()
             if line.startswith("| `"))  # fmt: skip
    return {cells[0].strip("`"): cells[1:] for cells in found}


def test_every_target_is_told_and_no_other() -> None:
    assert list(rows()) == list(EXPORTS)


@pytest.mark.parametrize("name", EXPORTS)
def test_a_row_says_what_the_table_says(name: str) -> None:
    entry = EXPORTS[name]
    export: Export = entry.load()
    label, tick, usage = rows()[name]
    assert label == entry.label == export.label
    assert tick.startswith(("loaded there", "keys checked"))
    assert usage == export.usage.format(**SAID | THEIRS.get(name, {}))
    assert export.words == ("words" in entry.traits)
