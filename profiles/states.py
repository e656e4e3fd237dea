"""Derived states by (method, space, seq), generations, jobs: what was made from the answers."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from safetensors.numpy import load, save
from sqlite_utils import Database

from engine.data import Kind
from profiles.errors import Damaged
from profiles.records import Version

KEPT, RECENT = 48, 16
VERSION = "SELECT id, kind, method, space, seq, created, note FROM versions"
JOB = (
    "id",
    "user_id",
    "profile_id",
    "what",
    "state",
    "request",
    "progress",
    "error",
    "created",
    "changed",
)
STATES = ("queued", "running", "paused", "done", "failed", "stopped", "interrupted")
GENERATION = ("id", "kind", "prompt", "seed", "strength", "request", "results", "created")


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as one safetensors blob."""
    return save({name: array.copy(order="C") for name, array in arrays.items()})


def put_version(db: Database, profile: int, new: Version, state: bytes) -> int:
    """Store a state; of many, old ones close to their neighbours are thinned out."""
    cursor = db.execute(
        "INSERT INTO versions(profile_id, kind, method, space, seq, created, note, digest, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            profile,
            new.kind,
            new.method,
            new.space,
            new.seq,
            new.created,
            new.note,
            hashlib.sha256(state).digest(),
            state,
        ],
    )
    _thin(db, [profile, new.kind, new.method, new.space])
    return int(cursor.lastrowid or 0)


def versions(db: Database, profile: int, kind: Kind) -> list[Version]:
    """Newest first."""
    rows = db.execute(
        f"{VERSION} WHERE profile_id = ? AND kind = ? ORDER BY id DESC", [profile, kind]
    ).fetchall()
    return [Version(*row) for row in rows]


def of_method(db: Database, profile: int, kind: Kind, method: str, space: str) -> list[Version]:
    """Versions of one method in one space, highest seq first."""
    rows = db.execute(
        f"{VERSION} WHERE profile_id = ? AND kind = ? AND method = ? AND space = ?"
        " ORDER BY seq DESC, id DESC",
        [profile, kind, method, space],
    ).fetchall()
    return [Version(*row) for row in rows]


def arrays(db: Database, version: int) -> dict[str, NDArray[Any]]:
    row = db.execute("SELECT state, digest FROM versions WHERE id = ?", [version]).fetchone()
    if row is None:
        raise KeyError(f"there is no version {version}; the list of versions shows what is kept")
    if hashlib.sha256(row[0]).digest() != row[1]:
        raise Damaged(
            f"version {version} is damaged in the database file; it can be fitted again "
            "from the answers"
        )
    return dict(load(row[0]))


def add_generation(db: Database, profile: int, made: Mapping[str, Any], now: float) -> int:
    cursor = db.execute(
        "INSERT INTO generations(profile_id, kind, prompt, seed, strength, request, results,"
        " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [profile, *(made[name] for name in GENERATION[1:-1]), now],
    )
    return int(cursor.lastrowid or 0)


def generations(
    db: Database, profile: int, limit: int, kind: Kind | None, before: int | None
) -> list[dict[str, Any]]:
    """Newest first; of one kind, and older than `before`, where these are given."""
    rows = db.execute(
        f"SELECT {', '.join(GENERATION)} FROM generations WHERE profile_id = ?1"
        " AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4",
        [profile, kind, before, limit],
    ).fetchall()
    return [_generation(row) for row in rows]


def remove_generation(db: Database, profile: int, number: int) -> None:
    """Answers that came from liking it stay: they say what was liked, not what was made."""
    found = db.execute("DELETE FROM generations WHERE id = ? AND profile_id = ?", [number, profile])
    if not found.rowcount:
        raise KeyError(f"profile {profile} has no generation {number}")


def generation(db: Database, profile: int, number: int) -> dict[str, Any]:
    row = db.execute(
        f"SELECT {', '.join(GENERATION)} FROM generations WHERE id = ? AND profile_id = ?",
        [number, profile],
    ).fetchone()
    if row is None:
        raise KeyError(f"profile {profile} has no generation {number}; make one first")
    return _generation(row)


def add_job(db: Database, who: tuple[int, int | None], what: str, request: str, now: float) -> int:
    """A queued job of (user, profile)."""
    cursor = db.execute(
        "INSERT INTO jobs(user_id, profile_id, what, state, request, progress, error, created,"
        " changed) VALUES (?, ?, ?, 'queued', ?, '{}', '', ?, ?)",
        [*who, what, request, now, now],
    )
    return int(cursor.lastrowid or 0)


def change_job(db: Database, job: int, fields: Mapping[str, str], now: float) -> None:
    """fields: state, progress (JSON), error."""
    if fields["state"] not in STATES:
        raise ValueError(f"a job is never {fields['state']!r}; it is one of {', '.join(STATES)}")
    found = db.execute(
        "UPDATE jobs SET state = ?, progress = ?, error = ?, changed = ? WHERE id = ?",
        [fields["state"], fields["progress"], fields["error"], now, job],
    )
    if not found.rowcount:
        raise KeyError(f"there is no job {job}; the list of jobs shows what is there")


def jobs(db: Database, user_id: int, limit: int) -> list[dict[str, Any]]:
    """Newest first."""
    rows = db.execute(
        f"SELECT {', '.join(JOB)} FROM jobs WHERE user_id = ? ORDER BY id DESC LIMIT ?",
        [user_id, limit],
    ).fetchall()
    made = [dict(zip(JOB, row, strict=True)) for row in rows]
    return [_parsed(row, "request", "progress") for row in made]


def job(db: Database, number: int) -> dict[str, Any]:
    row = db.execute(f"SELECT {', '.join(JOB)} FROM jobs WHERE id = ?", [number]).fetchone()
    if row is None:
        raise KeyError(f"there is no job {number}; the list of jobs shows what is there")
    return _parsed(dict(zip(JOB, row, strict=True)), "request", "progress")


def open_jobs(db: Database) -> list[dict[str, Any]]:
    """Everybody's jobs that are not over, oldest first."""
    rows = db.execute(
        f"SELECT {', '.join(JOB)} FROM jobs WHERE state IN"
        " ('queued', 'running', 'paused', 'interrupted') ORDER BY id"
    ).fetchall()
    return [_parsed(dict(zip(JOB, row, strict=True)), "request", "progress") for row in rows]


def last_job(db: Database, profile_id: int) -> dict[str, Any] | None:
    """A profile's newest job, whatever became of it."""
    row = db.execute(
        f"SELECT {', '.join(JOB)} FROM jobs WHERE profile_id = ? ORDER BY id DESC LIMIT 1",
        [profile_id],
    ).fetchone()
    return _parsed(dict(zip(JOB, row, strict=True)), "request", "progress") if row else None


def _generation(row: tuple[Any, ...]) -> dict[str, Any]:
    return _parsed(dict(zip(GENERATION, row, strict=True)), "request", "results")


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
