"""Questions: fixed before display, numbered per profile, open until they are answered."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from engine.data import Kind, Question
from profiles import rowsums
from profiles.errors import Damaged
from profiles.records import NewQuestion

MOST_ITEMS = 64
_encoded = json.JSONEncoder(default=repr).encode
COLUMNS = "q.id, q.profile_id, q.kind, q.items, q.rule, q.repeat_of, q.number, q.created, q.digest"


def add(db: Database, new: NewQuestion, now: float) -> Question:
    """Check that the person may see every item, store the question and keep it open."""
    own = _check(db, new)
    number = 1 + int(
        db.execute(
            "SELECT coalesce(max(number), 0) FROM questions WHERE profile_id = ?", [new.profile]
        ).fetchone()[0]
    )
    items = json.dumps(list(new.items))
    row = (new.profile, number, new.kind, items, new.rule, new.repeat_of, now)
    cursor = db.execute(
        "INSERT INTO questions(profile_id, number, kind, items, rule, repeat_of, created, digest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [*row, digest(row)],
    )
    rowsums.come(db, "questions", new.profile, new.kind, int(cursor.lastrowid or 0))
    made = Question(
        int(cursor.lastrowid or 0), new.profile, new.kind, tuple(new.items), new.rule, new.repeat_of
    )
    for item in own:
        db.execute("INSERT OR IGNORE INTO shown VALUES (?, ?)", [item, new.profile])
    reopen(db, made)
    return made


def get(db: Database, question_id: int) -> Question:
    row = db.execute(f"SELECT {COLUMNS} FROM questions q WHERE q.id = ?", [question_id]).fetchone()
    if row is None:
        rowsums.absent(db, "questions", "questions_repeat", question_id)
        raise KeyError(f"there is no question {question_id}; ask for one first")
    return read(row)


def read(row: Sequence[Any]) -> Question:
    """A row of COLUMNS as a Question; Damaged when its digest does not fit."""
    number, profile, kind, items, rule, repeat_of, place, created, stored = row
    if digest((profile, place, kind, items, rule, repeat_of, created)) != stored:
        raise Damaged(
            f"question {number} is damaged in the database file; go back to the newest "
            "backup in the folder backups/"
        )
    return Question(number, profile, kind, tuple(json.loads(items)), rule, repeat_of)


def digest(row: Sequence[Any]) -> bytes:
    """16 bytes over a row as stored: a flipped byte on the disk is seen when it is read."""
    return hashlib.sha256(_encoded(row).encode()).digest()[:16]


def reopen(db: Database, question: Question) -> None:
    """Put it among the open ones. A question made for a like is never asked by itself."""
    db.execute("INSERT OR IGNORE INTO open_questions VALUES (?, ?, ?, ?, ?)", _place(question))


def close(db: Database, question: Question) -> bool:
    """Take it from the open ones; False when it was not open."""
    return bool(
        db.execute(
            "DELETE FROM open_questions WHERE profile_id = ? AND kind = ? AND form = ?"
            " AND offered = ? AND question_id = ?",
            _place(question),
        ).rowcount
    )


def open_one(db: Database, profile: int, kind: Kind, form: str, floor: int) -> Question | None:
    """The first open question after `floor`, the question that was answered last.

    Questions are prepared ahead, so several may be open: the first of them is the one in front of
    the person. Older ones, passed by, can still be answered but are not asked again.
    """
    where, given = "profile_id = ? AND kind = ? AND form = ? AND offered = 1", [profile, kind, form]
    found = rowsums.counted(db, "open_questions", where, given, "question_id")
    rowsums.same(db, "open questions", profile, f"{kind} {form} 1", found)
    row = db.execute(
        f"SELECT question_id FROM open_questions WHERE {where} AND question_id > ?"
        " ORDER BY question_id LIMIT 1",
        [*given, floor],
    ).fetchone()
    try:
        return get(db, row[0]) if row else None
    except KeyError:
        raise rowsums.lost("questions") from None


def count(db: Database, profile: int, kind: Kind) -> int:
    """How many questions of this kind were ever asked."""
    found = rowsums.counted(db, "questions", "profile_id = ? AND kind = ?", [profile, kind])
    rowsums.same(db, "questions", profile, kind, found)
    return found[0]


def _place(q: Question) -> list[Any]:
    return [q.profile, q.kind, q.form, int(q.rule != "like"), q.id]


def _check(db: Database, new: NewQuestion) -> list[int]:
    """Returns the items that are a user's own. KeyError or ValueError when it cannot be asked."""
    if not 2 <= len(new.items) <= MOST_ITEMS or len(set(new.items)) != len(new.items):
        raise ValueError(f"a question shows 2 to {MOST_ITEMS} different items")
    person = db.execute("SELECT user_id FROM profiles WHERE id = ?", [new.profile]).fetchone()
    if person is None:
        raise KeyError(f"there is no profile {new.profile}; make one first")
    if new.repeat_of is not None:
        asked = get(db, new.repeat_of)
        if (asked.profile, asked.kind) != (new.profile, new.kind):
            raise ValueError("a question repeats one of the same profile and kind")
    rows = db.execute(
        "SELECT id, kind, owner FROM items WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(list(new.items))],
    ).fetchall()
    if len(rows) != len(new.items):
        gone = set(new.items) - {row[0] for row in rows}
        raise KeyError(f"there is no item {sorted(gone)[0]}; add it first")
    if any(kind != new.kind or owner not in (None, person[0]) for _, kind, owner in rows):
        raise ValueError(f"every item of the question must be a {new.kind} of this person")
    return [number for number, _, owner in rows if owner is not None]
