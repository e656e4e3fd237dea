"""Users, the log and tokens on the command line, and what it says of a first start."""

import json
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from app import cli, flags
from app.accounts import Accounts
from app.auditing import look
from profiles.store import Store

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which ann chose her own password."""
    small = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("argon2.PasswordHasher", small)
    with Store.open(tmp_path / "data") as store:
        Accounts(store, None, first="first").join("first", "ann", "a long secret")
    return tmp_path / "data"


@pytest.fixture
def call(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*words: object) -> tuple[int, Any]:
        code = cli.main([*map(str, words), "--json", "--data-dir", str(folder)])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_whoever_is_at_the_machine_sees_and_changes_who_may_log_in(
    call: Call, folder: Path
) -> None:
    (ann,) = call("users")[1]["users"]
    assert (ann["name"], ann["profiles"], ann["locked"], ann["admin"]) == ("ann", 0, False, True)
    assert call("users", "lock", "ann")[1] == {"name": "ann", "locked": True}
    assert call("users")[1]["users"][0]["locked"]
    assert call("users", "unlock", "ann")[1]["locked"] is False
    told = call("users", "limit", "ann", "comparisons=7", "acts=3")[1]["limits"]
    assert (told["comparisons"], told["acts"]) == (7, 3)
    token = call("users", "invite")[1]["token"]
    with Store.open(folder) as store:
        who = Accounts(store, None)
        assert who.rules.of(ann["id"]).comparisons == 7
        assert who.join(token, "bob", "a long secret")
        again = who.reset(ann["id"], ann["id"])
        assert who.join(again, "", "a longer secret") and who.login("ann", "a longer secret")


def test_verbs_reach_the_things_of_the_one_who_is_named(call: Call) -> None:
    made = call("new", "Hers", "--user", "ann")[1]
    assert call("profiles")[1]["profiles"] == []
    assert [p["id"] for p in call("profiles", "--user", "ann")[1]["profiles"]] == [made["id"]]
    code, wrong = call("profiles", "--user", "eve")
    assert code == 2 and "nobody here is called 'eve'; there is ann" in wrong["error"]


def test_the_log_is_shown_verified_and_a_change_is_named(call: Call, folder: Path) -> None:
    made = call("new", "Hers", "--user", "ann")[1]["id"]
    call("export", made, folder.parent / "taste.penchant", "--user", "ann")
    call("delete", made, "--user", "ann")
    told = call("audit", "-n", 2)[1]
    rows = [(r["what"], r["name"], r["about"].get("profile")) for r in told["newest_rows"]]
    assert rows == [("delete", "ann", made), ("export", "ann", made)] and told["intact"]
    n = call("audit", "--verify")[1]["rows"]
    assert look(folder / "penchant.db") == (
        f"{n} rows, none changed; the newest is {told['newest'][:16]}", True)  # fmt: skip
    db = sqlite3.connect(folder / "penchant.db")
    db.execute("DROP TRIGGER audit_stays")
    db.execute("UPDATE audit SET user_id = 99 WHERE id = 2")
    db.commit()
    db.close()
    assert look(folder / "penchant.db") == ("row 2 is not as it was written", False)


def test_a_token_for_a_program_opens_the_door_of_its_person(call: Call, folder: Path) -> None:
    token = call("token", "ann", "my", "script")[1]["token"]
    with Store.open(folder) as store:
        caller = Accounts(store, None).caller(None, token)
        assert caller is not None and (caller.by, caller.admin) == ("program", False)


@pytest.mark.parametrize("words, said", [
    ("users sing ann", "not 'sing'"), ("users lock eve", "nobody here"),
    ("users limit ann wings=1", "NAME=NUMBER"), ("token eve", "nobody here"),
])  # fmt: skip
def test_what_cannot_be_is_said(call: Call, words: str, said: str) -> None:
    code, wrong = call(*words.split())
    assert code == 2 and said in wrong["error"]


def test_the_flags_ask_for_a_login_or_say_how(tmp_path: Path) -> None:
    def read(text: str, **env: str) -> flags.Options:
        return flags.read(flags.parse([*text.split(), "--data-dir", str(tmp_path)]), env)

    with pytest.raises(flags.Wrong, match="--token"):
        read("run --listen")
    one, two = read("run --listen --token"), read("run --listen --token")
    assert one.first and one.first != two.first and one.first not in repr(one)
    assert read("run --token --auth a:b").first is None
    assert read("run --limits comparisons=9,queue=3").limits == {"comparisons": 9, "queue": 3}
    assert read("run", PENCHANT_LIMITS="acts=0").limits == {"acts": 0}
    assert read("run", PENCHANT_AUTH="ann:secret").auth == {"ann": "secret"}
    for wrong in ("run --admin ann", "run --limits wings=1"):
        with pytest.raises(flags.Wrong):
            read(wrong)
