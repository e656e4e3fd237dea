"""Why a passage was picked: a second small event, given after the answer was stored.

Append only, like the answers; the last row of an answer is what holds, and an empty one takes the
reason back. A reason hangs on its answer: when that is taken back it counts no more, and when it
is put in again it counts again.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from profiles import rowsums
from profiles.errors import Conflict, Damaged

COLUMNS = "profile_id, seq, chips, words, key, created, digest"
# Each is true of the picked text beside the others; a study can count them.
CHIPS = ("shorter", "longer", "plainer", "richer", "warmer", "drier", "funnier", "calmer")
LONGEST = 200
Do = Callable[[Callable[[Database], Any]], Any]


@dataclass(frozen=True)
class Reason:
    """`seq` is the answer's; `key` makes it idempotent."""

    profile: int
    seq: int
    chips: tuple[str, ...]
    words: str
    key: str
    created: float


class Reasons:
    """`store.reasons`. `read` and `write` are the store's own, with all they promise."""

    def __init__(self, read: Do, write: Do) -> None:
        self.read, self.write = read, write

    def give(self, new: Reason) -> bool:
        """Durable on return. False: it had been stored before under this key."""
        return bool(self.write(lambda db: add(db, new)))

    def of(self, profile_id: int) -> dict[int, Reason]:
        """What holds, by the seq of its answer; whether that counts is not looked at."""
        return dict(self.read(lambda db: holding(db, profile_id)))


def checked(chips: Sequence[str], words: str) -> tuple[tuple[str, ...], str]:
    """In the order of CHIPS, each once; ValueError says what may be sent."""
    unknown = sorted(set(chips) - set(CHIPS))
    if unknown:
        raise ValueError(f"there is no reason {unknown[0]!r}; choose of {', '.join(CHIPS)}")
    said = " ".join(words.split())
    if len(said) > LONGEST:
        raise ValueError(f"a reason has at most {LONGEST} characters; say it shorter")
    return tuple(c for c in CHIPS if c in chips), said


def new(profile: int, seq: int, chips: tuple[str, ...], words: str, key: str) -> Reason:
    """A reason of now; ValueError says what is wrong with it."""
    kept, said = checked(chips, words)
    if not 1 <= len(key) <= 200:
        raise ValueError("an idempotency key of 1 to 200 characters is needed, new for each tap")
    return Reason(profile, seq, kept, said, key, time.time())


def add(db: Database, reason: Reason) -> bool:
    """KeyError unless it is of a pick of passages; Conflict when the key says something else."""
    found = db.execute(
        f"SELECT {COLUMNS} FROM reasons WHERE profile_id = ? AND key = ?",
        [reason.profile, reason.key],
    ).fetchone()
    if found:
        before = _read(found)
        if (before.seq, before.chips, before.words) != (reason.seq, reason.chips, reason.words):
            raise Conflict(f"key {reason.key!r} belongs to another reason; use a new key")
        return False
    picked = db.execute(
        "SELECT 1 FROM answers WHERE profile_id = ? AND seq = ? AND act = 'answer'"
        " AND kind = 'text' AND outcome LIKE '{%'",
        [reason.profile, reason.seq],
    ).fetchone()
    if not picked:
        raise KeyError(f"answer {reason.seq} is no pick of a passage; only such have a reason")
    append(db, reason)
    return True


def append(db: Database, reason: Reason) -> None:
    values = [reason.profile, reason.seq, json.dumps(reason.chips), reason.words, reason.key,
              reason.created]  # fmt: skip
    db.execute(
        f"INSERT INTO reasons ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", [*values, _digest(values)]
    )


def rows(db: Database, profile: int, whole: bool = True) -> list[Reason]:
    """Every one that was ever given, in order; `whole`: where lists have their heads."""
    found = db.execute(
        f"SELECT {COLUMNS}, id FROM reasons WHERE profile_id = ? ORDER BY id", [profile]
    ).fetchall()
    if whole:
        rowsums.whole(db, "reasons", profile, "", (row[-1] for row in found))
    return [_read(row[:-1]) for row in found]


def holding(db: Database, profile: int) -> dict[int, Reason]:
    last = {row.seq: row for row in rows(db, profile)}
    return {seq: row for seq, row in last.items() if row.chips or row.words}


def _read(row: Any) -> Reason:
    if _digest(list(row[:-1])) != row[-1]:
        raise Damaged(
            f"a reason of answer {row[1]} of profile {row[0]} is damaged in the database file; go "
            "back to the newest backup in the folder backups/"
        )
    return Reason(row[0], row[1], tuple(json.loads(row[2])), *row[3:6])


def _digest(values: list[Any]) -> bytes:
    return hashlib.sha256(json.dumps(values, default=repr).encode()).digest()[:16]
