"""Derived states by (method, space, seq), generations, jobs: what was made from the answers."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from safetensors.numpy import load, save
from sqlite_utils import Database

from engine.data import Kind
from profiles import rowsums
from profiles.errors import Damaged
from profiles.records import Version

KEPT, RECENT = 48, 16
VERSION = ("id", "kind", "method", "space", "seq", "created", "note")
OPEN = "('queued', 'running', 'paused', 'interrupted')"
STATES = ("queued", "running", "paused", "done", "failed", "stopped", "interrupted")
GENERATION = ("id", "kind", "prompt", "seed", "strength", "request", "results", "created")


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as one safetensors blob."""
    return save({name: array.copy(order="C") for name, array in arrays.items()})


def put_version(db: Database, profile: int, new: Version, state: bytes) -> int:
    """Store a state; of many, old ones close to their neighbours are thinned out."""
    told = {
        "profile_id": profile, "kind": new.kind, "method": new.method, "space": new.space,
        "seq": new.seq, "created": new.created, "note": new.note,
        "digest": hashlib.sha256(state).digest(), "state": state,
    }  # fmt: skip
    made = rowsums.insert(db, "versions", told)
    _thin(db, [profile, new.kind, new.method, new.space])
    return made


def versions(db: Database, profile: int, kind: Kind) -> list[Version]:
    """Newest first."""
    rows = rowsums.select(
        db, "versions", "WHERE profile_id = ? AND kind = ? ORDER BY id DESC", [profile, kind]
    )
    found = (len(rows), sum(row["id"] for row in rows))
    rowsums.every(db, "versions", "who = ? AND part LIKE ?", [profile, f"{kind} %"], found)
    return [_version(row) for row in rows]


def of_method(db: Database, profile: int, kind: Kind, method: str, space: str) -> list[Version]:
    """Versions of one method in one space, highest seq first."""
    rows = rowsums.select(
        db, "versions", "WHERE profile_id = ? AND kind = ? AND method = ? AND space = ?"
        " ORDER BY seq DESC, id DESC", [profile, kind, method, space],
    )  # fmt: skip
    part = f"{kind} {method} {space}"
    rowsums.whole(db, "versions", profile, part, (row["id"] for row in rows))
    return [_version(row) for row in rows]


def _version(row: dict[str, Any]) -> Version:
    return Version(**{name: row[name] for name in VERSION})


def arrays(db: Database, version: int) -> dict[str, NDArray[Any]]:
    rows = rowsums.select(db, "versions", "WHERE id = ?", [version])
    if not rows:
        rowsums.absent(db, "versions", "versions_of", version)
        raise KeyError(f"there is no version {version}; the list of versions shows what is kept")
    row = db.execute("SELECT state FROM versions WHERE id = ?", [version]).fetchone()
    if hashlib.sha256(row[0]).digest() != rows[0]["digest"]:
        raise Damaged(
            f"version {version} is damaged in the database file; it can be fitted again "
            "from the answers"
        )
    return dict(load(row[0]))


def add_generation(db: Database, profile: int, made: Mapping[str, Any], now: float) -> int:
    return rowsums.insert(db, "generations", {"profile_id": profile, **made, "created": now})


def generations(
    db: Database, profile: int, limit: int, kind: Kind | None, before: int | None
) -> list[dict[str, Any]]:
    """Newest first; of one kind, and older than `before`, where these are given."""
    for sort in ("picture", "text"):
        there = rowsums.counted(db, "generations", "profile_id = ? AND kind = ?", [profile, sort])
        rowsums.same(db, "generations", profile, sort, there)
    rows = rowsums.select(
        db, "generations", "WHERE profile_id = ?1 AND (?2 IS NULL OR kind = ?2)"
        " AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4", [profile, kind, before, limit],
    )  # fmt: skip
    return [_generation(row) for row in rows]


def remove_generation(db: Database, profile: int, number: int) -> None:
    """Answers that came from liking it stay: they say what was liked, not what was made."""
    found = db.execute("DELETE FROM generations WHERE id = ? AND profile_id = ?", [number, profile])
    if not found.rowcount:
        raise KeyError(f"profile {profile} has no generation {number}")


def generation(db: Database, profile: int, number: int) -> dict[str, Any]:
    rows = rowsums.select(db, "generations", "WHERE id = ?", [number])
    if not rows:
        rowsums.absent(db, "generations", "generations_profile", number)
    if not rows or rows[0]["profile_id"] != profile:
        raise KeyError(f"profile {profile} has no generation {number}; make one first")
    return _generation(rows[0])


def add_job(db: Database, who: tuple[int, int | None], what: str, request: str, now: float) -> int:
    """A queued job of (user, profile)."""
    told = {
        "user_id": who[0], "profile_id": who[1], "what": what, "state": "queued",
        "request": request, "progress": "{}", "error": "", "created": now, "changed": now,
    }  # fmt: skip
    return rowsums.insert(db, "jobs", told)


def change_job(db: Database, job: int, fields: Mapping[str, str], now: float) -> None:
    """fields: state, progress (JSON), error."""
    if fields["state"] not in STATES:
        raise ValueError(f"a job is never {fields['state']!r}; it is one of {', '.join(STATES)}")
    new = {name: fields[name] for name in ("state", "progress", "error")} | {"changed": now}
    if not rowsums.change(db, "jobs", new, "id = ?", [job]):
        raise KeyError(f"there is no job {job}; the list of jobs shows what is there")


def jobs(db: Database, user_id: int, limit: int) -> list[dict[str, Any]]:
    """Newest first."""
    rowsums.same(db, "jobs", user_id, "", rowsums.counted(db, "jobs", "user_id = ?", [user_id]))
    rows = rowsums.select(
        db, "jobs", "WHERE user_id = ? ORDER BY id DESC LIMIT ?", [user_id, limit]
    )
    return [_parsed(row, "request", "progress") for row in rows]


def job(db: Database, number: int) -> dict[str, Any]:
    rows = rowsums.select(db, "jobs", "WHERE id = ?", [number])
    if not rows:
        rowsums.absent(db, "jobs", "jobs_profile", number)
        raise KeyError(f"there is no job {number}; the list of jobs shows what is there")
    return _parsed(rows[0], "request", "progress")


def open_jobs(db: Database) -> list[dict[str, Any]]:
    """Everybody's jobs that are not over, oldest first."""
    rows = rowsums.select(db, "jobs", f"WHERE state IN {OPEN} ORDER BY id")
    found = (len(rows), sum(row["id"] for row in rows))
    rowsums.every(db, "jobs in a state", f"part IN {OPEN}", [], found)
    return [_parsed(row, "request", "progress") for row in rows]


def last_job(db: Database, profile_id: int) -> dict[str, Any] | None:
    """A profile's newest job, whatever became of it."""
    found = rowsums.counted(db, "jobs", "profile_id = ?", [profile_id])
    rowsums.same(db, "jobs of profiles", profile_id, "", found)
    last = "WHERE profile_id = ? ORDER BY id DESC LIMIT 1"
    rows = rowsums.select(db, "jobs", last, [profile_id])
    return _parsed(rows[0], "request", "progress") if rows else None


def _generation(row: dict[str, Any]) -> dict[str, Any]:
    return _parsed({name: row[name] for name in GENERATION}, "request", "results")


def _parsed(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**row, **{name: json.loads(row[name]) for name in names}}


def _thin(db: Database, place: list[Any]) -> None:
    """Keep the first, the newest, and between them those that tell the most different stories."""
    rows = db.execute(
        "SELECT id, seq FROM versions WHERE profile_id = ? AND kind = ? AND method = ?"
        " AND space = ? ORDER BY seq, id",
        place,
    ).fetchall()
    if len(rows) <= KEPT:
        return
    middle = range(1, len(rows) - RECENT)
    spare = min(middle, key=lambda i: rows[i + 1][1] - rows[i - 1][1])
    db.execute("DELETE FROM versions WHERE id = ?", [rows[spare][0]])
