"""Opening: one process, an intact file of this version, a backup before every migration."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from profiles import backups, migrations, opening
from profiles.store import Busy, Damaged, Store, TooNew
from tests.profiles.desk import full_desk, new_desk

ROOT = Path(__file__).resolve().parents[2]


def test_a_second_process_is_told_who_holds_the_folder(store: Store) -> None:
    code = f"from profiles.store import Store; Store.open({str(store.folder)!r})"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode != 0 and "Busy" in ran.stderr
    assert str(store.folder) in ran.stderr and "--data-dir" in ran.stderr
    with pytest.raises(Busy, match="another Penchant"):
        Store.open(store.folder)


def test_a_closed_folder_opens_again_with_everything(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        desk = full_desk(store)
        rows = store.answer_rows(desk.profile)
    with Store.open(tmp_path) as store:
        assert store.answer_rows(desk.profile) == rows
        assert store.read(lambda db: db.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]


def longer(fail: bool = False) -> Migrations:
    """The schema of a later release: one step more."""
    steps = Migrations("penchant")
    for step in migrations.steps.pending(Database(memory=True)):
        steps(name=step.name)(getattr(migrations, step.name))

    @steps()
    def m999_moods(db: Database) -> None:
        db.executescript("CREATE TABLE moods (id INTEGER PRIMARY KEY, mood TEXT) STRICT;")
        if fail:
            raise ZeroDivisionError("the power went")

    return steps


def filled(folder: Path) -> tuple[int, list[dict]]:
    with Store.open(folder) as store:
        desk = full_desk(store)
        return desk.profile, store.answer_rows(desk.profile)


def test_a_migration_keeps_everything_and_a_backup(tmp_path: Path, monkeypatch) -> None:
    profile, rows = filled(tmp_path)
    assert backups.backups(tmp_path) == []
    monkeypatch.setattr(opening, "steps", longer())
    with Store.open(tmp_path) as store:
        assert store.answer_rows(profile) == rows
        assert store.read(lambda db: db["moods"].exists())
    (kept,) = backups.backups(tmp_path)
    assert "before-update" in kept.name
    with Store.open(tmp_path):
        pass
    assert backups.backups(tmp_path) == [kept], "only before a migration"


def test_a_migration_that_breaks_changes_nothing(tmp_path: Path, monkeypatch) -> None:
    profile, rows = filled(tmp_path)
    monkeypatch.setattr(opening, "steps", longer(fail=True))
    with pytest.raises(ZeroDivisionError):
        Store.open(tmp_path)
    assert len(backups.backups(tmp_path)) == 1
    monkeypatch.undo()
    with Store.open(tmp_path) as store:
        assert store.answer_rows(profile) == rows


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(opening, "steps", longer())
    filled(tmp_path)
    monkeypatch.undo()
    before = (tmp_path / opening.FILE).read_bytes()
    with pytest.raises(TooNew, match="m999_moods.*update"):
        Store.open(tmp_path)
    assert (tmp_path / opening.FILE).read_bytes() == before


def test_a_backup_opens_as_a_store(tmp_path: Path, store: Store) -> None:
    desk = full_desk(store)
    rows = store.answer_rows(desk.profile)
    made = store.backup()
    desk.pick(desk.ask())
    again = tmp_path / "again"
    again.mkdir()
    (again / opening.FILE).write_bytes(made.read_bytes())
    with Store.open(again) as other:
        assert other.answer_rows(desk.profile) == rows


def test_the_last_ten_backups_stay(store: Store, tmp_path: Path) -> None:
    made = [store.backup() for _ in range(12)]
    assert backups.backups(store.folder) == sorted(made[2:], reverse=True)
    elsewhere = store.backup(tmp_path / "mine.db")
    assert elsewhere.exists() and len(backups.backups(store.folder)) == 10
    assert not list(store.folder.rglob(".new-*"))


def test_names_of_backups_sort_as_their_times() -> None:
    times = [1_795_470_000_999_999_999, 1_795_470_001_000_000_000, 1_795_470_001_000_000_001]
    assert sorted(map(backups.stamp, times)) == list(map(backups.stamp, times))


def broken(folder: Path, how: str) -> None:
    path = folder / opening.FILE
    data = bytearray(path.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "head":
        data[:16] = b"not a database!!"
    elif how == "pages":
        data[4096 * 3 : 4096 * 30] = b"\xa5" * (4096 * 27)
    elif how == "text":
        data = bytearray(b"shopping list\n" * 999)
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "head", "pages", "text"])
def test_a_damaged_file_is_not_opened_and_the_way_back_is_named(tmp_path: Path, how: str) -> None:
    with Store.open(tmp_path) as store:
        desk = full_desk(store)
        rows = store.answer_rows(desk.profile)
        first, newest = store.backup(), store.backup()
    broken(tmp_path, how)
    before = (tmp_path / opening.FILE).read_bytes()
    with pytest.raises(Damaged, match="damaged") as told:
        Store.open(tmp_path)
    assert str(newest) in str(told.value) and str(first) not in str(told.value)
    assert (tmp_path / opening.FILE).read_bytes() == before
    (tmp_path / opening.FILE).write_bytes(newest.read_bytes())
    with Store.open(tmp_path) as store:
        assert store.answer_rows(desk.profile) == rows


def test_damage_without_a_backup_says_so(tmp_path: Path) -> None:
    filled(tmp_path)
    broken(tmp_path, "head")
    with pytest.raises(Damaged, match="no backup"):
        Store.open(tmp_path)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER evil AFTER INSERT ON answers BEGIN DELETE FROM events; END",
        "CREATE VIEW evil AS SELECT * FROM users",
        "CREATE TABLE evil (x)",
        "DROP TRIGGER answers_stay",
        "DROP INDEX answers_key",
    ],
)
def test_a_file_with_foreign_tables_is_not_opened(tmp_path: Path, sql: str) -> None:
    filled(tmp_path)
    conn = sqlite3.connect(tmp_path / opening.FILE)
    conn.execute(sql)
    conn.commit()
    conn.close()
    with pytest.raises(Damaged, match="another program"):
        Store.open(tmp_path)


def test_somebody_elses_database_is_not_ours(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / opening.FILE)
    conn.execute("CREATE TABLE recipes (id)")
    conn.commit()
    conn.close()
    with pytest.raises(Damaged, match="not a Penchant database"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_opened_is_free_again(tmp_path: Path) -> None:
    filled(tmp_path)
    good = (tmp_path / opening.FILE).read_bytes()
    broken(tmp_path, "head")
    with pytest.raises(Damaged):
        Store.open(tmp_path)
    (tmp_path / opening.FILE).write_bytes(good)
    with Store.open(tmp_path) as store:
        new_desk(store)


def test_damage_met_while_running_names_the_way_back(store: Store) -> None:
    made = store.backup()

    def meet(db):
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    for door in (store.read, store.write):
        with pytest.raises(Damaged, match=made.name):
            door(meet)


def test_a_first_start_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    """Killed, or the power gone, when only the list of steps was there: it opened never again."""
    with closing(sqlite3.connect(tmp_path / opening.FILE)) as conn:
        conn.execute(f"PRAGMA application_id={migrations.APPLICATION}")
        migrations.steps.apply(
            Database(conn), stop_before=[s.name for s in migrations.steps.pending(Database(conn))]
        )
        (index,) = conn.execute(
            "SELECT name FROM sqlite_master WHERE sql LIKE '%INDEX%'"
        ).fetchone()
        conn.execute(f"DROP INDEX {index}")
        conn.commit()
    with Store.open(tmp_path) as store:
        new_desk(store)


def mode(file: Path) -> bytes:
    return file.read_bytes()[18:20]


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as db:
        return list(db.iterdump())


def crashed(store: Store, to: Path) -> None:
    """The files of a running studio as a power cut would leave them."""
    to.mkdir()
    for part in ("", "-wal", ".seal", ".mark"):
        shutil.copy(store.folder / (opening.FILE + part), to / (opening.FILE + part))


@pytest.mark.parametrize("with_seal", [True, False])
def test_a_copy_put_in_place_by_hand_is_read_without_the_log_beside_it(
    store: Store, tmp_path: Path, with_seal: bool
) -> None:
    """The log of the file that lay there before is put aside whole, and named at a deletion."""
    desk = full_desk(store)
    copy = store.backup()
    rows = store.answer_rows(desk.profile)
    for _ in range(3):
        desk.pick(desk.ask(2, 3))
    left = tmp_path / "left"
    crashed(store, left)
    assert mode(copy) == b"\1\1" and mode(left / opening.FILE) == b"\2\2"
    log = (left / f"{opening.FILE}-wal").read_bytes()
    (left / "backups").mkdir()
    shutil.copy(copy, left / "backups")
    shutil.copy(copy, left / opening.FILE)
    if not with_seal:
        (left / f"{opening.FILE}.seal").unlink()
    with Store.open(left) as opened:
        assert opened.answer_rows(desk.profile) == rows
        (aside,) = left.glob("damaged-*")
        assert (aside / f"{opening.FILE}-wal").read_bytes() == log
        assert dump(opened.backup(to=tmp_path / "read.db")) == dump(copy)
        assert str(aside) in opened.delete_profile(desk.profile)["backups"]


def test_after_a_crash_the_log_of_the_file_is_its_own(store: Store, tmp_path: Path) -> None:
    desk = full_desk(store)
    store.backup()
    for _ in range(3):
        desk.pick(desk.ask(2, 3))
    left = tmp_path / "left"
    crashed(store, left)
    with Store.open(left) as opened:
        assert opened.answer_rows(desk.profile) == store.answer_rows(desk.profile)
    assert list(left.glob("damaged-*")) == []


def test_every_way_to_a_copy_ends_without_a_log(store: Store, tmp_path: Path) -> None:
    """What `part_from_log` goes by: a change of how copies are made must not pass unseen."""
    full_desk(store)
    made = [store.backup(), store.backup(to=tmp_path / "x.db"), store.backup(reason="daily")]
    assert {mode(file) for file in made} == {b"\1\1"}
    assert mode(store.folder / opening.FILE) == b"\2\2"
