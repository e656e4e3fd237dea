"""The seal: a changed byte is seen before use, and nothing is taken for damage that is none."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from profiles import opening, seal, wal
from profiles.store import Damaged, Store
from tests.profiles import flips, flips_running
from tests.profiles.desk import full_desk, new_desk


def killed(store: Store, folder: Path) -> Path:
    """The folder as a kill would leave it now."""
    return flips.copied(store.folder, folder)


def marked(folder: Path, data: bytes) -> None:
    (folder / f"{opening.FILE}.mark").write_bytes(data)


def test_thirty_changed_bits_give_no_wrong_value(tmp_path: Path) -> None:
    told = flips.run(tmp_path, 30, seed=3)["figures"]
    assert told["wrong"] == 0 and told["detected"] > 12 and told["mended"] > 3


def test_a_log_is_read_as_sqlite_reads_it(tmp_path: Path) -> None:
    """Frames, pages and salts as in SQLite's own index; a torn end and an old end are left out."""
    conn = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    conn.execute("PRAGMA journal_mode=WAL"), conn.execute("CREATE TABLE t (a)")
    conn.execute("INSERT INTO t VALUES (?)", ["x" * 30_000])
    conn.execute("PRAGMA wal_checkpoint"), conn.execute("INSERT INTO t VALUES (1)")
    index = (tmp_path / "x.db-shm").read_bytes()
    path = tmp_path / "x.db-wal"
    log = wal.read(path, 4096)
    assert index[32:40] == log.salts and index[16] == len(log.pages) == 1 and index[20] == log.size
    assert path.stat().st_size > 32 + 5 * 4120, "older frames lie behind"
    conn.execute("INSERT INTO t VALUES (2)")
    data = bytearray(path.read_bytes())
    data[32 + 4120 + 24] ^= 1
    path.write_bytes(data)
    assert wal.read(path, 4096) == log
    conn.close()


def test_every_ending_is_taken_for_whole(tmp_path: Path) -> None:
    """Killed after each write and each move of the log: opens, with all there was."""
    with Store.open(tmp_path / "data") as store:
        for i in range(6):
            desk = full_desk(store)
            if i % 2:
                store._writer.alone(store._writer.seal.checkpoint)
            if i == 4:
                store.delete_profile(desk.profile)
                continue
            folder = killed(store, tmp_path / "killed")
            for _ in range(2):  # a second kill straight after
                with Store.open(folder) as again:
                    assert again.answer_rows(desk.profile) == store.answer_rows(desk.profile)
                    new_desk(again)
                    folder = killed(again, tmp_path / f"again-{i}-{_}")
                    assert not again._writer.seal.mended


def test_a_log_held_by_a_reader_is_sealed_in_parts(tmp_path: Path, store: Store) -> None:
    new_desk(store)
    with store._readers.lend() as reader:
        reader.execute("SELECT count(*) FROM profiles").fetchall()
        profile = full_desk(store).profile
        assert not store._writer.alone(store._writer.seal.checkpoint)
        rows = store.answer_rows(profile)
        with Store.open(killed(store, tmp_path / "one")) as again:
            assert again.answer_rows(profile) == rows
    full_desk(store)
    assert store._writer.alone(store._writer.seal.checkpoint)
    with Store.open(killed(store, tmp_path / "two")) as again:
        assert again.answer_rows(profile) == rows


@pytest.mark.parametrize("how", ["gone", "short"])
def test_a_log_that_ends_too_early_is_not_taken_for_the_end(
    tmp_path: Path, store: Store, how: str
) -> None:
    """The last answers stood in it: SQLite alone would open without them and say nothing."""
    new_desk(store)
    folder = killed(store, tmp_path / "killed")
    log = folder / f"{opening.FILE}-wal"
    if how == "gone":
        log.unlink()
    else:
        os.truncate(log, wal.HEAD + 2 * (wal.FRAME + seal.PAGE))
    with pytest.raises(Damaged, match="log is missing or damaged"):
        Store.open(folder)


def test_an_older_mark_asks_for_less(tmp_path: Path, store: Store) -> None:
    """After a power loss the mark may be an old one, torn, or not there."""
    first = (store.folder / f"{opening.FILE}.mark").read_bytes()
    profile = new_desk(store).profile
    middle = (store.folder / f"{opening.FILE}.mark").read_bytes()
    store._writer.alone(store._writer.seal.checkpoint)
    full_desk(store)
    for old in (first, middle, b"", b"\0" * 24, middle[:9]):
        folder = killed(store, tmp_path / "killed")
        marked(folder, old)
        with Store.open(folder) as again:
            assert again.profile(profile) == store.profile(profile)


@pytest.mark.parametrize("damage", ["none", "torn", "old"])
def test_without_a_seal_the_file_is_read_row_by_row(tmp_path: Path, damage: str) -> None:
    with Store.open(tmp_path) as store:
        rows = store.answer_rows(full_desk(store).profile)
    path = tmp_path / f"{opening.FILE}.seal"
    data = path.read_bytes()
    path.write_bytes(data[:-9] if damage == "torn" else b"" if damage == "old" else data)
    if damage == "none":
        seal.lift(tmp_path / opening.FILE)
    with Store.open(tmp_path) as store:
        assert store.answer_rows(1) == rows
        assert path.stat().st_size == len(data)
    _change(tmp_path, b'"picks"', b'"pecks"')
    with pytest.raises(Damaged, match="not as they were written"):
        Store.open(tmp_path)
    seal.lift(tmp_path / opening.FILE)
    with pytest.raises(Damaged, match="answer 13 of profile 1 is damaged"):
        Store.open(tmp_path)


def _change(folder: Path, old: bytes, new: bytes) -> None:
    path = folder / opening.FILE
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def test_a_file_that_was_emptied_is_damaged_and_one_moved_away_starts_anew(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        new_desk(store)
    file = tmp_path / opening.FILE
    shutil.copy(file, tmp_path / "kept")
    file.write_bytes(b"")
    with pytest.raises(Damaged):
        Store.open(tmp_path)
    file.unlink()
    with Store.open(tmp_path) as store:
        assert store.profiles(store.local_user()) == []


def test_a_long_log_is_moved_while_answers_come(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(seal, "DUE", 40), monkeypatch.setattr(seal, "AGAIN", 10)
    before = store._writer.seal.sums.number
    desk = new_desk(store)
    for _ in range(30):
        desk.pick(desk.ask())
    assert store._writer.seal.sums.number != before
    size = (store.folder / f"{opening.FILE}-wal").stat().st_size
    assert size < 150 * (wal.FRAME + seal.PAGE)


def test_another_process_cannot_take_the_index_for_abandoned(store: Store) -> None:
    """Closing any handle of the index drops this process's locks on it; a second reader would then
    cut the index short under the first.
    """
    new_desk(store)
    code = (
        "import fcntl, os, sys\n"
        f"handle = os.open({str(store.folder / opening.FILE) + '-shm'!r}, os.O_RDWR)\n"
        "try:\n"
        "    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)\n"
        "except OSError:\n"
        "    sys.exit(7)\n"
    )
    made = subprocess.run([sys.executable, "-c", code], check=False)
    assert made.returncode == 7, "SQLite's own lock says that somebody is at work here"


def test_a_bit_that_changes_under_a_running_store_is_told_by_the_look_over(tmp_path: Path) -> None:
    """And no read gives a wrong value before that."""
    told, wrong = flips_running.run(tmp_path, 12, seed=4)
    assert told["running_told"] == told["running"] == 12
    assert told["running_wrong"] == 0, wrong
    assert sum(told[f"running_{k}"] for k in ("noticed", "same", "wrong")) == 12
