"""A disk that is full or fails: told in words, nothing torn, and it goes on when it can."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from profiles import opening, reserve, seal
from profiles.store import Store, Unwritable
from tests.profiles import disk_shim as shim
from tests.profiles import faults
from tests.profiles.desk import full_desk, new_desk, pictures

ROOT = Path(__file__).resolve().parents[2]
played = pytest.mark.skipif(not shim.available(), reason="sqlite3 is linked into Python itself")


@played
def test_each_call_that_fails_is_told_and_nothing_is_torn(tmp_path: Path) -> None:
    told = faults.run(tmp_path, 90)
    figures = told["figures"]
    assert figures["hit"] >= 9 and figures["refused"] >= 3
    assert {figures[k] for k in ("unclear", "lost", "torn", "stuck")} == {0}
    assert {row["hit"] > 0 for row in told["rows"] if row["when"] == "at work"} == {True}


@played
def test_a_profile_can_be_deleted_on_a_full_disk(tmp_path: Path) -> None:
    """As long as the reserve is there, there is no room for anything else."""
    kept = tmp_path / reserve.NAME

    def full(what: str, path: str) -> int:
        return shim.FULL if kept.exists() and disk.record else shim.OK

    disk = shim.Disk(fault=full)
    with shim.under_sqlite(disk), Store.open(tmp_path) as store:
        desk = full_desk(store)
        asked = desk.ask()
        assert kept.stat().st_size == reserve.SIZE
        disk.record = True
        with pytest.raises(Unwritable, match="make room"):
            desk.pick(asked)
        told = store.delete_profile(desk.profile)
        assert told["left"] == 0 and not kept.exists()
    with Store.open(tmp_path):
        assert kept.exists(), "taken again when there is room"


@played
def test_a_log_that_cannot_be_moved_does_not_end_the_writer(store: Store) -> None:
    """A full disk ended the thread that moves the log when idle, and every later answer failed."""
    store.close()
    disk = shim.Disk()
    with shim.under_sqlite(disk), Store.open(store.folder) as again:
        desk = new_desk(again)
        disk.fault = lambda what, path: 0 if path.endswith("-wal") else shim.FULL
        again._writer.alone(lambda _: again._writer._tidy())
        desk.pick(desk.ask())
        disk.fault = lambda what, path: 0
        again._writer.alone(lambda _: again._writer._tidy())
        assert again._writer.seal.sums.frames > 0 and desk.seqs() == [1]


def test_a_seal_that_cannot_be_written_is_made_again_later(store: Store, monkeypatch) -> None:
    desk = new_desk(store)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(seal, "atomic_write", full)
        store._writer.alone(store._writer.seal.checkpoint)
    path, _ = seal.beside(store.folder / opening.FILE)
    assert not path.exists(), "an old seal would call the file damaged"
    desk.pick(desk.ask())
    store._writer.alone(store._writer.seal.checkpoint)
    assert path.exists() and store._writer.seal.sums is not None
    store._writer.seal.compare()


def test_media_that_do_not_fit_leave_no_row_and_no_piece(store: Store, monkeypatch) -> None:
    from profiles import disk

    desk = new_desk(store)
    monkeypatch.setattr(disk, "_sync", lambda path: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        store.add_items("picture", pictures(2), desk.user, desk.profile)
    monkeypatch.undo()
    assert store.items("picture", desk.user) == []
    assert [p for p in (store.folder / "media").rglob("*") if p.is_file()] == []
    assert len(store.add_items("picture", pictures(2), desk.user, desk.profile)) == 2


CHILD = """
import json, resource, sys
from pathlib import Path
from profiles.store import Store, Unwritable
from tests.profiles.desk import new_desk
told = {"refused": 0, "stored": 0}
with Store.open(Path(sys.argv[1])) as store:
    desk = new_desk(store)
    limit = (300_000, resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    for _ in range(20):
        try:
            desk.pick(desk.ask(), note="x" * 12_000)
            told["stored"] += 1
        except Unwritable as wrong:
            told["refused"] += 1
            told["words"] = str(wrong)
    told["seqs"] = len(desk.seqs())
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    told["after"] = desk.pick(desk.ask()).seq
print(json.dumps(told))
"""


def test_files_that_may_not_grow_are_told_by_a_real_process(tmp_path: Path) -> None:
    """The system's own limit: every write past 300 kB fails, whoever makes it."""
    made = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    told = json.loads(made.stdout)
    assert told["refused"] > 0 and "nothing was stored" in told["words"]
    assert told["seqs"] == told["stored"] and told["after"] == told["stored"] + 1
    with Store.open(tmp_path) as store:
        assert len(store.comparisons(1, "text")) == told["after"]
