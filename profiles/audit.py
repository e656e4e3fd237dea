"""The audit log: who logged in, took out, brought in, deleted. Rows are chained by hashes.

Every row's digest covers the digest before it, so that a row changed, taken out or put in shows.
Whoever owns the file can write the whole chain anew; to notice that too, note the newest digest
down somewhere else. Holds numbers and kinds of things, never words of a person.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlite_utils import Database

from profiles import rowsums

Do = Callable[[Callable[[Database], Any]], Any]
START = bytes(32)
NAMES = ("id", "created", "user", "what", "about")


def digest(before: bytes, row: Sequence[Any]) -> bytes:
    """Of (id, created, user, what, about), after the digest of the row before."""
    text = json.dumps(list(row), separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(before + text.encode()).digest()


def add(db: Database, user: int | None, what: str, about: str, now: float) -> None:
    last = db.execute("SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    number, before = last or (0, START)
    row = (number + 1, now, user, what, about)
    db.execute(
        "INSERT INTO audit(id, created, user_id, what, about, digest) VALUES (?, ?, ?, ?, ?, ?)",
        [*row, digest(before, row)],
    )


def check(rows: Iterable[Sequence[Any]]) -> tuple[int, str, str]:
    """(rows, newest digest, what is wrong or nothing) of all rows in order, digest last."""
    before, n = START, 0
    for *row, stored in rows:
        n += 1
        if row[0] != n:
            return n, before.hex(), f"row {n} is missing: it goes on with row {row[0]}"
        if digest(before, row) != stored:
            return n, before.hex(), f"row {n} is not as it was written"
        before = stored
    return n, before.hex(), ""


def _newest(db: Database, limit: int, before: int | None) -> list[Sequence[Any]]:
    """Rows of NAMES, each under the digest of the one before it."""
    rowsums.same(db, "audit", 0, "", rowsums.counted(db, "audit", "true", []))
    top = before if before is not None else 2**62
    rows = db.execute(f"{ROWS} WHERE id < ? ORDER BY id DESC LIMIT ?", [top, limit + 1]).fetchall()
    for row, under in zip(rows, [*rows[1:], (0, START)][: len(rows)], strict=True):
        last = len(rows) <= limit and row is rows[-1]
        if (row is not rows[-1] or last) and digest(under[-1], row[:-1]) != row[-1]:
            raise rowsums.lost("audit")
    return [row[:-1] for row in rows[:limit]]


ROWS = "SELECT id, created, user_id, what, about, digest FROM audit"
ALL = f"{ROWS} ORDER BY id"


class Audit:
    """`store.audit`. `read` and `write` are the store's own, with all they promise."""

    def __init__(self, read: Do, write: Do) -> None:
        self.read, self.write = read, write

    def note(self, user: int | None, what: str, **about: int | str) -> None:
        """One more row, durable on return."""
        text = json.dumps(about, sort_keys=True)
        self.write(lambda db: add(db, user, what, text, time.time()))

    def newest(self, limit: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        """Newest first; older than the one called `before`, where given."""
        rows = self.read(lambda db: _newest(db, limit, before))
        made = [dict(zip(NAMES, row, strict=True)) for row in rows]
        return [{**row, "about": json.loads(row["about"])} for row in made]

    def verify(self) -> dict[str, Any]:
        """How many rows, whether the chain holds, and the newest digest to note down."""
        n, head, wrong = self.read(lambda db: check(db.execute(ALL)))
        return {"rows": n, "intact": not wrong, "wrong": wrong, "newest": head}
