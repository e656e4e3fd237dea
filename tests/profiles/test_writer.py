"""Group commit: one bad row never takes its neighbours along; nobody hears yes before the disk."""

import sqlite3
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from profiles import people, writer
from profiles.seal import Seal
from profiles.store import Store, Unwritable
from profiles.writer import Writer
from tests.profiles.desk import Desk


def test_writes_that_wait_share_a_commit_and_fail_alone(store: Store, monkeypatch) -> None:
    """While the writer is held, 20 writes queue up; every fourth of them is bad."""
    monkeypatch.setattr(writer, "GATHER", 60.0)
    user, begun, go = store.local_user(), threading.Event(), threading.Event()

    def hold(db) -> None:
        begun.set()
        go.wait(5)

    def add(number: int) -> int:
        def work(db) -> int:
            people.add_event(db, (user, None), str(number), "{}", 0.0)
            if number % 4 == 0:
                raise ZeroDivisionError(f"bad {number}")
            return number

        return store.write(work)

    with ThreadPoolExecutor(21) as pool:
        pool.submit(store._writer.alone, hold)
        assert begun.wait(5)
        commits = store.commits
        futures: list[Future[int]] = [pool.submit(add, i) for i in range(20)]
        while store._writer._queue.qsize() < 20:
            time.sleep(0.001)
        go.set()
        for number, future in enumerate(futures):
            if number % 4 == 0:
                with pytest.raises(ZeroDivisionError, match=f"bad {number}"):
                    future.result(5)
            else:
                assert future.result(5) == number
    assert store.commits - commits == 1
    assert {int(e["what"]) for e in store.events(user)} == {i for i in range(20) if i % 4}


def test_a_broken_statement_in_a_batch_leaves_the_others(store: Store) -> None:
    user = store.local_user()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        store.write(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(sqlite3.IntegrityError):
        store.write(lambda db: db.execute("INSERT INTO events(what) VALUES (NULL)"))
    store.add_event(user, "after")
    assert [e["what"] for e in store.events(user)] == ["after"]


def test_a_single_client_does_not_wait_for_company(store: Store) -> None:
    """Each write commits by itself: as many commits as writes, no gathering pause."""
    before = store.commits
    for i in range(10):
        store.add_event(None, str(i))
    assert store.commits - before == 10


def test_a_write_is_acknowledged_only_after_its_commit(store: Store) -> None:
    said: list[str] = []

    def work(db) -> None:
        db.conn.set_trace_callback(lambda sql: said.append(sql.split()[0]))
        db.execute("INSERT INTO events(what, detail, created) VALUES ('x', '{}', 0)")

    store.write(work)
    said.append("acknowledged")
    store.write(lambda db: db.conn.set_trace_callback(None))
    assert said.index("COMMIT") < said.index("acknowledged")


def test_a_full_disk_is_told_and_reads_go_on(store: Store, desk: Desk) -> None:
    asked = desk.ask()
    desk.pick(asked)
    pages = store.write(lambda db: db.conn.execute("PRAGMA page_count").fetchone()[0])
    store._writer.alone(lambda db: db.conn.execute(f"PRAGMA max_page_count={pages}").fetchall())
    with pytest.raises((Unwritable, sqlite3.OperationalError), match="full"):
        for _ in range(200):
            store.add_event(None, "x" * 20_000)
    told = len(store.read(lambda db: db.execute("SELECT id FROM events").fetchall()))
    assert desk.seqs() == [1]
    store._writer.alone(lambda db: db.conn.execute("PRAGMA max_page_count=1073741823").fetchall())
    store.add_event(None, "room again")
    desk.pick(desk.ask())
    assert desk.seqs() == [1, 2]
    assert len(store.read(lambda db: db.execute("SELECT id FROM events").fetchall())) == told + 1


class Failing:
    """A connection whose COMMIT fails once, as after an I/O error of the disk."""

    def __init__(self, conn) -> None:
        self.conn, self.failed = conn, False

    def execute(self, sql: str, *more):
        if sql == "COMMIT" and not self.failed:
            self.failed = True
            raise sqlite3.OperationalError("disk I/O error")
        return self.conn.execute(sql, *more)

    def __getattr__(self, name: str):
        return getattr(self.conn, name)


def test_a_failed_commit_stores_nothing_and_a_new_connection_goes_on(
    store: Store, desk: Desk
) -> None:
    """The failed fsync is never taken for success, and what was in memory is not trusted."""
    asked = desk.ask()
    first = store._writer._db
    store._writer.alone(lambda db: setattr(db, "conn", Failing(db.conn)))
    with pytest.raises(Unwritable, match="nothing was stored.*disk I/O error"):
        desk.pick(asked, key="again")
    assert desk.seqs() == []
    assert desk.pick(asked, key="again").seq == 1 and store._writer._db is not first


def test_nothing_waits_forever_when_the_writer_cannot_open(tmp_path: Path) -> None:
    def broken():
        raise OSError("no such disk")

    made = Writer(broken, broken, Seal(tmp_path / "none.db"))
    with pytest.raises(OSError, match="no such disk"):
        made.start()
    with pytest.raises(Unwritable, match="closed"):
        made.write(lambda db: None)


def test_a_write_inside_a_write_is_refused(store: Store) -> None:
    with pytest.raises(RuntimeError, match="both in one"):
        store.write(lambda db: store.add_event(None, "inner"))


def test_closing_finishes_what_is_queued(store: Store) -> None:
    begun, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(8) as pool:
        pool.submit(store._writer.alone, lambda db: (begun.set(), go.wait(5)))
        assert begun.wait(5)
        futures = [pool.submit(store.add_event, None, str(i)) for i in range(6)]
        while store._writer._queue.qsize() < 6:
            time.sleep(0.001)
        closing = pool.submit(store.close)
        go.set()
        closing.result(5)
        assert sorted(f.result(5) for f in futures) == [1, 2, 3, 4, 5, 6]
    with Store.open(store.folder) as again:
        assert again.read(lambda db: db.execute("SELECT count(*) FROM events").fetchone()) == (6,)
