"""Going back to a safety copy: found, proved, put in place in one step, and nothing thrown away."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from profiles import backups, copies, disk, opening, restoring
from profiles.errors import Unwritable
from profiles.store import Busy, Damaged, Store
from tests.profiles.desk import full_desk, new_desk, pictures


def damaged(folder: Path) -> tuple[int, int]:
    """A folder with two copies and a changed byte: (profile, its rows in the newest copy)."""
    with Store.open(folder) as store:
        desk = full_desk(store)
        store.backup()
        desk.pick(desk.ask(2, 3))
        store.backup()
        rows = len(store.answer_rows(desk.profile))
        for _ in range(3):
            desk.pick(desk.ask(4, 5))
    change(folder / opening.FILE)
    with pytest.raises(Damaged, match="restore-backup"):
        Store.open(folder)
    return desk.profile, rows


def change(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


def test_the_newest_copy_comes_back_and_the_old_file_is_kept(tmp_path: Path) -> None:
    profile, rows = damaged(tmp_path)
    was = (tmp_path / opening.FILE).read_bytes()
    begun = time.perf_counter()
    newest = backups.listed(tmp_path)[0]
    told = restoring.restore(tmp_path, newest)
    assert (tmp_path / f"{opening.FILE}.seal").exists(), "read row by row once, not twice"
    with Store.open(tmp_path) as store:
        assert len(store.answer_rows(profile)) == rows
        assert time.perf_counter() - begun < 10
        new_desk(store)
    assert told.missing == 3 and newest.answers == 11 and newest.profiles == 1
    assert (told.aside / opening.FILE).read_bytes() == was


def test_a_copy_that_is_damaged_itself_is_refused(tmp_path: Path) -> None:
    profile, rows = damaged(tmp_path)
    newest, older = backups.listed(tmp_path)
    change(newest.path)
    with pytest.raises(Damaged, match="choose another"):
        restoring.restore(tmp_path, newest)
    restoring.restore(tmp_path, older)
    with Store.open(tmp_path) as store:
        assert len(store.answer_rows(profile)) == rows - 1


@pytest.mark.parametrize("stop", range(12))
def test_stopped_anywhere_it_can_be_done_again(tmp_path: Path, monkeypatch, stop: int) -> None:
    """Each step that touches a file fails in turn; then the folder opens, or the cure is named."""
    profile, rows = damaged(tmp_path)
    left, steps = [stop], (disk.Path.replace, disk.Path.unlink)

    def counted(step):
        def run(*words, **more):
            left[0] -= 1
            if left[0] < 0 and ".new-" not in str(words[0]):
                raise KeyboardInterrupt
            return step(*words, **more)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(disk.Path, "replace", counted(steps[0]))
        patch.setattr(disk.Path, "unlink", counted(steps[1]))
        try:
            restoring.restore(tmp_path, backups.listed(tmp_path)[0])
        except KeyboardInterrupt:
            pass
    try:
        Store.open(tmp_path).close()
    except Damaged as wrong:
        assert "restore-backup" in str(wrong)
        restoring.restore(tmp_path, backups.listed(tmp_path)[0])
    with Store.open(tmp_path) as store:
        assert len(store.answer_rows(profile)) == rows


def doors(store: Store, user: int) -> None:
    """One of each that opens something."""
    store.logins.add_session(user, b"s" * 32, 4e9, {}, 9)
    for kind in ("program", "invite", "reset"):
        store.logins.add_token(user, kind[0].encode() * 32, kind, "", None)


def test_a_copy_opens_no_door_that_was_closed_since(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        desk = full_desk(store)
        doors(store, desk.user)
        store.audit.note(desk.user, "login")
        store.backup()
        store.logins.end([h.hash for h in store.logins.held()])
    restoring.restore(tmp_path, backups.listed(tmp_path)[0])
    for part in restoring.PARTS:
        file = tmp_path / (opening.FILE + part)
        if file.exists():
            assert b"s" * 32 not in file.read_bytes(), "nor is it left in a free page"
    assert not (tmp_path / f"{opening.FILE}-journal").exists()
    with Store.open(tmp_path) as store:
        assert store.logins.held() == []
        newest = store.audit.newest(1)[0]
        assert (newest["what"], newest["about"]) == ("restored", {"ended": 4})
        assert store.audit.verify()["intact"]
        assert len(store.answer_rows(desk.profile)) > 0


def test_a_copy_with_a_trigger_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    profile, rows = damaged(tmp_path)
    was = (tmp_path / opening.FILE).read_bytes()
    evil = tmp_path / "backups" / "evil.db"
    shutil.copy(backups.backups(tmp_path)[0], evil)
    with closing(sqlite3.connect(evil)) as db:
        db.execute("CREATE TRIGGER e AFTER DELETE ON sessions BEGIN DELETE FROM events; END")
        db.commit()
    with pytest.raises(Damaged, match="tables were changed by another program"):
        restoring.restore(tmp_path, backups._looked_at(evil))
    assert (tmp_path / opening.FILE).read_bytes() == was
    assert list(tmp_path.glob("damaged-*")) == []


def test_a_copy_of_a_newer_release_is_refused_in_words(tmp_path: Path) -> None:
    damaged(tmp_path)
    newer = tmp_path / "backups" / "newer.db"
    shutil.copy(backups.backups(tmp_path)[0], newer)
    with closing(sqlite3.connect(newer)) as db:
        table = opening.steps.migrations_table
        db.execute(f"UPDATE {table} SET name = 'm999_moods' WHERE rowid = 1")
        db.commit()
    with pytest.raises(Damaged, match="a newer Penchant wrote it"):
        restoring.restore(tmp_path, backups._looked_at(newer))


def test_a_folder_in_use_is_left_alone(store: Store) -> None:
    new_desk(store)
    store.backup()
    with pytest.raises(Busy):
        restoring.restore(store.folder, backups.listed(store.folder)[0])


def test_a_file_changed_on_purpose_can_be_used_as_it_is(tmp_path: Path) -> None:
    """A byte of a name: the seal and the sum of the row see it, a person may say it is well."""
    with Store.open(tmp_path) as store:
        profile = new_desk(store).profile
    file = tmp_path / opening.FILE
    file.write_bytes(file.read_bytes().replace(b"Annstories", b"Anastories"))
    with pytest.raises(Damaged):
        Store.open(tmp_path)
    restoring.as_it_is(tmp_path)
    with Store.open(tmp_path) as store:
        assert store.profile(profile).name == "Ana"


def test_no_copy_is_made_of_a_file_that_changed(store: Store) -> None:
    new_desk(store)
    store._writer.alone(store._writer.seal.checkpoint)
    change(store.folder / opening.FILE)
    with pytest.raises(Damaged):
        store.backup()
    assert backups.backups(store.folder) == []


def test_copies_make_themselves(store: Store, monkeypatch) -> None:
    assert not copies.due(store), "nothing to keep yet"
    desk = full_desk(store)
    monkeypatch.setattr(copies, "LOOK", 0.01), monkeypatch.setattr(copies, "ANSWERS", 2)
    thread = copies.start(store)
    _wait(lambda: len(backups.backups(store.folder)) == 1)
    for _ in range(3):
        desk.pick(desk.ask(2, 3))
    _wait(lambda: len(backups.backups(store.folder)) >= 2)
    store.close()
    thread.join(5)
    assert not thread.is_alive()
    kept = backups.listed(store.folder)
    assert kept[0].reason == "daily" and backups.whole(kept[0].path)


def test_a_copy_that_found_no_room_is_told_and_made_later(
    store: Store, monkeypatch, caplog
) -> None:
    full_desk(store)
    left, real = [2], store.backup

    def backup(**more):
        left[0] -= 1
        if left[0] >= 0:
            raise Unwritable("a copy was not written (No space left on device)")
        return real(**more)

    monkeypatch.setattr(copies, "LOOK", 0.01), monkeypatch.setattr(store, "backup", backup)
    copies.start(store)
    _wait(lambda: len(backups.backups(store.folder)) == 1)
    assert caplog.text.count("tried again later") == 2


def test_a_damaged_log_is_kept_whole_beside_the_old_file(tmp_path: Path) -> None:
    """What SQLite cannot read of it is not thrown away by counting what the copy has not."""
    source = sqlite3.connect(tmp_path / "source.db", isolation_level=None)
    for sql in ("PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0",
                "CREATE TABLE answers(profile_id, seq, act)"):  # fmt: skip
        source.execute(sql)
    for n in range(20):
        source.execute("INSERT INTO answers VALUES (1, ?, 'answer')", [n])
    old, copy = tmp_path / "old.db", tmp_path / "copy.db"
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"source.db{end}", tmp_path / f"old.db{end}")
    with closing(sqlite3.connect(copy)) as empty:
        empty.execute("CREATE TABLE answers(profile_id, seq, act)")
    log = Path(f"{old}-wal")
    change(log)
    was = log.read_bytes()
    missing = restoring._missing(old, copy)
    source.close()
    assert missing is not None and 0 < missing < 20
    assert log.read_bytes() == was


def test_a_copy_is_due_once_a_day_whatever_the_clock_says(store: Store, monkeypatch) -> None:
    desk = full_desk(store)
    assert copies.due(store)
    store.backup()
    desk.pick(desk.ask(2, 3))
    assert not copies.due(store), "made just now"
    now = time.time()
    for years in (-1, 10):
        monkeypatch.setattr(time, "time", lambda jump=years: now + jump * 3.2e7)
        assert copies.due(store)
    monkeypatch.undo()
    ids = iter([-10, 5, -1])
    real = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: real + next(ids) * 10**16)
    made = [store.backup() for _ in range(3)]
    assert backups.backups(store.folder)[:3] == made[::-1], "the order they were made in"


def _wait(done) -> None:
    until = time.monotonic() + 10
    while not done():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_damage_under_a_running_studio_is_told_and_stops_the_copies(
    store: Store, monkeypatch, caplog
) -> None:
    full_desk(store)
    store._writer.alone(store._writer.seal.checkpoint)
    monkeypatch.setattr(copies, "LOOK", 0.01)
    thread = copies.start(store)
    _wait(lambda: len(backups.backups(store.folder)) == 1)
    change(store.folder / opening.FILE)
    thread.join(10)
    assert not thread.is_alive() and "restore-backup" in caplog.text
    assert len(backups.backups(store.folder)) == 1


def test_pictures_that_came_after_the_copy_are_kept_aside_and_named_at_deletion(
    tmp_path: Path,
) -> None:
    with Store.open(tmp_path) as store:
        desk = new_desk(store)
        copy = store.backup()
        store.add_items("picture", pictures(2), desk.user, desk.profile)
        files = [store.media_path(p.hash).read_bytes() for p in pictures(2)]
    change(tmp_path / opening.FILE)
    told = restoring.restore(tmp_path, backups.listed(tmp_path)[0])
    with Store.open(tmp_path) as store:
        assert not store.media_path(pictures(2)[0].hash).exists(), "no row names it any more"
        kept = [p.read_bytes() for p in (told.aside / "media").rglob("*") if p.is_file()]
        assert sorted(kept) == sorted(files)
        gone = store.delete_profile(desk.profile)
    assert gone["backups"] == [str(copy), str(told.aside)]
