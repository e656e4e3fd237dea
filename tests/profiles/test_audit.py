"""The audit log: a chain that shows every change, rows that cannot be changed, no words in it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from profiles import audit
from profiles.opening import FILE
from profiles.store import Store
from tests.profiles.desk import Desk


def rows(store: Store) -> list[tuple[Any, ...]]:
    return list(store.read(lambda db: db.execute(audit.ALL).fetchall()))


def test_the_first_digest_is_the_one_worked_out_by_hand() -> None:
    import hashlib

    text = b'[1,2.5,7,"login","{}"]'
    want = hashlib.sha256(bytes(32) + text).digest()
    assert audit.digest(audit.START, (1, 2.5, 7, "login", "{}")) == want


def test_rows_come_newest_first_and_the_chain_holds(store: Store) -> None:
    for k in range(3):
        store.audit.note(k, "export", profile=k)
    found = store.audit.newest(2)
    assert [(r["id"], r["about"]) for r in found] == [(3, {"profile": 2}), (2, {"profile": 1})]
    assert store.audit.newest(2, before=2)[0]["id"] == 1
    told = store.audit.verify()
    assert (told["rows"], told["intact"]) == (3, True) and told["newest"] == rows(store)[-1][
        -1
    ].hex()


def test_before_the_first_row_there_is_nothing(store: Store) -> None:
    assert store.audit.newest() == []
    store.audit.note(1, "export")
    assert store.audit.newest(5, before=1) == []


@pytest.mark.parametrize("change", [
    "UPDATE audit SET what = 'login' WHERE id = 2",
    "DELETE FROM audit WHERE id = 2",
    "DELETE FROM audit",
    "INSERT OR REPLACE INTO audit SELECT id, created, user_id, 'x', about, digest FROM audit",
    "INSERT INTO audit SELECT 1, created, user_id, what, about, digest FROM audit WHERE id = 2",
])  # fmt: skip
def test_no_statement_changes_what_was_noted(store: Store, change: str) -> None:
    for _ in range(3):
        store.audit.note(1, "delete", profile=4)
    before = rows(store)
    with pytest.raises(sqlite3.IntegrityError, match="audit log"):
        store.write(lambda db: db.execute(change))
    assert rows(store) == before


@pytest.mark.parametrize("how", ["what", "user_id", "created", "about", "gone", "swapped", "cut"])
def test_a_change_behind_the_back_of_the_store_is_named(tmp_path: Path, how: str) -> None:
    with Store.open(tmp_path / "data") as store:
        for k in range(4):
            store.audit.note(k, "login", session=str(k))
        newest = store.audit.verify()["newest"]
    db = sqlite3.connect(tmp_path / "data" / FILE)
    for trigger in ("audit_stays", "audit_kept", "audit_grows"):
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute({
        "gone": "DELETE FROM audit WHERE id = 2",
        "cut": "DELETE FROM audit WHERE id = 4",
        "swapped": "UPDATE audit SET user_id = CASE id WHEN 2 THEN 2 ELSE 1 END WHERE id IN (2, 3)",
    }.get(how, f"UPDATE audit SET {how} = 5 WHERE id = 2"))  # fmt: skip
    n, head, wrong = audit.check(db.execute(audit.ALL))
    db.close()
    if how == "cut":  # only who noted the newest digest down can tell
        assert not wrong and head != newest
    else:
        assert n == 2 and "row 2" in wrong


def test_it_outlives_the_profile_and_names_it_by_number_only(store: Store, desk: Desk) -> None:
    store.audit.note(desk.user, "export", profile=desk.profile)
    store.delete_profile(desk.profile)
    assert [r["about"] for r in store.audit.newest()] == [{"profile": desk.profile}]
    assert store.audit.verify()["intact"]
