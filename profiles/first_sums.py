"""The step that gave every row a sum and every list a head, as it was released: never edited.

What the columns and heads are for stands in rowsums.py. The lists of columns are of the tables as
they were then.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

TABLES = {
    "users": "id, name, password_hash, created, own, admin, locked, limits, seen",
    "sessions": "token_hash, user_id, expires, created, about",
    "tokens": "token_hash, user_id, kind, label, created, expires",
    "profiles": "id, user_id, name, purpose, colour, created, named, simulated",
    "items": "id, kind, hash, prompt, text, made, attributes, media, owner, profile_id, retired,"
    " created",
    "versions": "id, profile_id, kind, method, space, seq, created, note, digest",
    "generations": "id, profile_id, kind, prompt, seed, strength, request, results, created",
    "jobs": "id, user_id, profile_id, what, state, request, progress, error, created, changed",
    "events": "id, user_id, profile_id, what, detail, created",
    "adapters": "id, profile_id, job_id, name, kind, base, digest, card, chosen, created",
    "studies": "id, user_id, name, salt, created",
    "study_editions": "id, study_id, digest, source, created",
    "study_views": "profile_id, place, at",
    "effective": "profile_id, kind, pos, seq, question_id, spoken, floor",
    "tops": "profile_id, kind, depth, tail, newest",
    "embeddings": "space, hash, crc, given",
}
HEADS = """
CREATE TABLE heads (
    what TEXT NOT NULL,
    who INTEGER NOT NULL,
    part TEXT NOT NULL,
    n INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (what, who, part)
) STRICT, WITHOUT ROWID;
"""
# what: (table, who, part, number, columns that may change); @ is NEW or OLD
LISTS: dict[str, tuple[str, str, str, str, str]] = {
    "users": ("users", "0", "''", "@.id", ""),
    "sessions": ("sessions", "0", "''", "@.user_id", ""),
    "tokens": ("tokens", "0", "''", "coalesce(@.user_id, 0)", ""),
    "profiles": ("profiles", "@.user_id", "''", "@.id", "user_id"),
    "items": ("items", "coalesce(@.owner, 0)", "@.kind || ' ' || @.retired", "@.id",
              "owner, retired"),
    "questions": ("questions", "@.profile_id", "@.kind", "@.id", ""),
    "open questions": ("open_questions", "@.profile_id",
                       "@.kind || ' ' || @.form || ' ' || @.offered", "@.question_id", ""),
    "versions": ("versions", "@.profile_id", "@.kind || ' ' || @.method || ' ' || @.space", "@.id",
                 ""),
    "generations": ("generations", "@.profile_id", "@.kind", "@.id", ""),
    "jobs": ("jobs", "@.user_id", "''", "@.id", ""),
    "jobs of profiles": ("jobs", "coalesce(@.profile_id, 0)", "''", "@.id", ""),
    "jobs in a state": ("jobs", "0", "@.state", "@.id", "state"),
    "notes": ("events", "coalesce(@.profile_id, -@.user_id, 0)", "@.what", "@.id", ""),
    "events": ("events", "coalesce(@.user_id, 0)", "''", "@.id", ""),
    "adapters": ("adapters", "@.profile_id", "''", "@.id", ""),
    "reasons": ("reasons", "@.profile_id", "''", "@.id", ""),
    "audit": ("audit", "0", "''", "@.id", ""),
    "studies": ("studies", "@.user_id", "''", "@.id", ""),
    "editions": ("study_editions", "@.study_id", "''", "@.id", ""),
    "participants": ("study_sessions", "@.study_id", "''", "@.profile_id", ""),
    "plans": ("study_questions", "@.profile_id", "''", "@.place", ""),
    "views": ("study_views", "@.profile_id", "''", "@.place", ""),
}  # fmt: skip
# Emptied and filled by every vote; the empty ones go with their profile.
OFTEN = ("open questions",)
# A trigger would cost each vote 29 microseconds; `questions.add` does it in four.
BY_HAND = ("questions",)


NEWEST = """
UPDATE tops SET newest = (SELECT coalesce(max(seq), 0) FROM answers a
WHERE a.profile_id = tops.profile_id AND a.kind = tops.kind)
"""


def run(db: Database) -> None:
    db.execute(HEADS)
    db.execute("ALTER TABLE tops ADD COLUMN newest INTEGER NOT NULL DEFAULT 0")
    db.execute(NEWEST)
    for table, names in TABLES.items():
        db.execute(f"ALTER TABLE {table} ADD COLUMN row_crc INTEGER NOT NULL DEFAULT 0")
        db.conn.create_function(f"first_sum_{table}", -1, _summing(table), deterministic=True)
        db.execute(f"UPDATE {table} SET row_crc = first_sum_{table}({names})")
    count(db)
    for what, (table, who, part, number, changing) in LISTS.items():
        for trigger in triggers(what, (table, who, part, number), changing):
            db.execute(trigger)
    for what in OFTEN:
        db.execute(
            f"CREATE TRIGGER heads_{what.replace(' ', '_')}_end AFTER DELETE ON profiles BEGIN"
            f" DELETE FROM heads WHERE what = '{what}' AND who = OLD.id AND n = 0; END"
        )


def count(db: Database) -> None:
    """Fill `heads` from the tables."""
    for what, (table, *told, _) in LISTS.items():
        who, part, number = (text.replace("@.", "") for text in told)
        db.execute(
            f"INSERT INTO heads SELECT ?, {who}, {part}, count(*), sum({number})"
            f" FROM {table} GROUP BY 2, 3", [what],
        )  # fmt: skip


def triggers(what: str, head: tuple[str, str, str, str], changing: str) -> list[str]:
    """SQL that keeps one kind of head: as rows come, as they go, and as they move."""
    table, *told = head
    name = f"heads_{what.replace(' ', '_')}"
    come, go = _come(what, told), _go(what, told)
    made = [
        f"CREATE TRIGGER {name}_go AFTER DELETE ON {table} BEGIN {go} END",
    ]
    if what not in BY_HAND:
        made.append(f"CREATE TRIGGER {name}_come AFTER INSERT ON {table} BEGIN {come} END")
    if changing:
        moved = " OR ".join(f"OLD.{c} IS NOT NEW.{c}" for c in changing.split(", "))
        made.append(
            f"CREATE TRIGGER {name}_move AFTER UPDATE OF {changing} ON {table} WHEN {moved}"
            f" BEGIN {go} {come} END"
        )
    return made


def _come(what: str, told: Sequence[str]) -> str:
    who, part, number = (text.replace("@", "NEW") for text in told)
    return (
        f"INSERT INTO heads VALUES ('{what}', {who}, {part}, 1, {number})"
        " ON CONFLICT(what, who, part) DO UPDATE SET n = n + 1, total = total + excluded.total;"
    )


def _go(what: str, told: Sequence[str]) -> str:
    who, part, number = (text.replace("@", "OLD") for text in told)
    at = f"WHERE what = '{what}' AND who = {who} AND part = {part}"
    gone = f" DELETE FROM heads {at} AND n = 0;" if what not in OFTEN else ""
    return f"UPDATE heads SET n = n - 1, total = total - {number} {at};{gone}"


def _summing(table: str) -> Any:
    start = zlib.crc32(table.encode())

    def crc(*values: Any) -> int:
        return zlib.crc32(ascii(values).encode(), start)

    return crc
