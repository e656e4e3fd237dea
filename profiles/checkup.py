"""Looking a database through, row by row: where there is no seal to compare the file with.

Structure and indexes by SQLite, references between rows, and every row that carries a sum.
"""

import hashlib
import zlib
from collections.abc import Iterator

from sqlite_utils import Database

from profiles import answers, questions, reasons, rowsums
from profiles.errors import Damaged


def faults(db: Database) -> list[str]:
    """What is wrong, in words; empty when nothing is."""
    return [*_structure(db), *_rows(db)]


def _structure(db: Database) -> Iterator[str]:
    told = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)").fetchall()]
    if told != ["ok"]:
        yield "; ".join(told)
    lost = db.execute("PRAGMA foreign_key_check").fetchall()
    if lost:
        yield f"{len(lost)} rows belong to something that is not there, the first in {lost[0][0]}"


def _rows(db: Database) -> Iterator[str]:
    """A table of a later release is not there yet."""
    there = set(db.table_names())
    for table, check in CHECKS.items():
        if table in there:
            try:
                check(db)
            except Damaged as wrong:
                yield str(wrong).partition(";")[0]
    for table in rowsums.SUMMED if "heads" in there else ():
        try:
            rowsums.select(db, table)
        except Damaged as wrong:
            yield str(wrong).partition(";")[0]


def _questions(db: Database) -> None:
    for row in db.execute(f"SELECT {questions.COLUMNS} FROM questions q"):
        questions.read(row)


def _answers(db: Database) -> None:
    for row in db.execute(f"SELECT {answers.LOG} FROM answers a"):
        answers.read(row)


def _reasons(db: Database) -> None:
    for (profile,) in db.execute("SELECT DISTINCT profile_id FROM reasons").fetchall():
        reasons.rows(db, profile, "heads" in db.table_names())


def _versions(db: Database) -> None:
    for number, state, digest in db.execute("SELECT id, state, digest FROM versions"):
        if hashlib.sha256(state).digest() != digest:
            raise Damaged(f"version {number} is damaged")


def _embeddings(db: Database) -> None:
    for space, vector, crc in db.execute("SELECT space, vector, crc FROM embeddings"):
        if zlib.crc32(vector) != crc:
            raise Damaged(f"a vector in the space {space} is damaged")


CHECKS = {
    "questions": _questions,
    "answers": _answers,
    "reasons": _reasons,
    "versions": _versions,
    "embeddings": _embeddings,
}
