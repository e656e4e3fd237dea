"""Read-only connections, lent one at a time and used again."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from profiles.errors import Unwritable


class Readers:
    """A pool of mode=ro connections to one file; a lent one sees one consistent moment."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._idle: list[Database] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[Database]:
        """A connection inside a read transaction."""
        db = self._take()
        try:
            db.conn.execute("BEGIN")
            yield db
        finally:
            self._back(db)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _take(self) -> Database:
        with self._lock:
            if self._closed:
                raise Unwritable("the store is closed; open it again")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _back(self, db: Database) -> None:
        if db.conn.in_transaction:
            db.conn.execute("ROLLBACK")
        with self._lock:
            if not self._closed:
                self._idle.append(db)
                return
        db.close()

    def _open(self) -> Database:
        conn = sqlite3.connect(
            self._uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
        )
        db = Database(conn, execute_plugins=False)
        for pragma in (
            "query_only=ON",
            "trusted_schema=OFF",
            "cell_size_check=ON",
            "wal_autocheckpoint=0",
            "mmap_size=0",
        ):
            conn.execute(f"PRAGMA {pragma}").fetchall()
        return db
