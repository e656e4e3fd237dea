"""One thread owns the one read-write connection; everyone else hands it work.

Group commit: while one commit waits for the disk, writes queue up and share the next one. A
single client never waits for others: an empty queue commits at once. A future is resolved only
after COMMIT, which with synchronous=FULL means after the fsync.
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from sqlite_utils import Database

from profiles.errors import Damaged, Unwritable
from profiles.seal import Changed, Seal

GATHER = 0.005
MOST = 256
IDLE = 1.0
T = TypeVar("T")
log = logging.getLogger("penchant")


@dataclass(eq=False)
class _Task:
    """A piece of work; `alone` runs outside any transaction (a checkpoint, a backup)."""

    work: Callable[[Database], Any]
    alone: bool
    future: "Future[Any]" = field(default_factory=Future)
    value: Any = None


class _Savepoint:
    """Keeps one write of a batch apart from its neighbours; its error goes to its own caller."""

    def __init__(self, db: Database, task: _Task) -> None:
        self.db, self.task = db, task

    def __enter__(self) -> None:
        self.db.conn.execute("SAVEPOINT one")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if error is None:
            self.db.conn.execute("RELEASE one")
            return False
        if not isinstance(error, Exception):
            return False
        if not self.db.conn.in_transaction:  # SQLite has rolled the whole batch back
            raise sqlite3.OperationalError(f"the transaction is gone: {error}") from error
        self.db.conn.execute("ROLLBACK TO one")
        self.db.conn.execute("RELEASE one")
        self.task.future.set_exception(error)
        return True


class _Answering:
    """Sends what work run alone raises to its caller, whatever it is."""

    def __init__(self, task: _Task) -> None:
        self.task = task

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            self.task.future.set_exception(error)
            return True
        return False


class Writer:
    """`connect` opens the connection, in the writer's own thread; `reopen` after an I/O error.

    `seal` follows what is committed; it alone moves the log into the file.
    """

    def __init__(
        self, connect: Callable[[], Database], reopen: Callable[[], Database], seal: Seal
    ) -> None:
        self._connect, self._reopen, self.seal = connect, reopen, seal
        self._queue: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="penchant-writer", daemon=True)
        self._first = _Task(lambda db: None, alone=True)
        self._stop = _Task(lambda db: None, alone=True)
        self._now: list[_Task] = []
        self._dirty = False
        self._db: Database | None = None
        self.commits = 0
        self.writes = 0

    def start(self) -> None:
        """Open the connection in the thread; an error of opening is raised here."""
        self._thread.start()
        self._first.future.result()

    def write(self, work: Callable[[Database], T]) -> T:
        """Run `work` in a savepoint of the next transaction; return after the durable commit."""
        return self._hand(_Task(work, alone=False))  # type: ignore[no-any-return]

    def alone(self, work: Callable[[Database], T]) -> T:
        """Run `work` by itself, outside any transaction."""
        return self._hand(_Task(work, alone=True))  # type: ignore[no-any-return]

    def emptied(self, db: Database) -> bool:
        """Move the log into the file and cut it to nothing; for work run alone."""
        return self.seal.checkpoint(db, empty=True)

    def compare(self) -> None:
        """Changed unless every byte of the file is as it was written; writes hardly wait for it.

        A page may be on its way while it is read here; what does not fit is looked at again when
        nothing moves.
        """
        try:
            self.seal.compare()
        except (Changed, OSError):
            self.alone(lambda _: self.seal.compare())

    def close(self) -> None:
        """Finish what is queued and close the connection."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._queue.put(self._stop)
        self._thread.join()

    def _hand(self, task: _Task) -> Any:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write must not start another write; do both in one")
        with self._gate:
            if self._closed:
                raise Unwritable("the store is closed; open it again")
            self._queue.put(task)
        return task.future.result()

    # everything below runs in the writer's thread

    def _run(self) -> None:
        try:
            with _Answering(self._first):
                self._db = self._connect()
                self._first.future.set_result(None)
            if self._db is not None:
                self._serve()
        finally:
            self._end()

    def _serve(self) -> None:
        task: _Task | None = None
        while True:
            task = task or self._next()
            if task is self._stop:
                return
            if task.alone:
                self._single(task)
                task = None
            else:
                task = self._batch(task)

    def _next(self) -> _Task:
        if self._dirty and self._queue.empty():
            try:
                return self._queue.get(timeout=IDLE)
            except queue.Empty:
                self._tidy()
        return self._queue.get()

    def _single(self, task: _Task) -> None:
        self._now = [task]
        with _Answering(task):
            task.future.set_result(task.work(self._database()))

    def _batch(self, first: _Task) -> _Task | None:
        """Run queued writes in one transaction; returns a task taken that must run alone."""
        self._now = []
        task: _Task | None = first
        try:
            conn = self._database().conn
            conn.execute("BEGIN IMMEDIATE")
            until = time.monotonic() + GATHER
            while task is not None and not task.alone:
                self._now.append(task)
                self._one(task)
                more = len(self._now) < MOST and time.monotonic() < until
                task = self._queue.get() if more and not self._queue.empty() else None
            conn.execute("COMMIT")
        except (sqlite3.Error, OSError, Damaged) as wrong:
            self._lose(wrong, first)
            return task if task is not None and task.alone else None
        self._resolve()
        return task

    def _one(self, task: _Task) -> None:
        db = self._database()
        with _Savepoint(db, task):
            task.value = task.work(db)

    def _resolve(self) -> None:
        self.commits += 1
        self._dirty = True
        for stored in self._now:
            if not stored.future.done():
                self.writes += 1
                stored.future.set_result(stored.value)
        if self.seal.note():
            self._tidy()

    def _lose(self, wrong: Exception, first: _Task) -> None:
        """Nothing of the batch is on disk. After an I/O error no page in memory is trusted."""
        for task in [first, *self._now]:
            if not task.future.done():
                error = Unwritable(
                    f"nothing was stored ({wrong}); make room on the disk or check it, then try "
                    "again"
                )
                error.__cause__ = wrong
                task.future.set_exception(error)
        if self._db is not None:
            self._db.close()
            self._db = None

    def _database(self) -> Database:
        if self._db is None:
            self._db = self._reopen()
        return self._db

    def _tidy(self) -> None:
        """Move the log into the file while nobody waits."""
        self._dirty = False
        try:
            if self._db is not None:
                self.seal.checkpoint(self._db)
        except sqlite3.Error as wrong:  # the log still holds it all
            log.warning("the log could not be moved into the database file: %s", wrong)

    def _end(self) -> None:
        with self._gate:
            self._closed = True
        while not self._queue.empty():
            self._now.append(self._queue.get())
        for task in self._now:
            if not task.future.done():
                task.future.set_exception(Unwritable("the store is closed; open it again"))
        self.seal.close(self._db)
