"""A sum in every row, a count of rows that belong together: a changed byte is told at a read.

The file's seal tells it at opening and every five minutes; this tells it before a value is used.
`row_crc` covers the columns of SUMMED, as they are stored. `heads` says, for rows that are read
together (what), of whom (who) and of which sort (part), how many there are and what their numbers
add up to: a row that an index no longer finds, or a page lost, is missed there. Triggers keep the
heads (that of questions `come` keeps); sums are written by `insert` and `change`, and a row without
one is damaged to whoever reads it. Answers, questions, reasons, participants and plans carry
digests of their own.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlite_utils import Database

from profiles import first_sums
from profiles.errors import Damaged

# Later columns go to the end of theirs, with a step that sums the rows anew.
SUMMED: dict[str, tuple[str, ...]] = {
    "users": ("id", "name", "password_hash", "created", "own", "admin", "locked", "limits", "seen"),
    "sessions": ("token_hash", "user_id", "expires", "created", "about"),
    "tokens": ("token_hash", "user_id", "kind", "label", "created", "expires"),
    "profiles": ("id", "user_id", "name", "purpose", "colour", "created", "named", "simulated"),
    "items": ("id", "kind", "hash", "prompt", "text", "made", "attributes", "media", "owner",
              "profile_id", "retired", "created"),
    "versions": ("id", "profile_id", "kind", "method", "space", "seq", "created", "note",
                 "digest"),
    "generations": ("id", "profile_id", "kind", "prompt", "seed", "strength", "request", "results",
                    "created"),
    "jobs": ("id", "user_id", "profile_id", "what", "state", "request", "progress", "error",
             "created", "changed"),
    "events": ("id", "user_id", "profile_id", "what", "detail", "created"),
    "adapters": ("id", "profile_id", "job_id", "name", "kind", "base", "digest", "card", "chosen",
                 "created"),
    "studies": ("id", "user_id", "name", "salt", "created"),
    "study_editions": ("id", "study_id", "digest", "source", "created"),
    "study_views": ("profile_id", "place", "at"),
    "effective": ("profile_id", "kind", "pos", "seq", "question_id", "spoken", "floor"),
    "tops": ("profile_id", "kind", "depth", "tail", "newest"),
    "embeddings": ("space", "hash", "crc", "given"),
}  # fmt: skip
CURE = "`launch.py restore-backup` lists the safety copies and puts one back"
_START = {table: zlib.crc32(table.encode()) for table in SUMMED}


def total(table: str, values: Sequence[Any]) -> int:
    """The sum of a row: its values in the order of SUMMED."""
    return zlib.crc32(ascii(tuple(values)).encode(), _START[table])


@cache
def columns(table: str, alias: str = "") -> str:
    """What to select for `read`."""
    dot = f"{alias}." if alias else ""
    return ", ".join(f"{dot}{name}" for name in (*SUMMED[table], "row_crc"))


def read(table: str, row: Sequence[Any]) -> tuple[Any, ...]:
    """The values of a row of `columns`; Damaged when they are not what was written."""
    values = tuple(row[:-1])
    if total(table, values) != row[-1]:
        raise lost(table)
    return values


def lost(table: str) -> Damaged:
    """What is raised where a row changed, or is not where it was."""
    return Damaged(f"a row of {table} is damaged in the database file; {CURE}")


def absent(db: Database, table: str, index: str, number: int) -> None:
    """Damaged where an index knows a row that was not found by its number."""
    known = f"SELECT 1 FROM {table} INDEXED BY {index} WHERE +id = ?"
    if db.execute(known, [number]).fetchone():
        raise lost(table)


def select(
    db: Database, table: str, rest: str = "", given: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """Rows as dicts by column, each checked; `rest`: WHERE and what follows."""
    rows = db.execute(f"SELECT {columns(table)} FROM {table} {rest}", list(given)).fetchall()
    return [dict(zip(SUMMED[table], read(table, row), strict=True)) for row in rows]


def insert(db: Database, table: str, values: Mapping[str, Any]) -> int:
    """A new row with its sum; its number, where it has one."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = db.execute(f"INSERT INTO {table}({names}) VALUES ({marks})", list(values.values()))
    number = int(cursor.lastrowid or 0)
    key = SUMMED[table][0]
    _sign(db, table, f"{key} = ?", [values.get(key, number)])
    return number


def change(
    db: Database, table: str, new: Mapping[str, Any], where: str, given: Sequence[Any]
) -> int:
    """UPDATE with sums; how many rows. A row that is damaged is not given a sum that fits."""
    keys = [row[SUMMED[table][0]] for row in select(db, table, f"WHERE {where}", given)]
    told = ", ".join(f"{name} = ?" for name in new)
    for key in keys:
        at = f"{SUMMED[table][0]} = ?"
        db.execute(f"UPDATE {table} SET {told} WHERE {at}", [*new.values(), key])
        _sign(db, table, at, [key])
    return len(keys)


def renew(db: Database) -> None:
    """Take every row and list as it stands now: when a person says that the file is well."""
    for table, names in SUMMED.items():
        db.conn.create_function(f"sum_{table}", -1, lambda *row, t=table: total(t, row))
        made = f"sum_{table}({', '.join(names)})"
        db.execute(f"UPDATE {table} SET row_crc = {made} WHERE row_crc <> {made}")
    db.execute("DELETE FROM heads")
    first_sums.count(db)


def _sign(db: Database, table: str, where: str, given: Sequence[Any]) -> None:
    names = ", ".join(SUMMED[table])
    row = db.execute(f"SELECT {names} FROM {table} WHERE {where}", list(given)).fetchone()
    db.execute(f"UPDATE {table} SET row_crc = ? WHERE {where}", [total(table, row), *given])


def whole(db: Database, what: str, who: int, part: str, numbers: Iterable[int]) -> None:
    """Damaged unless these are all the rows there are of that head."""
    found = list(numbers)
    same(db, what, who, part, (len(found), sum(found)))


def come(db: Database, what: str, who: int, part: str, number: int) -> None:
    """One row more in a list whose head no trigger keeps."""
    db.execute(
        "INSERT INTO heads VALUES (?, ?, ?, 1, ?) ON CONFLICT(what, who, part)"
        " DO UPDATE SET n = n + 1, total = total + excluded.total", [what, who, part, number],
    )  # fmt: skip


def same(db: Database, what: str, who: int, part: str, found: tuple[int, int]) -> None:
    """Damaged unless the head says (how many, sum of numbers)."""
    row = db.execute(
        "SELECT n, total FROM heads WHERE what = ? AND who = ? AND part = ?", [what, who, part]
    ).fetchone()
    _compare(what, row, found)


def every(
    db: Database, what: str, parts: str, given: Sequence[Any], found: tuple[int, int]
) -> None:
    """The same for many heads at once; `parts`: SQL about who and part."""
    row = db.execute(
        f"SELECT sum(n), sum(total) FROM heads WHERE what = ? AND {parts}", [what, *given]
    ).fetchone()
    _compare(what, row, found)


def counted(
    db: Database, table: str, where: str, given: Sequence[Any], number: str = "id"
) -> tuple[int, int]:
    """(how many, sum of numbers) of rows as the index finds them."""
    row = db.execute(
        f"SELECT count(*), sum({number}) FROM {table} WHERE {where}", list(given)
    ).fetchone()
    return int(row[0]), int(row[1] or 0)


def _compare(what: str, row: Sequence[Any] | None, found: tuple[int, int]) -> None:
    told = (int(row[0] or 0), int(row[1] or 0)) if row is not None else (0, 0)
    if told != found:
        raise Damaged(
            f"the list of {what} is damaged in the database file ({found[0]} of {told[0]} rows "
            f"are found, or others); {CURE}"
        )
