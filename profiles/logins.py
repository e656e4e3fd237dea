"""Who may log in and by what: users as a keeper sees them, sessions, tokens used once or kept."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from profiles import people

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


USERS = "SELECT id, name, own, admin, locked, limits, seen, created FROM users"
HELD = """
SELECT token_hash, user_id, 'session', about, created, expires FROM sessions
UNION ALL
SELECT token_hash, user_id, kind, json_object('label', label), created, expires FROM tokens
ORDER BY 5
"""
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
JOBS = """
SELECT id, user_id, what, state, created, changed FROM jobs ORDER BY id DESC LIMIT ?
"""


class Logins:
    """`store.logins`. `read` and `write` are the store's own, with all they promise."""

    def __init__(self, read: Do, write: Do) -> None:
        self.read, self.write = read, write

    # users

    def users(self) -> list[Known]:
        rows = self.read(lambda db: db.execute(f"{USERS} ORDER BY id").fetchall())
        return [
            Known(r[0], r[1], bool(r[2]), bool(r[3]), bool(r[4]), json.loads(r[5]), r[6], r[7])
            for r in rows
        ]

    def password_hash(self, user: int) -> str | None:
        row = self.read(
            lambda db: db.execute("SELECT password_hash FROM users WHERE id = ?", [user]).fetchone()
        )
        return row[0] if row else None

    def settle(self, name: str, password_hash: str, admin: bool, take_over: bool) -> int:
        """Somebody with a password of their own. `take_over`: what the local user had is theirs.

        ValueError when somebody has the name.
        """

        def work(db: Database) -> int:
            if db.execute("SELECT 1 FROM users WHERE name = ?", [name]).fetchone():
                raise ValueError(f"somebody is called {name!r} already; choose another name")
            now = time.time()
            if take_over:
                people.local_user(db, now)
                db.execute("UPDATE users SET name = ? WHERE name = ''", [name])
            number = people.put_user(db, name, password_hash, now)
            db.execute("UPDATE users SET own = 1, admin = ? WHERE id = ?", [int(admin), number])
            return number

        return int(self.write(work))

    def set_password(self, user: int, password_hash: str) -> None:
        """Their own from now on: what the command line says does not undo it."""
        self._set(user, "password_hash = ?, own = 1", password_hash)

    def set_locked(self, user: int, locked: bool) -> None:
        self._set(user, "locked = ?", int(locked))

    def set_limits(self, user: int, limits: Mapping[str, int]) -> None:
        self._set(user, "limits = ?", json.dumps(dict(limits)))

    def set_seen(self, seen: Mapping[int, float]) -> None:
        rows = [(at, user) for user, at in seen.items()]
        self.write(lambda db: db.conn.executemany("UPDATE users SET seen = ? WHERE id = ?", rows))

    def _set(self, user: int, what: str, value: Any) -> None:
        self.write(lambda db: db.execute(f"UPDATE users SET {what} WHERE id = ?", [value, user]))

    # sessions and tokens

    def held(self) -> list[Held]:
        """All that opens the door, oldest first."""
        rows = self.read(lambda db: db.execute(HELD).fetchall())
        return [Held(r[0], r[1], r[2], json.loads(r[3]), r[4], r[5]) for r in rows]

    def add_session(
        self, user: int, token_hash: bytes, expires: float, about: Mapping[str, Any], most: int
    ) -> list[bytes]:
        """A new session; all but the newest `most` of this user end. Returns those that hold."""
        text = json.dumps(dict(about))

        def work(db: Database) -> list[bytes]:
            now = time.time()
            people.add_session(db, user, token_hash, expires, now, most)
            db.execute("UPDATE sessions SET about = ? WHERE token_hash = ?", [text, token_hash])
            db.execute("UPDATE users SET seen = ? WHERE id = ?", [now, user])
            rows = db.execute("SELECT token_hash FROM sessions WHERE user_id = ?", [user])
            return [row[0] for row in rows.fetchall()]

        return list(self.write(work))

    def add_token(
        self, user: int | None, token_hash: bytes, kind: str, label: str, expires: float | None
    ) -> None:
        row = [token_hash, user, kind, label, time.time(), expires]
        self.write(
            lambda db: db.execute(
                "INSERT INTO tokens(token_hash, user_id, kind, label, created, expires)"
                " VALUES (?, ?, ?, ?, ?, ?)", row)
        )  # fmt: skip

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
        names = ("id", "user", "what", "state", "created", "changed")
        rows = self.read(lambda db: db.execute(JOBS, [limit]).fetchall())
        return [dict(zip(names, row, strict=True)) for row in rows]

    def own_items(self, user: int) -> int:
        """How many things somebody added."""
        row = self.read(
            lambda db: db.execute("SELECT count(*) FROM items WHERE owner = ?", [user]).fetchone()
        )
        return int(row[0])
