"""Opening the data folder: the lock, the checks, a backup before every migration."""

import filecmp
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlite_utils import Database

from profiles import checkup, reserve
from profiles.backups import BACKUPS, backup_from, backups, damaged, stamp
from profiles.backups import FILE as FILE
from profiles.disk import move, private_file, private_folder
from profiles.errors import Busy, Damaged, TooNew, Unwritable
from profiles.migrations import APPLICATION, steps
from profiles.seal import Changed, Seal, lift

LOCK, MEDIA = "penchant.lock", "media"


def lock_folder(folder: Path) -> FileLock:
    """Make the folder private and hold it; Busy when another process does."""
    private_folder(folder)
    lock = FileLock(folder / LOCK, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy(
            f"another Penchant is using {folder}; close that one (its page or its terminal), or "
            "start this one on another folder with --data-dir"
        ) from None
    return lock


def open_checked(folder: Path, seal: Seal) -> Database:
    """The read-write connection to an intact file of this version. Call in the writer's thread."""
    path = folder / FILE
    for torn in (*folder.glob(".new-*"), *(folder / BACKUPS).glob(".new-*")):
        torn.unlink()
    if not path.exists():
        lift(path)
    part_from_log(folder)
    sealed = _sealed(folder, seal)
    private_file(path)
    fresh = not sealed and path.stat().st_size == 0
    db: Database | None = None
    opened = False
    try:
        db = connect(path)
        seal.attach()
        if not fresh:
            _check(db, folder, sealed)
        _migrate(db, folder, fresh)
        same_schema(db, folder)
        seal.checkpoint(db)
        reserve.hold(folder)
        opened = True
        return db
    except sqlite3.OperationalError as wrong:
        raise Unwritable(
            f"{path} cannot be opened ({wrong}); check the folder and the room on the disk"
        ) from wrong
    except sqlite3.DatabaseError as wrong:
        raise Damaged(damaged(folder, str(wrong))) from wrong
    finally:
        if not opened:
            seal.drop(db)


def part_from_log(folder: Path) -> None:
    """Put a log aside that is not the file's own, before anything looks at the two together.

    A safety copy keeps no log and says so in bytes 18 and 19; a file of ours that has a log says 2.
    SQLite would read the log of the file that lay here before as the newest pages of the copy.
    """
    path = folder / FILE
    log = path.with_name(path.name + "-wal")
    if not (path.exists() and log.exists() and log.stat().st_size):
        return
    with open(path, "rb") as file:
        if file.read(20)[18:] != b"\1\1":
            return
    aside = private_folder(folder / f"damaged-{stamp(time.time_ns())}")
    for name in ("-shm", "-wal"):  # the log last: stopped in between, this is done again
        if (old := path.with_name(path.name + name)).exists():
            move(old, aside)


def _sealed(folder: Path, seal: Seal) -> bool:
    """Whether the file is as it was sealed. A backup put in its place by hand is not, and is well.

    Damaged when a byte of it has changed.
    """
    path = folder / FILE
    try:
        return seal.look()
    except Changed as wrong:
        if not any(filecmp.cmp(path, kept, shallow=False) for kept in backups(folder)):
            raise Damaged(damaged(folder, str(wrong))) from wrong
        lift(path)
        return seal.look()


def connect(path: Path) -> Database:
    """A read-write connection with every guard on; transactions are begun by hand."""
    conn = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        return _guarded(conn)
    except sqlite3.DatabaseError:
        conn.close()
        raise


def _guarded(conn: sqlite3.Connection) -> Database:
    db = Database(conn, execute_plugins=False)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "fullfsync=ON",
        "checkpoint_fullfsync=ON",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "secure_delete=ON",
        "cell_size_check=ON",
        "mmap_size=0",
        "wal_autocheckpoint=0",
        "journal_size_limit=67108864",
    ):
        conn.execute(f"PRAGMA {pragma}").fetchall()
    return db


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """What SQLite says about a damaged file or a missing row, with the cure."""
    try:
        yield
    except sqlite3.IntegrityError as wrong:
        if "FOREIGN KEY" not in str(wrong):
            raise
        raise KeyError(
            "it belongs to something that is not there; it may have been deleted meanwhile"
        ) from wrong
    except Changed as wrong:
        raise Damaged(damaged(folder, str(wrong))) from wrong
    except sqlite3.DatabaseError as wrong:
        code = getattr(wrong, "sqlite_errorcode", 0) & 0xFF
        known = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        if not known and "Could not decode" not in str(wrong):
            raise
        raise Damaged(damaged(folder, str(wrong))) from wrong


def _check(db: Database, folder: Path, sealed: bool) -> None:
    """A file without its seal, of an older release or put back by hand, is read row by row."""
    mark = db.conn.execute("PRAGMA application_id").fetchone()[0]
    tables = db.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if mark != APPLICATION and tables:
        raise Damaged(damaged(folder, "it is not a Penchant database"))
    if tables:
        same_schema(db, folder)
    found = db.conn.execute("PRAGMA quick_check(3)").fetchall()
    if found != [("ok",)]:
        raise Damaged(damaged(folder, "; ".join(str(row[0]) for row in found)))
    if not sealed and (wrong := checkup.faults(db)):
        raise Damaged(damaged(folder, wrong[0]))


def _migrate(db: Database, folder: Path, fresh: bool) -> None:
    if not steps.pending(db):
        return
    if not fresh and steps.applied(db):
        backup_from(db, folder, "before-update")
    elif db[steps.migrations_table].exists():
        db[steps.migrations_table].drop()  # made in two steps, and cut short after the first
    db.conn.execute(f"PRAGMA application_id={APPLICATION}")
    steps.apply(db)


def _known() -> set[str]:
    empty = Database(memory=True, execute_plugins=False)
    try:
        return {step.name for step in steps.pending(empty)}
    finally:
        empty.close()


def same_schema(db: Database, folder: Path) -> None:
    """A file with tables, triggers or views that we did not make is not opened.

    A file of an older release is compared with that release, before anything of it is run: a
    trigger would fire while it is brought up to date, a view would be read like a table.
    """
    changed = Damaged(damaged(folder, "its tables were changed by another program"))
    told = _schema(db)
    if ("table", steps.migrations_table, "") not in told:
        raise changed
    unknown = {step.name for step in steps.applied(db)} - _known()
    if unknown:
        raise TooNew(
            f"{folder / FILE} was written by a newer Penchant (step {sorted(unknown)[-1]}); update "
            "this one, or start it on another folder with --data-dir"
        )
    model = Database(memory=True, execute_plugins=False)
    try:
        steps.apply(model, stop_before=[step.name for step in steps.pending(db)])
        whole = _schema(model)
        # A first start that was cut short: the list of steps is there, not all that belongs to it.
        begun = not steps.applied(db) and told < whole
        if told != whole and not begun:
            raise changed
    finally:
        model.close()


def _schema(db: Database) -> set[tuple[str, str, str]]:
    """(type, name, SQL) of everything but SQLite's own tables; the SQL of the list of steps is that
    of a library and may differ.
    """
    rows = db.conn.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    own = {("table", name) for name in ("sqlite_sequence", "sqlite_stat1", "sqlite_stat4")}
    steps_of = ("table", steps.migrations_table)
    return {
        (kind, name, "" if (kind, name) == steps_of else sql)
        for kind, name, sql in rows.fetchall()
        if (kind, name) not in own
    }
