"""Passwords, pauses, tokens, sessions: on a store and a clock of our own, without a page."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher

from app.accounts import Accounts, Caller, LoginRefused
from app.limits import LIMITS, Rules
from app.lockout import ADDRESS_TRIES, FIRST, LONGEST, NAME_TRIES, Lockout, Wait
from app.sessions import LASTS, digest
from app.wire import Bad, Full, Missing
from profiles.store import Store

ANN = {"ann": "the secret of ann", "bob": "the secret of bob"}
HOME, AWAY = {"address": "192.0.2.1", "agent": "a browser"}, {"address": "198.51.100.9"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as it is, only small: the tests of pauses hash hundreds of times."""
    small = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("argon2.PasswordHasher", small)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as made:
        yield made


def accounts(store: Store, clock: Clock, **more: Any) -> Accounts:
    given = {"passwords": ANN, **more}
    return Accounts(store, rules=Rules(LIMITS, clock), clock=clock, **given)


def acts(store: Store) -> list[str]:
    return [row["what"] for row in reversed(store.audit.newest())]


# pauses


def refused(lockout: Lockout, name: str, address: str) -> float:
    with pytest.raises(Wait) as wait:
        lockout.take(name, address)
    return wait.value.seconds


def test_a_pause_grows_ends_and_is_not_made_longer_by_knocking(clock: Clock) -> None:
    lockout, seen = Lockout(clock), []
    for _ in range(NAME_TRIES):
        lockout.take("ann", "a")
    for _ in range(8):
        pause = refused(lockout, "ann", "b")  # from anywhere
        for _ in range(50):
            assert refused(lockout, "ann", "c") == pause
        seen.append(pause)
        clock.now += pause - 1
        assert refused(lockout, "ann", "b") == 1
        clock.now += 1
        lockout.take("ann", "b")  # one more try, and it is wrong again
    assert seen == [30, 60, 120, 240, 480, 900, 900, 900] and seen[-1] == LONGEST


def test_the_owner_comes_in_from_a_known_place_while_a_stranger_guesses(clock: Clock) -> None:
    lockout = Lockout(clock)
    lockout.take("ann", "home")
    lockout.right("ann", "home")
    for k in range(NAME_TRIES):
        lockout.take("ann", f"away {k}")
    refused(lockout, "ann", "away 9")
    lockout.take("ann", "home")
    lockout.right("ann", "home")


def test_an_address_that_tries_many_names_pauses_for_all_of_them(clock: Clock) -> None:
    lockout = Lockout(clock)
    for k in range(ADDRESS_TRIES):
        lockout.take(f"name {k}", "away")
    assert refused(lockout, "somebody else", "away") == FIRST
    lockout.take("somebody else", "another place")


def test_a_right_password_forgives_and_an_hour_forgets(clock: Clock) -> None:
    lockout = Lockout(clock)
    for _ in range(3):
        for _ in range(NAME_TRIES - 1):
            lockout.take("ann", "a")
        lockout.right("ann", "a")
    for _ in range(NAME_TRIES):
        lockout.take("bob", "b")
    clock.now += 2 * 3600
    for _ in range(NAME_TRIES):
        lockout.take("bob", "b")


# logging in


def test_a_login_rotates_the_token_and_a_logout_ends_it(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    first = who.login("ann", ANN["ann"], HOME)
    second = who.login("ann", ANN["ann"], HOME, old=first)
    assert first != second and who.caller(first, None) is None
    caller = who.caller(second, None)
    assert caller is not None and (caller.by, who.name(caller.user)) == ("session", "ann")
    who.logout(second)
    assert who.caller(second, None) is None and not who.still(caller)
    assert accounts(store, clock).caller(second, None) is None  # nor after a restart
    assert acts(store) == ["login", "login", "logout"]


def test_sessions_outlive_a_restart_but_not_their_time_and_no_clock_moves_them(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = accounts(store, clock).login("ann", ANN["ann"])
    who = accounts(store, clock)
    for wall in (0.0, 4e9):  # the date jumps to 1970 and far ahead
        monkeypatch.setattr("time.time", lambda wall=wall: wall)
        assert who.caller(token, None) is not None
    clock.now += LASTS - 10
    assert who.caller(token, None) is not None
    clock.now += 11
    assert who.caller(token, None) is None


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_oldest_session_ends_when_there_is_one_too_many(
    store: Store, clock: Clock, more: int
) -> None:
    who = accounts(store, clock)
    tokens = [who.login("ann", ANN["ann"]) for _ in range(LIMITS.sessions + more)]
    there = [who.caller(t, None) is not None for t in tokens]
    assert there == [False] * max(0, more) + [True] * min(len(tokens), LIMITS.sessions)


def test_wrong_names_and_wrong_passwords_look_alike_and_are_noted_without_words(
    store: Store, clock: Clock
) -> None:
    who, said = accounts(store, clock), set()
    for name, password in (("ann", "guess"), ("nobody", ANN["ann"]), ("", "x"), ("ann", "")):
        with pytest.raises(LoginRefused) as wrong:
            who.login(name, password, AWAY)
        said.add(str(wrong.value))
        clock.now += 61
    assert len(said) == 1
    rows = store.audit.newest()
    assert [r["what"] for r in rows] == ["login-failed"] * 4
    assert {r["user"] for r in rows} == {store.user("ann").id, None}  # type: ignore[union-attr]
    assert "guess" not in str(rows) and "nobody" not in str(rows)


def test_a_flood_of_wrong_logins_leaves_few_rows_that_tell_how_many(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = accounts(store, clock)
    monkeypatch.setattr(who, "_verified", lambda *_: False)
    for k in range(500):
        with pytest.raises(LoginRefused):
            who.login(f"name {k}", "guess", {"address": f"192.0.2.{k % 50}"})
        clock.now += 0.01
    assert len(store.audit.newest(500)) == 30
    clock.now += 61
    with pytest.raises(LoginRefused):
        who.login("ann", "guess", AWAY)
    assert store.audit.newest(1)[0]["about"]["unsaid"] == 470


def test_an_unknown_name_costs_the_same_check_as_a_known_one(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, checked = accounts(store, clock), []
    real = who._hasher.verify
    hasher = SimpleNamespace(verify=lambda *a: (checked.append(a[0]), real(*a))[1])
    monkeypatch.setattr(who, "_hasher", hasher)
    for name in ("ann", "nobody"):
        with pytest.raises(LoginRefused):
            who.login(name, "a wrong secret")
    assert len(checked) == 2 and all(c.startswith("$argon2id$") for c in checked)
    parameters = {c.rsplit("$", 2)[0] for c in checked}
    assert len(parameters) == 1  # of the same price


def test_a_try_that_was_not_looked_at_counts_for_nothing(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    who._queued = 10**6
    for _ in range(2 * ADDRESS_TRIES):
        with pytest.raises(Full, match="few seconds"):
            who.login("ann", ANN["ann"], HOME)
    who._queued = 0
    caller = who.caller(who.login("ann", ANN["ann"], HOME), None)
    assert caller is not None
    who._queued = 10**6
    for _ in range(2 * ADDRESS_TRIES):
        with pytest.raises(Full, match="few seconds"):
            who.change_password(caller, ANN["ann"], "a longer secret", HOME)
    who._queued = 0
    assert who.change_password(caller, ANN["ann"], "a longer secret", HOME)


# one's own password


def test_a_new_password_ends_every_session_and_outlives_the_flags(
    store: Store, clock: Clock
) -> None:
    who = accounts(store, clock)
    here, there = (who.login("ann", ANN["ann"]) for _ in range(2))
    caller = who.caller(here, None)
    assert caller is not None
    with pytest.raises(LoginRefused):
        who.change_password(caller, "not it", "a longer secret", HOME)
    for bad in ("short", "x" * 201):
        with pytest.raises(Bad, match="8 to 200"):
            who.change_password(caller, ANN["ann"], bad, HOME)
    assert who.caller(there, None) is not None
    now = who.change_password(caller, ANN["ann"], "a longer secret", HOME)
    assert [who.caller(t, None) is not None for t in (here, there, now)] == [False, False, True]
    again = accounts(store, clock)  # started with the old password on the command line
    assert again.login("ann", "a longer secret")
    with pytest.raises(LoginRefused):
        again.login("ann", ANN["ann"])
    assert accounts(store, clock, passwords=None).required


# tokens


def test_the_first_person_takes_over_what_was_there_and_keeps_the_studio(
    store: Store, clock: Clock
) -> None:
    mine = store.add_profile(store.local_user(), "before anybody logged in")
    who = accounts(store, clock, passwords=None, first="the-first-token")
    assert who.required and who.waits_for() == "the-first-token"
    with pytest.raises(LoginRefused):
        who.join("another-token", "eve", "a long secret", AWAY)
    with pytest.raises(Bad):
        who.join("the-first-token", "a:b", "a long secret", HOME)
    token = who.join("the-first-token", "ann", "a long secret", HOME)
    caller = who.caller(token, None)
    assert caller is not None and caller.admin
    assert [p.id for p in store.profiles(caller.user)] == [mine.id]
    with pytest.raises(LoginRefused, match="used up"):
        who.join("the-first-token", "eve", "a long secret", AWAY)
    later = accounts(store, clock, passwords=None, first="a-token-of-a-later-start")
    assert later.required and later.waits_for() is None
    assert later.login("ann", "a long secret")


def test_an_invited_person_comes_in_once_and_is_nobody_special(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    keeper = store.user("ann").id  # type: ignore[union-attr]
    invite = who.invite(keeper)
    with pytest.raises(Bad, match="already"):
        who.join(invite, "bob", "a long secret", HOME)
    caller = who.caller(who.join(invite, "cleo", "a long secret", HOME), None)
    assert caller is not None and not caller.admin and who.name(caller.user) == "cleo"
    with pytest.raises(LoginRefused):
        who.join(invite, "eve", "a long secret", AWAY)
    late = who.invite(keeper)
    clock.now += 25 * 3600
    with pytest.raises(LoginRefused):
        who.join(late, "eve", "a long secret", AWAY)


def test_wrong_tokens_from_elsewhere_keep_no_invited_person_out(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    invite = who.invite(store.user("ann").id)  # type: ignore[union-attr]
    for _ in range(NAME_TRIES):
        with pytest.raises(LoginRefused):
            who.join("none of ours", "eve", "a long secret", AWAY)
    with pytest.raises(Wait):
        who.join("none of ours", "eve", "a long secret", AWAY)
    assert who.join(invite, "cleo", "a long secret", HOME)


def test_a_reset_lets_one_person_choose_anew_whatever_name_they_type(
    store: Store, clock: Clock
) -> None:
    who = accounts(store, clock)
    ann, bob = (store.user(n).id for n in ("ann", "bob"))  # type: ignore[union-attr]
    old = who.login("bob", ANN["bob"])
    caller = who.caller(who.join(who.reset(ann, bob), "ann", "a longer secret", HOME), None)
    assert caller is not None and caller.user == bob and who.caller(old, None) is None
    assert who.login("bob", "a longer secret") and who.login("ann", ANN["ann"])


def test_a_program_comes_in_by_its_token_until_that_is_ended(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    user, bob = (store.user(n).id for n in ("ann", "bob"))  # type: ignore[union-attr]
    token = who.token(user, "a script")
    caller = who.caller(None, token)
    assert caller == Caller(user, "program", False, digest(token))
    assert accounts(store, clock).caller(None, token) == caller
    assert who.caller(token, None) is None  # no cookie
    (held,) = who.held(user)
    with pytest.raises(Missing):
        who.end(bob, [held.id])
    assert who.end(user, [held.id]) == 1 and who.caller(None, token) is None
    assert accounts(store, clock).caller(None, token) is None


def test_only_hashes_are_stored(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    user = store.user("ann").id  # type: ignore[union-attr]
    secrets = [who.login("ann", ANN["ann"]), who.token(user, "x"), who.invite(user), ANN["ann"]]
    for file in store.folder.rglob("penchant.db*"):
        body = file.read_bytes()
        assert not any(s.encode() in body for s in secrets)


# the keeper


def test_who_is_locked_out_is_out_at_once_and_comes_back(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    ann, bob = (store.user(n).id for n in ("ann", "bob"))  # type: ignore[union-attr]
    cookie, token = who.login("bob", ANN["bob"]), who.token(bob, "a script")
    caller = who.caller(cookie, None)
    assert caller is not None and who.still(caller)
    who.lock(ann, bob, True)
    assert who.caller(cookie, None) is None and who.caller(None, token) is None
    assert not who.still(caller)
    with pytest.raises(LoginRefused, match="locked"):
        who.login("bob", ANN["bob"])
    assert accounts(store, clock).caller(None, token) is None
    with pytest.raises(Bad, match="yourself"):
        who.lock(ann, ann, True)
    who.lock(ann, bob, False)
    assert who.login("bob", ANN["bob"]) and who.caller(None, token) is not None


@pytest.mark.parametrize("flags, keeper", [
    ({}, "ann"), ({"admin": "bob"}, "bob"), ({"admin": "nobody"}, None),
])  # fmt: skip
def test_one_person_keeps_the_studio(store: Store, clock: Clock, flags: Any, keeper: Any) -> None:
    who = accounts(store, clock, **flags)
    found = {n: who.is_admin(store.user(n).id) for n in ANN}  # type: ignore[union-attr]
    assert found == {n: n == keeper for n in ANN}


def test_last_seen_is_kept_over_a_restart(store: Store, clock: Clock) -> None:
    who = accounts(store, clock)
    user = store.user("ann").id  # type: ignore[union-attr]
    assert who.seen(user) is None
    who.caller(who.login("ann", ANN["ann"]), None)
    seen = who.seen(user)
    who.close()
    assert seen is not None and accounts(store, clock).seen(user) == seen
