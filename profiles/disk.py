"""Private folders and atomic files: the only code of the memory that writes files itself."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from profiles.errors import Unwritable

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def private_folder(path: Path) -> Path:
    """Make the folder when missing and let only its owner in."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o777 != FOLDER_MODE:
        path.chmod(FOLDER_MODE)
    return path


def private_file(path: Path) -> None:
    """Make an empty file only its owner can read; an existing one is closed to others."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE))
    if path.stat().st_mode & 0o777 != FILE_MODE:
        path.chmod(FILE_MODE)


def atomic_write(path: Path, data: bytes) -> None:
    """Write all of `data` or nothing, durable on return."""

    def fill(temporary: Path) -> None:
        with temporary.open("wb") as out:
            out.write(data)

    atomic_file(path, fill)


def atomic_file(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a temporary file beside `path`, then put it in place in one step.

    Temporary file in the same folder, fsync, rename, fsync of the folder: after a power loss the
    old file or the new one is there, never a torn one. Unwritable when there is no room.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        os.close(handle)
        temporary = Path(name)
        try:
            fill(temporary)
            _sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as wrong:
        if isinstance(wrong, FileNotFoundError | Unwritable):
            raise
        raise Unwritable(
            f"{path.name} was not written ({wrong.strerror}); make room on the disk or check it, "
            "then try again"
        ) from wrong


def remove(path: Path) -> bool:
    """Delete a file durably; False when it was not there."""
    if not path.exists():
        return False
    path.unlink()
    _sync(path.parent)
    return True


def move(path: Path, folder: Path) -> None:
    """Into another folder of the same disk, under its own name, durably."""
    path.replace(folder / path.name)
    _sync(folder)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
