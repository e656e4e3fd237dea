"""Rows of trained adapters. The numbers themselves lie in the folder adapters/ID."""

import json
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from engine.data import Kind
from profiles import rowsums


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
    told = {name: new[name] for name in ("job_id", "name", "kind", "base", "digest")}
    told |= {"profile_id": profile, "card": json.dumps(new["card"]), "created": now}
    made = rowsums.insert(db, "adapters", told)
    choose(db, profile, new["kind"], made)
    return made


def choose(db: Database, profile: int, kind: Kind, adapter: int | None) -> None:
    """The one that Create uses; None: none of them."""
    for row in listed(db, profile):
        wanted = int(row["id"] == adapter)
        if row["kind"] == kind and row["chosen"] != wanted:
            rowsums.change(db, "adapters", {"chosen": wanted}, "id = ?", [row["id"]])


def listed(db: Database, profile: int) -> list[dict[str, Any]]:
    """Newest first."""
    rows = rowsums.select(db, "adapters", "WHERE profile_id = ? ORDER BY id DESC", [profile])
    rowsums.whole(db, "adapters", profile, "", (row["id"] for row in rows))
    return [_row(row) for row in rows]


def one(db: Database, adapter: int) -> dict[str, Any]:
    rows = rowsums.select(db, "adapters", "WHERE id = ?", [adapter])
    if not rows:
        rowsums.absent(db, "adapters", "adapters_profile", adapter)
        raise KeyError(f"there is no adapter {adapter}; see the list on the Keep page")
    return _row(rows[0])


def rename(db: Database, adapter: int, name: str) -> None:
    rowsums.change(db, "adapters", {"name": name}, "id = ?", [adapter])


def note(db: Database, adapter: int, more: Mapping[str, Any]) -> None:
    """Add to the card: what the person's own comparison decided, which exports were proved."""
    card = {**one(db, adapter)["card"], **more}
    rowsums.change(db, "adapters", {"card": json.dumps(card)}, "id = ?", [adapter])


def remove(db: Database, adapter: int) -> None:
    """Delete the row; the next newest of the profile takes its place in Create."""
    gone = one(db, adapter)
    db.execute("DELETE FROM adapters WHERE id = ?", [adapter])
    if gone["chosen"]:
        rest = [r["id"] for r in listed(db, gone["profile_id"]) if r["kind"] == gone["kind"]]
        choose(db, gone["profile_id"], gone["kind"], rest[0] if rest else None)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "card": json.loads(row["card"]), "chosen": bool(row["chosen"])}
