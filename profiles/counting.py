"""Which answers count: `effective` by position, `tops` how many, per profile and kind.

Both follow from the log (`answers.rebuild`). Every row carries a sum; where no top is found nothing
ever counted.
"""

from typing import Any, NamedTuple

from sqlite_utils import Database

from engine.data import Kind
from profiles import rowsums

COLUMNS = rowsums.columns("effective", "e")
WIDTH = len(rowsums.SUMMED["effective"]) + 1


class Counted(NamedTuple):
    """A row of `effective`. `spoken`: how many up to here say something; `floor`: the last question
    that was asked for itself.
    """

    profile: int
    kind: Kind
    pos: int
    seq: int
    question: int
    spoken: int
    floor: int


def read(row: Any) -> Counted:
    """A row of COLUMNS; Damaged when a byte of it changed on the disk."""
    return Counted(*rowsums.read("effective", row))


class Top(NamedTuple):
    """How many count, how many would with all that was taken back; the newest row of the log."""

    depth: int
    tail: int
    newest: int


def newest(db: Database, profile: int) -> int:
    """How many rows the log of a profile has: the number of the newest."""
    return max(top(db, profile, "picture").newest, top(db, profile, "text").newest)


def top(db: Database, profile: int, kind: Kind) -> Top:
    row = db.execute(
        f"SELECT {rowsums.columns('tops')} FROM tops WHERE profile_id = ? AND kind = ?",
        [profile, kind],
    ).fetchone()
    if row is not None:
        return Top(*rowsums.read("tops", row)[2:])
    if db.execute(
        "SELECT 1 FROM effective WHERE profile_id = ? AND kind = ? LIMIT 1", [profile, kind]
    ).fetchone():
        raise rowsums.lost("tops")
    return Top(0, 0, 0)


def at(db: Database, place: tuple[int, Kind], pos: int) -> Counted | None:
    """The row at a position; None at 0, before any."""
    if pos == 0:
        return None
    row = db.execute(
        f"SELECT {COLUMNS} FROM effective e WHERE profile_id = ? AND kind = ? AND pos = ?",
        [*place, pos],
    ).fetchone()
    if row is None:
        raise rowsums.lost("effective")
    return read(row)


def seqs(db: Database, profile: int, kind: Kind) -> list[int]:
    """Numbers of the answers that count, in order."""
    depth = top(db, profile, kind).depth
    rows = db.execute(
        f"SELECT {COLUMNS} FROM effective e WHERE profile_id = ? AND kind = ? AND pos <= ?"
        " ORDER BY pos",
        [profile, kind, depth],
    ).fetchall()
    found = [read(row) for row in rows]
    placed(found, 1, depth)
    return [row.seq for row in found]


def placed(rows: list[Counted], first: int, final: int) -> None:
    """Damaged unless these are the rows from one position to another."""
    if [row.pos for row in rows] != list(range(first, final + 1)):
        raise rowsums.lost("effective")


def push(db: Database, row: Counted) -> None:
    """One more on top; `pos` is its place."""
    db.execute(
        "INSERT INTO effective VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [*row, rowsums.total("effective", row)],
    )
    put_top(db, (row.profile, row.kind), Top(row.pos, row.pos, row.seq))


def drop(db: Database, place: tuple[int, Kind], above: int) -> None:
    """What could have been put in again no longer can."""
    db.execute(
        "DELETE FROM effective WHERE profile_id = ? AND kind = ? AND pos > ?", [*place, above]
    )


def put_top(db: Database, place: tuple[int, Kind], new: Top) -> None:
    values = (*place, *new)
    db.execute(
        "INSERT INTO tops VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(profile_id, kind) DO UPDATE SET"
        " depth = excluded.depth, tail = excluded.tail, newest = excluded.newest,"
        " row_crc = excluded.row_crc",
        [*values, rowsums.total("tops", values)],
    )
