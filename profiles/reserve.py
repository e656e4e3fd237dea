"""A few megabytes kept back, so that something can be deleted on a disk that is full.

A deletion writes before it frees anything: its rows go through the log first.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from profiles.disk import FILE_MODE, remove
from profiles.errors import Unwritable

NAME, SIZE = "penchant.reserve", 4 << 20
T = TypeVar("T")


def hold(folder: Path) -> None:
    """Take the room where there is plenty; without it everything else works as well."""
    path = folder / NAME
    if path.exists() and path.stat().st_size == SIZE:
        return
    if shutil.disk_usage(folder).free < 8 * SIZE:
        return
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, FILE_MODE)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, SIZE)
        else:
            os.write(handle, bytes(SIZE))
    except OSError:
        remove(path)
    finally:
        os.close(handle)


def spend(folder: Path, work: Callable[[], T]) -> T:
    """Do `work`; where the disk has no room for it, give the reserve back and do it again."""
    try:
        return work()
    except Unwritable:
        if not remove(folder / NAME):
            raise
        return work()
