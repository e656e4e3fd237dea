"""Going back to a safety copy, or to the file as it is: for a folder that nobody has open.

Nothing is lost on the way: what was there is kept in damaged-TIME/. A copy opens no door that was
closed after it was made: every session and token in it ends before it takes the file's place.
Stopped at any moment, the folder holds the old file or the whole of the new one; where the old
seal still lies beside it, opening it says to do this again.
"""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlite_utils import Database

from profiles import audit, backups, checkup, opening, rowsums, seal
from profiles.disk import atomic_file, private_folder, remove
from profiles.errors import Damaged, TooNew

PARTS = ("", "-wal", ".seal", ".mark")
ROWS = "SELECT profile_id, seq FROM answers WHERE act = 'answer'"


@dataclass(frozen=True)
class Restored:
    """aside: where the old files are. missing: answers in them that the copy has not, if known."""

    copy: backups.Copy
    aside: Path
    missing: int | None


def restore(folder: Path, copy: backups.Copy) -> Restored:
    """Put the copy in place. Busy while a studio has the folder; Damaged when the copy is bad."""
    lock = opening.lock_folder(folder)
    try:
        _proved(copy.path)
        opening.part_from_log(folder)
        aside = _kept(folder)
        missing = _missing(aside / backups.FILE, copy.path)
        file = folder / backups.FILE
        for name in ("-wal", "-shm"):
            remove(file.with_name(file.name + name))
        atomic_file(file, partial(_closed, copy.path))
        _sealed(file)
    finally:
        lock.release()
    return Restored(copy, aside, missing)


def as_it_is(folder: Path) -> Path:
    """Take the seal off after keeping everything: the next opening reads the file row by row.

    Names, notes and the like, whose sums only a disk's fault is meant to break, count as they are.
    """
    lock = opening.lock_folder(folder)
    try:
        opening.part_from_log(folder)
        aside = _kept(folder)
        seal.lift(folder / backups.FILE)
        _renewed(folder)
    finally:
        lock.release()
    return aside


def _renewed(folder: Path) -> None:
    with opening.explained(folder), closing(opening.connect(folder / backups.FILE)) as db:
        opening.same_schema(db, folder)
        if db["heads"].exists():
            with db.conn:
                db.conn.execute("BEGIN")
                rowsums.renew(db)


def _proved(path: Path) -> None:
    wrong = [] if backups.whole(path) else ["its bytes are not those its name tells of"]
    try:
        db = Database(backups.opened(path), execute_plugins=False)
        with closing(db):
            opening.same_schema(db, path.parent)  # first: what follows reads its tables
            wrong += checkup.faults(db)
    except TooNew:
        wrong.append("a newer Penchant wrote it")
    except Damaged:
        wrong.append("its tables were changed by another program")
    except sqlite3.DatabaseError as said:
        wrong.append(str(said))
    if wrong:
        raise Damaged(f"the copy {path.name} is damaged as well ({wrong[0]}); choose another")


def _closed(source: Path, target: Path) -> None:
    """A copy in which nobody is logged in: what ended after it was made must not come back."""
    _copied(source, target)
    conn = sqlite3.connect(target, isolation_level=None)
    with closing(Database(conn, execute_plugins=False)) as db:
        for pragma in ("journal_mode=MEMORY", "secure_delete=ON", "trusted_schema=OFF"):
            conn.execute(f"PRAGMA {pragma}").fetchall()
        opening.same_schema(db, source.parent)  # a trigger of somebody else's would fire below
        conn.execute("BEGIN IMMEDIATE")
        gone = sum(conn.execute(f"DELETE FROM {name}").rowcount for name in _doors(db))
        if db["audit"].exists():
            audit.add(db, None, "restored", json.dumps({"ended": gone}), time.time())
        conn.execute("COMMIT")


def _doors(db: Database) -> list[str]:
    """Tables of what opens the door; a copy of an early release has no tokens yet."""
    return [name for name in ("sessions", "tokens") if db[name].exists()]


def _sealed(file: Path) -> None:
    """It was read row by row already: the next opening need not do it again."""
    seal.lift(file)
    made, db = seal.Seal(file), opening.connect(file)
    made.attach()
    made.close(db)


def _kept(folder: Path) -> Path:
    """Copies of the file and what lies beside it, in a folder of their own."""
    aside = private_folder(folder / f"damaged-{backups.stamp(time.time_ns())}")
    for part in PARTS:
        old = folder / (backups.FILE + part)
        if old.exists():
            atomic_file(aside / old.name, partial(_copied, old))
    media = folder / opening.MEDIA
    if media.exists():  # pictures that came after the copy would be swept away at the next start
        shutil.copytree(media, aside / opening.MEDIA, copy_function=_linked)
    return aside


def _linked(source: str, target: str) -> None:
    """The same file under another name; a copy where the disk knows no such names (exFAT)."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _copied(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _missing(old: Path, copy: Path) -> int | None:
    """Answers in the old file that the copy has not; None where the old one cannot be read.

    Read only: a connection that may write would fold what it can read of a damaged log into the
    file when it closes, and throw the rest away.
    """
    uri = f"{old.absolute().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True)) as before,
            closing(backups.opened(copy)) as after,
        ):
            return len(set(before.execute(ROWS)) - set(after.execute(ROWS)))
    except sqlite3.DatabaseError:
        return None
