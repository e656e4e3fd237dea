"""A new password, after a reset or one's own: what it ends, and who wins at the same time."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from app.accounts import Accounts, LoginRefused
from profiles.store import Store

ANN = {"ann": "the secret of ann", "bob": "the secret of bob"}
HOME, AWAY = {"address": "192.0.2.1"}, {"address": "198.51.100.9"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    small = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("argon2.PasswordHasher", small)
    with Store.open(tmp_path / "data") as made:
        yield made


def test_a_reset_ends_all_that_opened_the_door_before(store: Store) -> None:
    who = Accounts(store, ANN)
    ann, bob = (store.user(n).id for n in ("ann", "bob"))  # type: ignore[union-attr]
    session, program, other = who.login("bob", ANN["bob"]), who.token(bob, "x"), who.reset(ann, bob)
    mine = who.token(ann, "of somebody else")
    who.join(who.reset(ann, bob), "bob", "a longer secret", HOME)
    for now in (who, Accounts(store, ANN)):
        assert now.caller(session, None) is None and now.caller(None, program) is None
        assert now.caller(None, mine) is not None
        with pytest.raises(LoginRefused):
            now.join(other, "bob", "another secret", AWAY)


def test_ones_own_change_keeps_programs_and_ends_resets(store: Store) -> None:
    who = Accounts(store, ANN)
    ann, bob = (store.user(n).id for n in ("ann", "bob"))  # type: ignore[union-attr]
    program, reset = who.token(bob, "x"), who.reset(ann, bob)
    caller = who.caller(who.login("bob", ANN["bob"]), None)
    assert caller is not None
    who.change_password(caller, ANN["bob"], "a longer secret", HOME)
    assert who.caller(None, program) is not None
    with pytest.raises(LoginRefused):
        who.join(reset, "bob", "another secret", AWAY)


@pytest.mark.parametrize("what", ["login", "change"])
def test_a_reset_wins_over_what_the_old_password_had_begun(
    store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The reset comes right after the old password was found right."""
    who = Accounts(store, ANN)
    ann, bob = (store.user(n).id for n in ("ann", "bob"))  # type: ignore[union-attr]
    caller = who.caller(who.login("bob", ANN["bob"]), None)
    assert caller is not None
    reset, tried = who.reset(ann, bob), who._tried

    def late(*given: Any) -> bool:
        right = tried(*given)
        who.join(reset, "bob", "a longer secret", AWAY)
        return right

    monkeypatch.setattr(who, "_tried", late)
    with pytest.raises(LoginRefused):
        if what == "login":
            who.login("bob", ANN["bob"])
        else:
            who.change_password(caller, ANN["bob"], "a secret of a thief", HOME)
    monkeypatch.setattr(who, "_tried", tried)
    assert len(who.held(bob)) == 1, "the one that the reset opened"
    assert who.login("bob", "a longer secret")
