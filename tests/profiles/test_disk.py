"""atomic_write: the old file or the new one, never a torn one."""

from pathlib import Path

import pytest

from profiles import disk, restoring


def test_a_file_appears_whole_and_private(tmp_path: Path) -> None:
    disk.atomic_write(tmp_path / "a", b"first")
    disk.atomic_write(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"second"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("failing", ["fsync", "replace", "fill"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch, failing: str) -> None:
    disk.atomic_write(tmp_path / "a", b"first")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if failing == "fsync":
        monkeypatch.setattr(disk.os, "fsync", fail)
    elif failing == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        if failing == "fill":
            disk.atomic_file(tmp_path / "a", fail)
        else:
            disk.atomic_write(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_the_order_is_write_sync_rename_sync(tmp_path: Path, monkeypatch) -> None:
    said: list[str] = []
    fsync, replace = disk.os.fsync, Path.replace
    monkeypatch.setattr(disk.os, "fsync", lambda h: (said.append("sync"), fsync(h))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (said.append("rename"), replace(a, b))[1])
    disk.atomic_write(tmp_path / "a", b"x")
    assert said == ["sync", "rename", "sync"]


def test_a_folder_is_closed_to_others(tmp_path: Path) -> None:
    open_one = tmp_path / "open"
    open_one.mkdir(mode=0o755)
    assert disk.private_folder(open_one).stat().st_mode & 0o777 == 0o700
    assert disk.private_folder(tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert disk.remove(tmp_path / "nothing") is False


def test_what_cannot_be_linked_is_copied(tmp_path: Path, monkeypatch) -> None:
    """A restore keeps pictures aside on disks that know no second name for a file, too."""
    (tmp_path / "a").write_bytes(b"picture")

    def unknown(*_: object) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(restoring.os, "link", unknown)
    restoring._linked(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == b"picture"
