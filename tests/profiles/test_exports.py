"""Answers as JSON lines that trainers read, and as a table that no spreadsheet runs."""

import csv
import io
import json

import pytest

from profiles.bundle import answers_csv, answers_jsonl
from profiles.exports import COLUMNS, told
from profiles.store import NewItem, Store
from tests.profiles.desk import Desk, full_desk, sha


def test_a_pair_with_a_pick_reads_like_a_preference(desk: Desk) -> None:
    desk.pick(desk.ask(0, 1), 1, predicted=0.25)
    desk.say(desk.ask(0, 1), "both_bad")
    desk.pick(desk.ask(0, 1, 2), 2)
    desk.pick(desk.ask(2, 3))
    desk.undo()
    rows = [json.loads(line) for line in answers_jsonl(desk.store, desk.profile)]
    first = rows[0]
    assert (first["prompt"], first["chosen"], first["rejected"]) == (
        "say it", "passage 1", "passage 0")  # fmt: skip
    assert first["outcome"] == {"picks": [sha("passage 1")]} and first["predicted"] == 0.25
    assert first["items"] == [sha("passage 0"), sha("passage 1")]
    assert all("chosen" not in row for row in rows[1:])
    assert [(r["seq"], r["act"], r["effective"]) for r in rows] == [
        (1, "answer", True), (2, "answer", True), (3, "answer", True), (4, "answer", False),
        (5, "undo", False)]  # fmt: skip


def test_no_number_of_this_machine_is_in_it(store: Store) -> None:
    """Another profile before it shifts every local id, and nothing changes."""
    one = full_desk(store)
    before = ["".join(f(store, one.profile)) for f in (answers_jsonl, answers_csv)]
    text = json.loads(before[0].splitlines()[0])
    assert text["question"] == 1 and all(len(h) == 64 for h in text["items"])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_a_cell_is_never_a_formula(store: Store, desk: Desk, text: str) -> None:
    rows = [NewItem(sha(text + t), text, text + t, "own") for t in ("a", "b")]
    items = store.add_items("text", rows, desk.user)
    asked = store.add_question(desk.profile, "text", items)
    desk.pick(asked, note=text, key=text)
    table = list(csv.DictReader(io.StringIO("".join(answers_csv(store, desk.profile)), newline="")))
    for name in ("note", "key", "prompt", "chosen", "rejected"):
        assert table[0][name].startswith("'" + text)


def test_the_table_has_every_row_and_column(store: Store) -> None:
    desk = full_desk(store)
    text = io.StringIO("".join(answers_csv(store, desk.profile)), newline="")
    table = list(csv.DictReader(text))
    lines = [json.loads(line) for line in answers_jsonl(store, desk.profile)]
    assert [int(row["seq"]) for row in table] == [row["seq"] for row in lines]
    assert tuple(table[0]) == COLUMNS and set(lines[0]) <= set(COLUMNS)
    assert json.loads(table[6]["extra"]) == {"why": "=warmer"}


def test_what_data_sets_are_made_of_shows_everything_and_tells_no_key(desk: Desk) -> None:
    desk.pick(desk.ask(0, 1), 1, note="mine", key="secret")
    desk.say(desk.ask(0, 1, repeat_of=1), "both_good")
    desk.pick(desk.ask(2, 3))
    desk.undo()
    rows = told(desk.store, desk.profile)
    assert [(r["answer"], r["outcome"], r["repeat"]) for r in rows] == [
        (1, "picks", False), (2, "both_good", True)]  # fmt: skip
    assert rows[0]["items"] == [
        {"hash": sha("passage 0"), "prompt": "say it", "text": "passage 0", "made": "starter",
         "picked": 0},
        {"hash": sha("passage 1"), "prompt": "say it", "text": "passage 1", "made": "starter",
         "picked": 1}]  # fmt: skip
    assert "secret" not in str(rows) and "mine" not in str(rows)


def test_picks_of_a_grid_keep_their_click_order(store: Store) -> None:
    grid = next(r for r in told(store, full_desk(store).profile) if r["kind"] == "picture")
    assert [i["picked"] for i in grid["items"]] == [2, 0, 0, 1]
    assert all(i["text"] is None and i["made"] == "own" for i in grid["items"])
