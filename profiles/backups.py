"""Safety copies of the database: made while it is in use, listed, and put back in its place.

A name holds a number that grows, so that a clock that jumps changes nothing about which copy is
newer; the time; why it was made; and the first 16 digits of its own sha256.
"""

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from profiles.disk import atomic_file, private_folder
from profiles.errors import Damaged

FILE, BACKUPS = "penchant.db", "backups"
KEPT = 10
NAME = re.compile(r"(?:(\d{6})-)?(\d{8}-\d{6})-\d{9}-([a-z-]+?)(?:-([0-9a-f]{16}))?\.db")


@dataclass(frozen=True)
class Copy:
    """One of backups/; answers is -1 where it cannot be read."""

    path: Path
    made: str
    reason: str
    size: int
    profiles: int
    answers: int


def stamp(nanoseconds: int) -> str:
    """A time in UTC whose text sorts as the time does: one reading of the clock for all of it."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}-{rest:09d}"


def backup_from(db: Database, folder: Path, reason: str, to: Path | None = None) -> Path:
    """Copy the whole database through SQLite's backup API; the copy is checked and durable.

    Without `to` it goes to backups/ and only the newest ten there are kept.
    """

    def fill(temporary: Path) -> None:
        copy = sqlite3.connect(temporary, isolation_level=None)
        try:
            db.conn.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            copy.close()
        if found != "ok":
            raise Damaged(damaged(folder, f"the copy is not intact: {found}"))

    if to is not None:
        atomic_file(to, fill)
        return to
    place = private_folder(folder / BACKUPS)
    number = max(map(_number, backups(folder)), default=0) + 1
    name = f"{number:06d}-{stamp(time.time_ns())}-{reason}"
    atomic_file(place / f"{name}.db", fill)
    made = (place / f"{name}.db").replace(place / f"{name}-{_sum(place / f'{name}.db')}.db")
    for old in backups(folder)[KEPT:]:
        old.unlink()
    return made


def backups(folder: Path) -> list[Path]:
    """Copies in backups/, newest first."""
    found = (folder / BACKUPS).glob("*.db")
    return sorted(found, key=lambda p: (_number(p), p.name), reverse=True)


def listed(folder: Path) -> list[Copy]:
    """What is in backups/, newest first, and how much each holds."""
    return [_looked_at(path) for path in backups(folder)]


def whole(path: Path) -> bool:
    """Whether the bytes are those its name tells of; True for an older name, that tells nothing."""
    told = NAME.fullmatch(path.name)
    return told is None or told[4] is None or told[4] == _sum(path)


def holding(folder: Path, profiles: Iterable[int]) -> list[str]:
    """Copies that still hold one of these profiles, or that cannot be read; what was put aside is
    one, and a log there may hold anything. Numbers are for good: a profile's is never given again.
    """
    gone = sorted(set(profiles))
    aside = [p for p in sorted(folder.glob("damaged-*")) if gone and _aside_holds(p, gone)]
    return [str(path) for path in [*(p for p in backups(folder) if _holds(p, gone)), *aside]]


def damaged(folder: Path, what: str) -> str:
    """What a person is told about a damaged file: what was found and the way back."""
    found, file = backups(folder), folder / FILE
    if not found:
        return (
            f"{file} is damaged ({what}) and there is no backup; move it away to start empty, "
            "or start on another folder with --data-dir"
        )
    return (
        f"{file} is damaged ({what}); `launch.py restore-backup` lists the {len(found)} safety "
        f"copies, the newest is {found[0]}, and puts one back"
    )


def opened(path: Path) -> sqlite3.Connection:
    """A file that nobody writes, read only; nothing is made beside it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _looked_at(path: Path) -> Copy:
    told = NAME.fullmatch(path.name)
    when = time.strptime(told[2], "%Y%m%d-%H%M%S") if told else time.gmtime(path.stat().st_mtime)
    made = time.strftime("%Y-%m-%d %H:%M UTC", when)
    reason = told[3].replace("-", " ") if told else ""
    size = path.stat().st_size
    try:
        with closing(opened(path)) as db:
            people = db.execute("SELECT count(*) FROM profiles").fetchone()[0]
            answers = db.execute("SELECT count(*) FROM answers WHERE act = 'answer'").fetchone()[0]
    except sqlite3.DatabaseError:
        return Copy(path, made, reason, size, -1, -1)
    return Copy(path, made, reason, size, int(people), int(answers))


def _holds(path: Path, profiles: list[int]) -> bool:
    try:
        with closing(opened(path)) as db:
            there = {row[0] for row in db.execute("SELECT id FROM profiles")}
    except sqlite3.DatabaseError:
        return True
    return not there.isdisjoint(profiles)


def _aside_holds(folder: Path, profiles: list[int]) -> bool:
    file, log = folder / FILE, folder / f"{FILE}-wal"
    return (log.exists() and log.stat().st_size > 0) or (file.exists() and _holds(file, profiles))


def _number(path: Path) -> int:
    told = NAME.fullmatch(path.name)
    return int(told[1]) if told and told[1] else 0


def _sum(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
