"""Who may log in and by what: users as a keeper sees them, sessions, tokens used once or kept."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from profiles import people, rowsums

Do = Callable[[Callable[[Database], Any]], Any]


@dataclass(frozen=True)
class Known:
    """A user without any of their things. `own`: with a password they chose themselves."""

    id: int
    name: str
    own: bool
    admin: bool
    locked: bool
    limits: Mapping[str, int]
    seen: float | None
    created: float


@dataclass(frozen=True)
class Held:
    """A session or a token: the hash of what its holder shows."""

    hash: bytes
    user: int | None
    kind: str
    about: Mapping[str, Any]
    created: float
    expires: float | None


SIZES = """
SELECT u.id,
  (SELECT count(*) FROM profiles p WHERE p.user_id = u.id),
  (SELECT count(*) FROM items i WHERE i.owner = u.id),
  (SELECT count(*) FROM answers a JOIN profiles p ON p.id = a.profile_id WHERE p.user_id = u.id),
  (SELECT count(*) FROM adapters a JOIN profiles p ON p.id = a.profile_id WHERE p.user_id = u.id),
  (SELECT coalesce(sum(length(g.results)), 0) FROM generations g
     JOIN profiles p ON p.id = g.profile_id WHERE p.user_id = u.id)
FROM users u ORDER BY u.id
"""


def _users(db: Database) -> list[dict[str, Any]]:
    rows = rowsums.select(db, "users", "ORDER BY id")
    rowsums.whole(db, "users", 0, "", (row["id"] for row in rows))
    return rows


def _held(db: Database) -> list[Held]:
    found = []
    for table in ("sessions", "tokens"):
        rows = rowsums.select(db, table)
        rowsums.whole(db, table, 0, "", (row["user_id"] or 0 for row in rows))
        if len({row["token_hash"] for row in rows}) != len(rows):
            raise rowsums.lost(table)
        found += rows
    made = [
        Held(r["token_hash"], r["user_id"], r.get("kind", "session"),
             {"label": r["label"]} if "label" in r else json.loads(r["about"]),
             r["created"], r["expires"])
        for r in found
    ]  # fmt: skip
    return sorted(made, key=lambda held: held.created)


class Logins:
    """`store.logins`. `read` and `write` are the store's own, with all they promise."""

    def __init__(self, read: Do, write: Do) -> None:
        self.read, self.write = read, write

    # users

    def users(self) -> list[Known]:
        return [
            Known(r["id"], r["name"], bool(r["own"]), bool(r["admin"]), bool(r["locked"]),
                  json.loads(r["limits"]), r["seen"], r["created"])
            for r in self.read(_users)
        ]  # fmt: skip

    def password_hash(self, user: int) -> str | None:
        rows = self.read(lambda db: rowsums.select(db, "users", "WHERE id = ?", [user]))
        return rows[0]["password_hash"] if rows else None

    def settle(self, name: str, password_hash: str, admin: bool, take_over: bool) -> int:
        """Somebody with a password of their own. `take_over`: what the local user had is theirs.

        ValueError when somebody has the name.
        """

        def work(db: Database) -> int:
            if people.named(db, name):
                raise ValueError(f"somebody is called {name!r} already; choose another name")
            now = time.time()
            if take_over:
                people.local_user(db, now)
                rowsums.change(db, "users", {"name": name}, "name = ''", [])
            number = people.put_user(db, name, password_hash, now)
            rowsums.change(db, "users", {"own": 1, "admin": int(admin)}, "id = ?", [number])
            return number

        return int(self.write(work))

    def set_password(self, user: int, password_hash: str) -> None:
        """Their own from now on: what the command line says does not undo it."""
        self._set(user, password_hash=password_hash, own=1)

    def set_locked(self, user: int, locked: bool) -> None:
        self._set(user, locked=int(locked))

    def set_limits(self, user: int, limits: Mapping[str, int]) -> None:
        self._set(user, limits=json.dumps(dict(limits)))

    def set_seen(self, seen: Mapping[int, float]) -> None:
        def work(db: Database) -> None:
            for user, at in seen.items():
                rowsums.change(db, "users", {"seen": at}, "id = ?", [user])

        self.write(work)

    def _set(self, user: int, **new: Any) -> None:
        self.write(lambda db: rowsums.change(db, "users", new, "id = ?", [user]))

    # sessions and tokens

    def held(self) -> list[Held]:
        """All that opens the door, oldest first."""
        return list(self.read(_held))

    def add_session(
        self, user: int, token_hash: bytes, expires: float, about: Mapping[str, Any], most: int
    ) -> list[bytes]:
        """A new session; all but the newest `most` of this user end. Returns those that hold."""
        text = json.dumps(dict(about))

        def work(db: Database) -> list[bytes]:
            now = time.time()
            people.add_session(db, user, token_hash, expires, now, most)
            rowsums.change(db, "sessions", {"about": text}, "token_hash = ?", [token_hash])
            rowsums.change(db, "users", {"seen": now}, "id = ?", [user])
            rows = db.execute("SELECT token_hash FROM sessions WHERE user_id = ?", [user])
            return [row[0] for row in rows.fetchall()]

        return list(self.write(work))

    def add_token(
        self, user: int | None, token_hash: bytes, kind: str, label: str, expires: float | None
    ) -> None:
        row = {"token_hash": token_hash, "user_id": user, "kind": kind, "label": label,
               "created": time.time(), "expires": expires}  # fmt: skip
        self.write(lambda db: rowsums.insert(db, "tokens", row))

    def end(self, hashes: list[bytes]) -> None:
        """These open nothing any more."""
        rows = [(h,) for h in hashes]

        def work(db: Database) -> None:
            for table in ("sessions", "tokens"):
                db.conn.executemany(f"DELETE FROM {table} WHERE token_hash = ?", rows)

        self.write(work)

    # what a keeper may know

    def sizes(self) -> dict[int, dict[str, int]]:
        """Numbers of things by user; nothing of what they are."""
        names = ("profiles", "items", "answers", "adapters", "made_bytes")
        rows = self.read(lambda db: db.execute(SIZES).fetchall())
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    def jobs(self, limit: int = 50) -> list[dict[str, Any]]:
        """Everybody's newest jobs: whose, what kind, how far; nothing of what they learn from."""
        names = ("id", "what", "state", "created", "changed")

        def work(db: Database) -> list[dict[str, Any]]:
            rowsums.every(db, "jobs", "true", [], rowsums.counted(db, "jobs", "true", []))
            rows = rowsums.select(db, "jobs", "ORDER BY id DESC LIMIT ?", [limit])
            return [{"user": row["user_id"]} | {n: row[n] for n in names} for row in rows]

        return list(self.read(work))

    def own_items(self, user: int) -> int:
        """How many things somebody added."""

        def work(db: Database) -> int:
            found = rowsums.counted(db, "items", "owner = ?", [user])
            rowsums.every(db, "items", "who = ?", [user], found)
            return found[0]

        return int(self.read(work))
