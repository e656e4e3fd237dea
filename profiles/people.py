"""Users, sessions, profiles and the list of what happened: rows in, dataclasses out."""

import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from sqlite_utils import Database

from profiles import rowsums
from profiles.profile import Profile, User

SESSIONS = 8
PROFILE = f"SELECT {rowsums.columns('profiles')} FROM profiles"


def local_user(db: Database, now: float) -> int:
    """The single user when nobody logs in: the one with the empty name."""
    found = named(db, "")
    return int(found["id"]) if found else rowsums.insert(db, "users", {"name": "", "created": now})


def put_user(db: Database, name: str, password_hash: str, now: float) -> int:
    """A user with this password, unless they have chosen one of their own."""
    if not name.strip():
        raise ValueError("a user needs a name")
    found = named(db, name)
    if found is None:
        new = {"name": name, "password_hash": password_hash, "created": now}
        return rowsums.insert(db, "users", new)
    if not found["own"]:
        rowsums.change(db, "users", {"password_hash": password_hash}, "id = ?", [found["id"]])
    return int(found["id"])


def user(db: Database, name: str) -> User | None:
    row = named(db, name) if name else None
    return User(row["id"], row["name"], row["password_hash"], row["created"]) if row else None


def named(db: Database, name: str) -> dict[str, Any] | None:
    """The row of a user; one that the index does not know is looked for in the table."""
    found = rowsums.select(db, "users", "WHERE name = ?", [name])
    known = "SELECT 1 FROM users NOT INDEXED WHERE name = ?"
    if found and found[0]["name"] != name:  # the index points at another
        raise rowsums.lost("users")
    if not found:
        if db.execute(known, [name]).fetchone():
            raise rowsums.lost("users")
        rowsums.same(db, "users", 0, "", rowsums.counted(db, "users NOT INDEXED", "true", []))
    return found[0] if found else None


def add_session(  # noqa: PLR0913 - a session is made of these
    db: Database, user_id: int, token_hash: bytes, expires: float, now: float, most: int = SESSIONS
) -> None:
    """A new session; the expired ones and all but the newest few of this user end."""
    new = {"token_hash": token_hash, "user_id": user_id, "expires": expires, "created": now}
    rowsums.insert(db, "sessions", new)
    db.execute("DELETE FROM sessions WHERE user_id = ? AND expires <= ?", [user_id, now])
    db.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND token_hash NOT IN (SELECT token_hash FROM"
        " sessions WHERE user_id = ?1 ORDER BY token_hash = ?2 DESC, created DESC LIMIT ?3)",
        [user_id, token_hash, most],
    )


def session_user(db: Database, token_hash: bytes, now: float) -> int | None:
    row = next(iter(rowsums.select(db, "sessions", "WHERE token_hash = ?", [token_hash])), None)
    if row is None:
        known = "SELECT 1 FROM sessions INDEXED BY sessions_user WHERE token_hash = ?"
        if db.execute(known, [token_hash]).fetchone():
            raise rowsums.lost("sessions")
    return int(row["user_id"]) if row and row["expires"] > now else None


def end_session(db: Database, token_hash: bytes) -> None:
    db.execute("DELETE FROM sessions WHERE token_hash = ?", [token_hash])


def add_profile(db: Database, new: Profile) -> Profile:
    """Store `new`; its id is ignored and given anew."""
    told = dict(zip(rowsums.SUMMED["profiles"], astuple(new), strict=True))
    del told["id"]
    told |= {"named": int(new.named), "simulated": int(new.simulated)}
    return profile(db, rowsums.insert(db, "profiles", told))


def profiles(db: Database, user_id: int) -> list[Profile]:
    """Without those of participants, which are listed with their study."""
    rows = db.execute(f"{PROFILE} WHERE user_id = ? ORDER BY id", [user_id]).fetchall()
    rowsums.whole(db, "profiles", user_id, "", (row[0] for row in rows))
    taking = {row[0] for row in db.execute("SELECT profile_id FROM study_sessions").fetchall()}
    rowsums.every(db, "participants", "true", [], (len(taking), sum(taking)))
    return [_profile(row) for row in rows if row[0] not in taking]


def profile(db: Database, profile_id: int) -> Profile:
    row = db.execute(f"{PROFILE} WHERE id = ?", [profile_id]).fetchone()
    if row is None:
        rowsums.absent(db, "profiles", "profiles_user", profile_id)
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
        rowsums.change(db, "profiles", {name: given}, "id = ?", [profile_id])
    return profile(db, profile_id)


def add_event(
    db: Database, who: tuple[int | None, int | None], what: str, detail: str, now: float
) -> int:
    """`who` is (user, profile); an event of a profile goes when the profile goes."""
    new = {"user_id": who[0], "profile_id": who[1], "what": what, "detail": detail, "created": now}
    return rowsums.insert(db, "events", new)


def events(db: Database, user_id: int, limit: int) -> list[dict[str, Any]]:
    """Newest first."""
    found = rowsums.counted(db, "events", "user_id = ?", [user_id])
    rowsums.same(db, "events", user_id, "", found)
    rows = rowsums.select(
        db, "events", "WHERE user_id = ? ORDER BY id DESC LIMIT ?", [user_id, limit]
    )
    names = ("id", "profile_id", "what", "created")
    return [{**{n: row[n] for n in names}, "detail": json.loads(row["detail"])} for row in rows]


def notes(db: Database, profile: int, what: str) -> list[dict[str, Any]]:
    """All events of one name that a profile has, oldest first, as stored."""
    rows = rowsums.select(
        db, "events", "WHERE profile_id = ? AND what = ? ORDER BY id", [profile, what]
    )
    rowsums.whole(db, "notes", profile, what, (row["id"] for row in rows))
    return rows


def _profile(row: tuple[Any, ...]) -> Profile:
    number, user_id, name, purpose, colour, created, named, simulated = rowsums.read(
        "profiles", row
    )
    return Profile(number, user_id, name, purpose, colour, created, bool(named), bool(simulated))
