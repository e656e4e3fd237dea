"""Every answer that counts, one JSON line each, with all that was shown: nothing is left out.

Picks, "both good", "both bad" and skips stand as they were given; `picked` is 0 or the place in
click order. Pictures are named by content hash and caption.
"""

from pathlib import Path

from engine.exports.base import Expected, Export, Loaded, Material, Probe
from engine.exports.checks import answers

FILE = "answers.jsonl"


def tables(what: Material) -> tuple[answers.Tables, str]:
    """One line an answer; where an item came from is our own matter and stays here."""
    rows, left = answers.kept(what)
    made = [{**a, "strength": float(a["strength"]),
             "items": [{k: v for k, v in i.items() if k != "made"} for i in a["items"]]}
            for a in rows]  # fmt: skip
    return {FILE: made}, left


def write(what: Material, folder: Path) -> None:
    answers.write_lines(folder, tables(what)[0])


def expect(what: Material) -> Expected:
    return answers.expected(what, *tables(what))


def reload(folder: Path, probe: Probe) -> Loaded:
    return answers.compared(folder, probe, answers.read_lines)


ANSWERS_JSONL = Export(
    write, reload, expect, "Answers as JSON lines", frozenset({"answers"}),
    "`[json.loads(line) for line in open(\"answers.jsonl\")]`: one answer a line, ties and skips "
    "included.",
    words=True,
)  # fmt: skip
