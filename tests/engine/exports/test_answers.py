"""Answers as training data and tables: counted by hand, read again, spoiled and refused."""

import csv
import importlib.util
import json
from pathlib import Path

import pytest

from engine.exports import EXPORTS
from engine.exports.base import Refused, make, prove
from tests.engine.exports.told import ANSWERS, OWN, answer, item, told

FILES = {
    "trl_preference": "preference.jsonl", "trl_kto": "kto.jsonl", "answers_jsonl": "answers.jsonl",
    "answers_csv": "answers.csv", "answers_parquet": "answers.parquet",
}  # fmt: skip
ARROW = importlib.util.find_spec("pyarrow") is not None
HERE = [n for n in FILES if ARROW or n != "answers_parquet"]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_grid_becomes_all_its_pairs_and_ties_are_left_out(tmp_path: Path) -> None:
    proof = make(EXPORTS["trl_preference"].load(), told(tmp_path), tmp_path / "out", fresh=False)
    rows = lines(tmp_path / "out" / "preference.jsonl")
    got = [(r["group"], r["chosen"][-1], r["rejected"][-1]) for r in rows if r["group"] < 8]
    # 3 was clicked first, 2 second, of 1 2 3 4.
    assert got == [(1, "1", "2"), (2, "3", "2"), (2, "3", "1"), (2, "3", "4"), (2, "2", "1"),
                   (2, "2", "4")]  # fmt: skip
    assert set(rows[0]) == {"prompt", "chosen", "rejected", "group", "strength", "between_picks"}
    assert [r["between_picks"] for r in rows[:4]] == [False, True, False, False]
    assert rows[1]["strength"] == 2.0 and rows[-1]["chosen"] == OWN
    (drawn,) = lines(tmp_path / "out" / "pictures.jsonl")
    assert drawn["chosen"].endswith("8") and drawn["rejected_caption"] == "drawing 9"
    assert proof.matched == proof.total == 8
    card = (tmp_path / "out" / "README.md").read_text()
    assert "2 ties left out" in card and "1 pair of texts with different prompts" in card
    assert "8 of 8 rows matched" in card and "Strength" not in card
    assert "8 answers of one person that count" in card and "held-out" not in card


def test_ties_are_judgements_for_kto(tmp_path: Path) -> None:
    make(EXPORTS["trl_kto"].load(), told(tmp_path), tmp_path / "out", fresh=False)
    rows = lines(tmp_path / "out" / "kto.jsonl")
    assert set(rows[0]) == {"prompt", "completion", "label", "group"}
    by = {n: [r["label"] for r in rows if r["group"] == n] for n in (1, 2, 3, 4, 6)}
    assert by == {1: [True, False], 2: [False, True, True, False], 3: [True, True],
                  4: [False, False], 6: []}  # fmt: skip


def test_nothing_is_left_out_of_the_lines_and_the_table(tmp_path: Path) -> None:
    make(EXPORTS["answers_jsonl"].load(), told(tmp_path), tmp_path / "a", fresh=False)
    rows = lines(tmp_path / "a" / "answers.jsonl")
    assert [r["outcome"] for r in rows] == [a["outcome"] for a in ANSWERS]
    make(EXPORTS["answers_csv"].load(), told(tmp_path), tmp_path / "b", fresh=False)
    with open(tmp_path / "b" / "answers.csv", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == sum(len(a["items"]) for a in ANSWERS)
    assert [r["label"] for r in table if r["answer"] in ("3", "4", "6")] == [
        "true", "true", "false", "false", "", ""]  # fmt: skip
    assert next(r["text"] for r in table if r["answer"] == "8") == OWN


def test_a_cell_is_never_a_formula(tmp_path: Path) -> None:
    wild = [answer(1, "picks", item(1, 1, text="=1+1"), item(2, text="\t@x"))]
    make(EXPORTS["answers_csv"].load(), told(tmp_path, answers=wild), tmp_path / "b", fresh=False)
    with open(tmp_path / "b" / "answers.csv", newline="") as stream:
        assert [r["text"] for r in csv.DictReader(stream)] == ["'=1+1", "'\t@x"]
    assert "have a ' before them" in (tmp_path / "b" / "README.md").read_text()


@pytest.mark.parametrize("name", HERE)
def test_own_words_leave_only_when_everything_may(name: str, tmp_path: Path) -> None:
    export = EXPORTS[name].load()
    with pytest.raises(Refused, match="pseudonymous"):
        make(export, told(tmp_path, "vector only", answers=()), tmp_path / "no")
    make(export, told(tmp_path, "pseudonymous"), tmp_path / "out", fresh=False)
    for file in (tmp_path / "out").iterdir():
        assert b"Anna" not in file.read_bytes(), file.name
    assert "1 answer that show own" in (tmp_path / "out" / "README.md").read_text()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "license" not in card.split("---")[1] and "No licence is given" in card


@pytest.mark.parametrize("name", HERE)
def test_a_fresh_process_reads_the_rows_that_were_written(name: str, tmp_path: Path) -> None:
    proof = make(EXPORTS[name].load(), told(tmp_path), tmp_path / "out")
    assert proof.matched == proof.total > 0
    own = not name.startswith("trl") or importlib.util.find_spec("datasets")
    assert proof.tick == ("loaded there" if own else "keys checked")


@pytest.mark.parametrize("name", [n for n in HERE if n != "answers_parquet"])
@pytest.mark.parametrize("change", ["cut", "altered", "repeated"])
def test_a_spoiled_file_is_refused(name: str, change: str, tmp_path: Path) -> None:
    export, what = EXPORTS[name].load(), told(tmp_path)
    make(export, what, tmp_path / "out", fresh=False)
    path = tmp_path / "out" / FILES[name]
    text = path.read_text()
    last = text.rstrip("\n").rpartition("\n")[2] + "\n"
    spoiled = {"cut": text[: -len(last)], "repeated": text + last,
               "altered": text.replace("passage 4", "passage 5", 1)}  # fmt: skip
    path.write_text(spoiled[change])
    with pytest.raises(Refused, match="rows came back"):
        prove(export, what, tmp_path / "out", fresh=False)


def test_ties_alone_make_no_pairs(tmp_path: Path) -> None:
    ties = [a for a in ANSWERS if a["outcome"] != "picks"]
    with pytest.raises(Refused, match="2 ties left out"):
        make(EXPORTS["trl_preference"].load(), told(tmp_path, answers=ties), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(ARROW, reason="pyarrow is installed here")
def test_parquet_without_pyarrow_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="pip install pyarrow"):
        make(EXPORTS["answers_parquet"].load(), told(tmp_path), tmp_path / "out")
