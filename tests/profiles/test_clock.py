"""A clock that jumps, a year back or ten on: the order of things is not that of the clock."""

import time

import pytest

from profiles import backups
from profiles.store import Store
from tests.profiles.desk import Desk, full_desk

JUMPS = {"a year back": -3.2e7, "ten years on": 3.2e8, "an hour back": -3600.0}


@pytest.mark.parametrize("jump", JUMPS)
def test_answers_notes_and_states_keep_their_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, jump: str
) -> None:
    store = desk.store
    first = desk.ask()
    desk.pick(first)
    store.put_version(desk.profile, "text", "bt", "s", 1, {}, "before")
    store.judging.give(desk.user, desk.profile, 1, "keep", "v1")
    _jump(monkeypatch, JUMPS[jump])
    second = desk.ask(2, 3)
    desk.pick(second)
    store.put_version(desk.profile, "text", "bt", "s", 2, {}, "after")
    store.judging.give(desk.user, desk.profile, 1, "drop", "v2")
    store.add_event(desk.user, "later", None, desk.profile)
    assert desk.seqs() == [1, 2] and store.last_answer(desk.profile, "text").seq == 2
    assert [v.note for v in store.versions(desk.profile, "text")] == ["after", "before"]
    assert store.judging.of(desk.profile) == {1: "drop"}
    assert store.events(desk.user)[0]["what"] == "later"
    assert desk.undo() == 2 and desk.seqs() == [1]
    third = desk.ask(4, 5)
    assert store.open_question(desk.profile, "text", "pair") == second
    assert third.id > second.id


@pytest.mark.parametrize("jump", JUMPS)
def test_a_login_after_a_jump_holds_and_is_not_the_first_to_end(
    store: Store, monkeypatch: pytest.MonkeyPatch, jump: str
) -> None:
    """Of nine sessions the new one stays, even when the clock calls it the oldest."""
    user, now = store.put_user("ann", "hash"), time.time()
    for i in range(8):
        store.add_session(user, bytes([i]) * 32, now + 1e9)
    _jump(monkeypatch, JUMPS[jump])
    store.add_session(user, b"n" * 32, time.time() + 1e9)
    assert store.session_user(b"n" * 32, time.time()) == user
    held = store.read(lambda db: db.execute("SELECT count(*) FROM sessions").fetchone()[0])
    assert held == 8


def test_copies_are_pruned_in_the_order_they_were_made(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_desk(store)
    real, made = time.time_ns(), []
    for i in range(14):
        jump = list(JUMPS.values())[i % 3]
        monkeypatch.setattr(time, "time_ns", lambda j=jump: real + int(j * 1e9))
        made.append(store.backup())
    assert backups.backups(store.folder) == made[:3:-1]


def _jump(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
