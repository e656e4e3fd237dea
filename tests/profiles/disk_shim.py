"""Between SQLite and the disk: what the studio's own SQLite writes is recorded, or fails on demand.

Python's sqlite3 is linked to a libsqlite3 that ctypes can reach as well. A copy of its file system
layer ("VFS") is registered as the default: files are opened by the real one, and three entries of
their method tables (write, truncate, sync) are ours. So it is the real Store, its real SQL and the
SQLite it always has; only the disk is played. Where sqlite3 is linked otherwise, `available()` is
False.
"""

import ctypes
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, cast
from dataclasses import dataclass, field

IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE, FULL = 778, 1034, 1546, 13
OK = 0
# Names are passed as they lie: the real layer keeps the pointer, and reads on behind the name.
OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class Vfs(Structure):
    _fields_ = [
        ("version", c_int), ("file_size", c_int), ("longest", c_int), ("next", c_void_p),
        ("name", c_char_p), ("data", c_void_p), ("open", c_void_p), ("delete", c_void_p),
        ("rest", c_void_p * 14),
    ]  # fmt: skip


class Methods(Structure):
    _fields_ = [
        ("version", c_int), ("close", c_void_p), ("read", c_void_p), ("write", c_void_p),
        ("truncate", c_void_p), ("sync", c_void_p), ("rest", c_void_p * 13),
    ]  # fmt: skip


@dataclass
class Disk:
    """What happens below: `log` keeps (what, path, ...) in order where `record` is on; `fault`
    is asked (what, path) before each call and says which error it ends with, 0 for none.
    """

    record: bool = False
    fault: Callable[[str, str], int] = lambda what, path: OK
    log: list[tuple] = field(default_factory=list)

    def note(self, *event: object) -> None:
        if self.record:
            self.log.append(event)


def available() -> bool:
    """Whether sqlite3 here is linked to a library that ctypes reaches."""
    return _library() is not None


@contextmanager
def under_sqlite(disk: Disk) -> Iterator[Disk]:
    """Every connection opened inside goes through `disk`."""
    lib = _library()
    assert lib is not None
    shim = _Shim(lib, disk)
    lib.sqlite3_vfs_register(ctypes.byref(shim.vfs), 1)
    try:
        yield disk
    finally:
        lib.sqlite3_vfs_unregister(ctypes.byref(shim.vfs))
        lib.sqlite3_vfs_register(shim.real, 1)
        _KEPT.append(shim)  # a connection may still be open: its tables must not go away


_KEPT: list["_Shim"] = []


class _Shim:
    def __init__(self, lib: ctypes.CDLL, disk: Disk) -> None:
        self.disk, self.paths = disk, dict[int, str]()
        self.tables: dict[int, tuple] = {}
        self.real = lib.sqlite3_vfs_find(None)
        real = self.real.contents
        self.vfs = Vfs.from_buffer_copy(real)
        self.vfs.next, self.vfs.name = None, b"played"
        self._open, self._delete = cast(real.open, OPEN), cast(real.delete, DELETE)
        self._hooks = (OPEN(self.open), DELETE(self.delete))
        self.vfs.open, self.vfs.delete = (cast(h, c_void_p).value for h in self._hooks)

    def open(self, _: int, name: int | None, file: int, flags: int, out: object) -> int:
        done = self._open(ctypes.addressof(self.real.contents), name, file, flags, out)
        table = ctypes.cast(file, POINTER(c_void_p))
        if done == OK and name and table[0]:
            self.paths[file] = os.fsdecode(ctypes.string_at(name))
            if table[0] not in self.tables:
                self.tables[table[0]] = self._played(table[0])
            table[0] = ctypes.addressof(self.tables[table[0]][0])
        return done

    def delete(self, _: int, name: int, durable: int) -> int:
        self.disk.note("delete", os.fsdecode(ctypes.string_at(name)))
        return self._delete(ctypes.addressof(self.real.contents), name, durable)

    def _played(self, address: int) -> tuple:
        """A copy of a method table with three entries of ours, and what must be kept alive."""
        real = Methods.from_address(address)
        made = Methods.from_buffer_copy(real)
        write, truncate, sync = (
            cast(real.write, WRITE), cast(real.truncate, TRUNCATE), cast(real.sync, SYNC),
        )  # fmt: skip

        def on_write(file: int, data: int, size: int, place: int) -> int:
            path = self.paths[file]
            if wrong := self.disk.fault("write", path):
                write(file, data, size // 2, place)  # a short write: half of it arrives
                return wrong
            self.disk.note("write", path, place, ctypes.string_at(data, size))
            return write(file, data, size, place)

        def on_truncate(file: int, size: int) -> int:
            path = self.paths[file]
            if wrong := self.disk.fault("truncate", path):
                return wrong
            self.disk.note("truncate", path, size)
            return truncate(file, size)

        def on_sync(file: int, flags: int) -> int:
            path = self.paths[file]
            if wrong := self.disk.fault("sync", path):
                return wrong
            done = sync(file, flags)
            self.disk.note("sync", path)
            return done

        hooks = (WRITE(on_write), TRUNCATE(on_truncate), SYNC(on_sync))
        made.write, made.truncate, made.sync = (cast(h, c_void_p).value for h in hooks)
        return made, hooks, real


def _library() -> ctypes.CDLL | None:
    """The library that the sqlite3 module itself uses: it is loaded already."""
    name = "libsqlite3.so.0" if sys.platform == "linux" else "libsqlite3.dylib"
    try:
        lib = ctypes.CDLL(name, mode=getattr(os, "RTLD_NOLOAD", 0) | ctypes.DEFAULT_MODE)
    except OSError:
        return None
    lib.sqlite3_libversion.restype = c_char_p
    if lib.sqlite3_libversion().decode() != sqlite3.sqlite_version:
        return None
    lib.sqlite3_vfs_find.restype = POINTER(Vfs)
    lib.sqlite3_vfs_find.argtypes = [c_char_p]
    return lib
