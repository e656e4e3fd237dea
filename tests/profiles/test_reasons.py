"""Reasons: beside the answers, never instead of them; the last one holds."""

import sqlite3

import pytest

from profiles import reasons
from profiles.errors import Conflict, Damaged
from profiles.exports import told
from tests.profiles.desk import Desk


def held(desk: Desk) -> dict[int, tuple[tuple[str, ...], str]]:
    return {s: (r.chips, r.words) for s, r in desk.store.reasons.of(desk.profile).items()}


def test_the_last_one_holds_and_an_empty_one_takes_it_back(desk: Desk) -> None:
    first, second = desk.pick(desk.ask(0, 1)).seq, desk.pick(desk.ask(2, 3)).seq
    desk.why(first, "calmer", "shorter", "calmer")
    desk.why(second, words="  it\n breathes ")
    assert held(desk) == {first: (("shorter", "calmer"), ""), second: ((), "it breathes")}
    desk.why(first, "shorter", words="and it rhymes")
    desk.why(second)
    assert held(desk) == {first: (("shorter",), "and it rhymes")}
    assert desk.seqs() == [first, second], "the answers are as they were"


def test_the_same_key_twice_is_one_reason(desk: Desk) -> None:
    seq = desk.pick(desk.ask()).seq
    given = reasons.new(desk.profile, seq, ("warmer",), "", "tap-1")
    assert desk.store.reasons.give(given) and not desk.store.reasons.give(given)
    with pytest.raises(Conflict):
        desk.store.reasons.give(reasons.new(desk.profile, seq, ("drier",), "", "tap-1"))


def test_only_a_pick_of_passages_has_one(desk: Desk) -> None:
    tie = desk.say(desk.ask(), "both_good").seq
    pick = desk.pick(desk.ask(2, 3)).seq
    undone = desk.undo()
    for seq in (tie, 99, pick + 1):
        with pytest.raises(KeyError, match="no pick of a passage"):
            desk.why(seq, "shorter")
    assert undone == pick and desk.why(pick, "shorter"), "it may be put in again"
    with pytest.raises(ValueError, match="no reason 'nicer'"):
        desk.why(pick, "nicer")
    with pytest.raises(ValueError, match="200 characters"):
        desk.why(pick, words="x" * 201)


def test_undo_takes_it_along_and_redo_brings_it_back(desk: Desk) -> None:
    seq = desk.pick(desk.ask()).seq
    desk.why(seq, "funnier", words="the goat")
    assert [(r["reason"], r["reason_words"]) for r in told(desk.store, desk.profile)] == [
        (["funnier"], "the goat")
    ]
    desk.undo()
    assert told(desk.store, desk.profile) == []
    desk.redo()
    assert told(desk.store, desk.profile)[0]["reason"] == ["funnier"]


def test_a_stored_reason_is_never_changed_and_damage_is_seen(desk: Desk) -> None:
    desk.why(desk.pick(desk.ask()).seq, "longer")
    for sql in ("UPDATE reasons SET words = 'x'", "DELETE FROM reasons"):
        with pytest.raises(sqlite3.IntegrityError, match="reasons"):
            desk.store.write(lambda db, sql=sql: db.execute(sql))

    def spoil(db: object) -> None:
        db.execute("DROP TRIGGER reasons_stay")  # type: ignore[attr-defined]
        db.execute("UPDATE reasons SET words = 'x'")  # type: ignore[attr-defined]

    desk.store.write(spoil)
    with pytest.raises(Damaged, match="newest backup"):
        held(desk)
