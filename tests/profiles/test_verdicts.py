"""Verdicts: an answer looked at again. The answer stays; what is learned from it follows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import Outcome
from profiles import answers, bundle_format
from profiles.bundle import BadBundle, read_bundle, write_bundle
from profiles.errors import Conflict
from profiles.exports import answers_jsonl, told
from profiles.store import NewAnswer, Store
from profiles.verdicts import Verdict
from tests.profiles.desk import Desk, full_desk, pictures
from tests.profiles.test_bundle import everything


def judge(desk: Desk, seq: int, act: str, key: str = "") -> bool:
    key = key or f"look-{next(desk.keys)}"
    return desk.store.judging.give(desk.user, desk.profile, seq, act, key)


def learned(desk: Desk) -> list[Any]:
    return [c.outcome.json() for c in desk.store.comparisons(desk.profile, "text")]


def test_the_newest_verdict_holds_and_the_answer_stays(desk: Desk) -> None:
    asked = desk.ask(0, 1)
    seq, (left, right) = desk.pick(asked).seq, asked.items
    log = desk.store.answer_rows(desk.profile)
    kept, turned = {"picks": [left]}, {"picks": [right]}
    for act, outcome in (("flip", turned), ("drop", "skip"), ("keep", kept), ("flip", turned),
                         ("open", kept)):  # fmt: skip
        assert judge(desk, seq, act)
        assert learned(desk) == [outcome]
        held = {} if act == "open" else {seq: act}
        assert desk.store.judging.of(desk.profile) == held
    assert desk.store.answer_rows(desk.profile) == log
    assert [c.outcome.picks for c, _ in desk.store.judging.said(desk.profile, "text")] == [(left,)]


def test_one_answer_is_found_as_among_all_of_them(desk: Desk) -> None:
    """Numbers that count, were taken back, were never given, in any order of undo and redo."""
    rng, store = np.random.default_rng(0), desk.store
    own = store.add_items("picture", pictures(4), desk.user, desk.profile)
    for _ in range(60):
        act = rng.choice(["pick", "skip", "picture", "undo", "redo"], p=[0.4, 0.1, 0.1, 0.25, 0.15])
        if act == "pick":
            desk.pick(desk.ask(*map(int, rng.permutation(6)[:2])), predicted=float(rng.random()))
        elif act == "skip":
            desk.say(desk.ask(0, 1), "skip")
        elif act == "picture":
            grid = store.add_question(desk.profile, "picture", own, "thompson")
            picks = Outcome(picks=(grid.items[0],))
            store.add_answer(NewAnswer(grid.id, picks, key=f"picture-{next(desk.keys)}"))
        else:
            desk.undo() if act == "undo" else desk.redo()
        held = {c.seq: (c, p) for kind in ("picture", "text")
                for c, p in store.judging.said(desk.profile, kind)}  # fmt: skip
        for seq in range(rng.integers(3), 64):
            found = store.read(lambda db, seq=seq: answers.one(db, desk.profile, seq))
            assert found == held.get(seq)
    assert store.judging.one(desk.profile, 999) is None


def test_a_verdict_costs_the_same_after_a_long_history(desk: Desk) -> None:
    """Counted in instructions of SQLite's machine, so that the clock does not matter."""

    def grow(n: int) -> int:
        return [desk.pick(desk.ask(0, 1)).seq for _ in range(n)][0]

    def cost(seq: int) -> int:
        steps = [0]

        def work(db: Any) -> None:
            db.conn.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 1)
            desk.store.judging._give(db, (desk.user, desk.profile), Verdict(seq, "keep", "same"))
            db.conn.set_progress_handler(None, 1)
            raise KeyError  # nothing of it stays

        with pytest.raises(KeyError):
            desk.store.write(work)
        return steps[0]

    first = grow(16)
    short = cost(first)
    grow(112)
    assert cost(first) < 2 * short, "eight times as many answers, three more halvings"


def test_a_tie_turns_into_the_other_tie(desk: Desk) -> None:
    seq = desk.say(desk.ask(0, 1), "both_good").seq
    judge(desk, seq, "flip")
    assert learned(desk) == ["both_bad"]


def test_the_same_key_twice_is_one_verdict(desk: Desk) -> None:
    seq = desk.pick(desk.ask(0, 1)).seq
    assert judge(desk, seq, "drop", "tap") and not judge(desk, seq, "drop", "tap")
    with pytest.raises(Conflict):
        judge(desk, seq, "flip", "tap")


def test_what_makes_no_sense_is_refused(desk: Desk) -> None:
    pick = desk.pick(desk.ask(0, 1)).seq
    grid = desk.pick(desk.ask(2, 3, 4)).seq
    skip = desk.say(desk.ask(5, 6), "skip").seq
    for seq in (grid, skip):
        with pytest.raises(ValueError, match="drop this one"):
            judge(desk, seq, "flip")
    with pytest.raises(ValueError, match="choose of keep"):
        judge(desk, pick, "burn")
    with pytest.raises(KeyError, match="no answer 99"):
        judge(desk, 99, "keep")
    assert desk.store.judging.of(desk.profile) == {}


def test_it_goes_and_comes_with_its_answer(desk: Desk) -> None:
    asked = desk.ask(0, 1)
    seq = desk.pick(asked).seq
    judge(desk, seq, "flip")
    desk.undo()
    assert learned(desk) == []
    with pytest.raises(KeyError, match="that counts"):
        judge(desk, seq, "drop")
    desk.redo()
    assert learned(desk) == [{"picks": [asked.items[1]]}]


def version(desk: Desk, seq: int) -> int:
    arrays = {"mean": np.zeros(2)}
    return desk.store.put_version(desk.profile, "text", "bt", "starter:text", seq, arrays)


def newest(desk: Desk) -> int | None:
    seqs = set(desk.seqs())
    found = desk.store.version_within(desk.profile, "text", "bt", "starter:text", seqs)
    return found.id if found else None


def test_a_state_that_does_not_know_the_verdict_is_passed_over(desk: Desk) -> None:
    first, second = (desk.pick(desk.ask(i, i + 1)).seq for i in (0, 2))
    early, late = version(desk, first), version(desk, second)
    assert newest(desk) == late
    judge(desk, second, "keep")
    assert newest(desk) == late, "keeping an answer changes nothing that was learned"
    judge(desk, second, "flip")
    assert newest(desk) == early, "it knows the first answer only"
    judge(desk, first, "drop")
    assert newest(desk) is None
    again = version(desk, second)
    assert newest(desk) == again
    judge(desk, first, "open")
    assert newest(desk) is None, "taking a verdict back changes what is learned too"


def test_data_sets_read_answers_through_it(desk: Desk) -> None:
    asked = desk.ask(0, 1)
    flipped = desk.pick(asked).seq
    dropped = desk.pick(desk.ask(2, 3)).seq
    judge(desk, flipped, "flip"), judge(desk, dropped, "drop")
    one, two = told(desk.store, desk.profile)
    assert [i["picked"] for i in one["items"]] == [0, 1]
    assert two["outcome"] == "skip" and not any(i["picked"] for i in two["items"])
    rows = [json.loads(line) for line in answers_jsonl(desk.store, desk.profile)]
    assert [r["verdict"] for r in rows] == ["flip", "drop"]
    assert rows[0]["outcome"]["picks"] == [rows[0]["items"][0]], "as it was given"
    assert (rows[0]["chosen"], rows[0]["rejected"]) == ("passage 1", "passage 0")
    assert "chosen" not in rows[1]


def test_it_travels_in_a_bundle_and_goes_with_its_profile(store: Store, tmp_path: Path) -> None:
    desk = full_desk(store)
    assert "verdicts" not in bundle_format.unpack(write_bundle(store, desk.profile))
    judge(desk, 1, "flip"), judge(desk, 2, "drop"), judge(desk, 3, "keep")
    data = write_bundle(store, desk.profile)
    with Store.open(tmp_path / "there") as there:
        made = read_bundle(there, there.local_user(), data)
        assert there.judging.of(made.id) == {1: "flip", 2: "drop", 3: "keep"}
        seqs = {c.seq for c in there.comparisons(made.id, "text")}
        assert there.version_within(made.id, "text", "bt", "starter:text", seqs) is None
        again = bundle_format.unpack(write_bundle(there, made.id))
        assert again["verdicts"] == bundle_format.unpack(data)["verdicts"]
        assert there.delete_profile(made.id)["left"] == 0
        assert there.judging.of(made.id) == {}


def line(seq: object, act: object, key: object = "k", **more: object) -> bytes:
    return json.dumps({"seq": seq, "act": act, "key": key, **more}).encode() + b"\n"


def test_verdicts_that_make_no_sense_leave_no_trace(store: Store) -> None:
    desk = full_desk(store)
    parts = bundle_format.unpack(write_bundle(store, desk.profile))
    before = everything(store)
    for body in (line(99, "keep"), line(1, "burn"), line(1, 2), line(1, "keep", ""),
                 line("1", "keep"), line(7, "flip"), line(9, "flip"), line(10, "keep"),
                 line(1, "keep", x=1), line(1, "keep") + line(2, "keep")):  # fmt: skip
        with pytest.raises(BadBundle):
            read_bundle(store, desk.user, bundle_format.pack({**parts, "verdicts": body}))
    assert everything(store) == before
    read_bundle(store, desk.user, bundle_format.pack({**parts, "verdicts": line(1, "flip")}))
