"""Users, sessions, profiles and the list of what happened: rows in, dataclasses out."""

import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from sqlite_utils import Database

from profiles.profile import Profile, User

SESSIONS = 8
PROFILE = "SELECT id, user_id, name, purpose, colour, created, named, simulated FROM profiles"


def local_user(db: Database, now: float) -> int:
    """The single user when nobody logs in: the one with the empty name."""
    db.execute("INSERT OR IGNORE INTO users(name, created) VALUES ('', ?)", [now])
    return int(db.execute("SELECT id FROM users WHERE name = ''").fetchone()[0])


def put_user(db: Database, name: str, password_hash: str, now: float) -> int:
    """A user with this password, unless they have chosen one of their own."""
    if not name.strip():
        raise ValueError("a user needs a name")
    db.execute(
        "INSERT INTO users(name, password_hash, created) VALUES (?, ?, ?)"
        " ON CONFLICT(name) DO UPDATE SET password_hash = excluded.password_hash WHERE own = 0",
        [name, password_hash, now],
    )
    return int(db.execute("SELECT id FROM users WHERE name = ?", [name]).fetchone()[0])


def user(db: Database, name: str) -> User | None:
    row = db.execute(
        "SELECT id, name, password_hash, created FROM users WHERE name = ? AND name <> ''", [name]
    ).fetchone()
    return User(*row) if row else None


def add_session(  # noqa: PLR0913 - a session is made of these
    db: Database, user_id: int, token_hash: bytes, expires: float, now: float, most: int = SESSIONS
) -> None:
    """A new session; the expired ones and all but the newest few of this user end."""
    db.execute(
        "INSERT INTO sessions(token_hash, user_id, expires, created) VALUES (?, ?, ?, ?)",
        [token_hash, user_id, expires, now],
    )
    db.execute("DELETE FROM sessions WHERE user_id = ? AND expires <= ?", [user_id, now])
    db.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND token_hash NOT IN (SELECT token_hash FROM"
        " sessions WHERE user_id = ?1 ORDER BY token_hash = ?2 DESC, created DESC LIMIT ?3)",
        [user_id, token_hash, most],
    )


def session_user(db: Database, token_hash: bytes, now: float) -> int | None:
    row = db.execute(
        "SELECT user_id FROM sessions WHERE token_hash = ? AND expires > ?", [token_hash, now]
    ).fetchone()
    return int(row[0]) if row else None


def end_session(db: Database, token_hash: bytes) -> None:
    db.execute("DELETE FROM sessions WHERE token_hash = ?", [token_hash])


def add_profile(db: Database, new: Profile) -> Profile:
    """Store `new`; its id is ignored and given anew."""
    cursor = db.execute(
        "INSERT INTO profiles(user_id, name, purpose, colour, created, named, simulated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [*astuple(new)[1:6], int(new.named), int(new.simulated)],
    )
    return profile(db, int(cursor.lastrowid or 0))


def profiles(db: Database, user_id: int) -> list[Profile]:
    """Without those of participants, which are listed with their study."""
    rows = db.execute(
        f"{PROFILE} WHERE user_id = ? AND id NOT IN (SELECT profile_id FROM study_sessions)"
        " ORDER BY id", [user_id],
    ).fetchall()  # fmt: skip
    return [_profile(row) for row in rows]


def profile(db: Database, profile_id: int) -> Profile:
    row = db.execute(f"{PROFILE} WHERE id = ?", [profile_id]).fetchone()
    if row is None:
        raise KeyError(
            f"there is no profile {profile_id}; the list of profiles shows what is there"
        )
    return _profile(row)


def change_profile(db: Database, profile_id: int, fields: Mapping[str, Any]) -> Profile:
    unknown = set(fields) - {"name", "purpose", "colour", "named"}
    if unknown:
        raise ValueError(
            f"a profile has no {sorted(unknown)[0]!r} that can be changed; change "
            "name, purpose, colour or named"
        )
    profile(db, profile_id)
    for name, value in fields.items():
        given = int(value) if name == "named" else str(value)
        db.execute(f"UPDATE profiles SET {name} = ? WHERE id = ?", [given, profile_id])
    return profile(db, profile_id)


def add_event(
    db: Database, who: tuple[int | None, int | None], what: str, detail: str, now: float
) -> int:
    """`who` is (user, profile); an event of a profile goes when the profile goes."""
    cursor = db.execute(
        "INSERT INTO events(user_id, profile_id, what, detail, created) VALUES (?, ?, ?, ?, ?)",
        [*who, what, detail, now],
    )
    return int(cursor.lastrowid or 0)


def events(db: Database, user_id: int, limit: int) -> list[dict[str, Any]]:
    """Newest first."""
    rows = db.execute(
        "SELECT id, profile_id, what, detail, created FROM events WHERE user_id = ?"
        " ORDER BY id DESC LIMIT ?",
        [user_id, limit],
    ).fetchall()
    names = ("id", "profile_id", "what", "detail", "created")
    made = [dict(zip(names, row, strict=True)) for row in rows]
    return [{**row, "detail": json.loads(row["detail"])} for row in made]


def _profile(row: tuple[Any, ...]) -> Profile:
    number, user_id, name, purpose, colour, created, named, simulated = row
    return Profile(number, user_id, name, purpose, colour, created, bool(named), bool(simulated))
