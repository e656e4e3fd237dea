"""Rows of trained adapters. The numbers themselves lie in the folder adapters/ID."""

import json
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from engine.data import Kind

COLUMNS = ("id", "profile_id", "job_id", "name", "kind", "base", "digest", "card", "chosen",
           "created")  # fmt: skip
SELECT = f"SELECT {', '.join(COLUMNS)} FROM adapters"


def add(db: Database, profile: int, new: Mapping[str, Any], now: float) -> int:
    """new: job_id (or None), name, kind, base, digest, card. The newest is the chosen one.

    The same adapter of the same job is one row, however often its commit is tried.
    """
    if new["job_id"] is not None:
        found = db.execute(
            "SELECT id FROM adapters WHERE job_id = ? AND digest = ?",
            [new["job_id"], new["digest"]],
        ).fetchone()
        if found:
            return int(found[0])
    cursor = db.execute(
        "INSERT INTO adapters(profile_id, job_id, name, kind, base, digest, card, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [profile, new["job_id"], new["name"], new["kind"], new["base"], new["digest"],
         json.dumps(new["card"]), now],
    )  # fmt: skip
    made = int(cursor.lastrowid or 0)
    choose(db, profile, new["kind"], made)
    return made


def choose(db: Database, profile: int, kind: Kind, adapter: int | None) -> None:
    """The one that Create uses; None: none of them."""
    db.execute(
        "UPDATE adapters SET chosen = (id IS ?) WHERE profile_id = ? AND kind = ?",
        [adapter, profile, kind],
    )


def listed(db: Database, profile: int) -> list[dict[str, Any]]:
    """Newest first."""
    rows = db.execute(f"{SELECT} WHERE profile_id = ? ORDER BY id DESC", [profile]).fetchall()
    return [_row(row) for row in rows]


def one(db: Database, adapter: int) -> dict[str, Any]:
    row = db.execute(f"{SELECT} WHERE id = ?", [adapter]).fetchone()
    if row is None:
        raise KeyError(f"there is no adapter {adapter}; see the list on the Keep page")
    return _row(row)


def rename(db: Database, adapter: int, name: str) -> None:
    db.execute("UPDATE adapters SET name = ? WHERE id = ?", [name, adapter])


def note(db: Database, adapter: int, more: Mapping[str, Any]) -> None:
    """Add to the card: what the person's own comparison decided, which exports were proved."""
    card = {**one(db, adapter)["card"], **more}
    db.execute("UPDATE adapters SET card = ? WHERE id = ?", [json.dumps(card), adapter])


def remove(db: Database, adapter: int) -> None:
    """Delete the row; the next newest of the profile takes its place in Create."""
    gone = one(db, adapter)
    db.execute("DELETE FROM adapters WHERE id = ?", [adapter])
    if gone["chosen"]:
        rest = [r["id"] for r in listed(db, gone["profile_id"]) if r["kind"] == gone["kind"]]
        choose(db, gone["profile_id"], gone["kind"], rest[0] if rest else None)


def _row(row: tuple[Any, ...]) -> dict[str, Any]:
    made = dict(zip(COLUMNS, row, strict=True))
    return {**made, "card": json.loads(made["card"]), "chosen": bool(made["chosen"])}
