"""A seal on the database file: a sum for every page, so that a changed byte is seen before use.

SQLite itself notices only damage to its structure. With a write-ahead log the file changes at
checkpoints alone, and the writer's thread alone makes them: after each, the sums of the pages it
moved are written to FILE.seal, durably, before the log may begin anew. So when the folder is
opened, every page has its sum or stands in the log, whose frames carry sums of SQLite's own.

How far the log had been committed stands in FILE.mark, written after each commit and without
waiting for the disk: exact after a kill; after a power loss perhaps older, and then it asks for
less. A log that ends earlier than the mark says has lost answers.
"""

import logging
import mmap
import os
import sqlite3
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlite_utils import Database

from profiles import wal
from profiles.disk import atomic_write, private_file, remove

PAGE = 4096
# magic, page size, pages, number of this seal, salts of the log, its frames that are in the file
HEAD = struct.Struct("<8sIIQ8sI")
MAGIC = b"PENSEAL1"
# number of the seal, salts, committed frames; and all of it with its crc
BODY, MARK = struct.Struct("<Q8sI"), struct.Struct("<Q8sII")
INDEX = 48
DUE, AGAIN = 4000, 1000
logger = logging.getLogger("penchant")


class Changed(Exception):
    """The file or its log is not as it was written."""


@dataclass
class Sums:
    """What a seal says: crc32 by page, and how much of which log is in the file."""

    number: int = 0
    salts: bytes = b""
    frames: int = 0
    pages: "array[int]" = field(default_factory=lambda: array("I"))

    def pack(self) -> bytes:
        head = HEAD.pack(
            MAGIC, PAGE, len(self.pages), self.number, self.salts.ljust(8, b"\0"), self.frames
        )
        body = head + self.pages.tobytes()
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def read(cls, path: Path) -> "Sums | None":
        """None where there is none, or one that is itself damaged."""
        data = path.read_bytes() if path.exists() else b""
        if len(data) < HEAD.size + 4 or zlib.crc32(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
            return None
        magic, page, count, number, salts, frames = HEAD.unpack(data[: HEAD.size])
        pages = array("I", data[HEAD.size : -4])
        if magic != MAGIC or page != PAGE or len(pages) != count:
            return None
        return cls(number, salts, frames, pages)


class Seal:
    """One for an open store. Everything but `look` is called in the writer's thread."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.sums: Sums | None = None
        self._path, self._mark_path = beside(file)
        self._log_path = file.with_name(file.name + "-wal")
        self._anchor: sqlite3.Connection | None = None
        self._index: mmap.mmap | None = None
        self._mark: int | None = None
        self._handle: int | None = None
        self._shared: int | None = None
        self._tried = 0
        self.mended = False

    def look(self, mend: bool = True) -> bool:
        """Compare file, log and seal before the database is opened. False: there is no seal.

        Changed says what does not fit. A damaged log that is in the file already is thrown away.
        """
        self.sums = Sums.read(self._path)
        if self.sums is None:
            return False
        log = wal.read(self._log_path, PAGE)
        whole = _complete(self.sums, log, _marked(self._mark_path))
        with open(self.file, "rb") as file:
            compare(partial(_page, file.fileno()), self.sums, log if whole else wal.Log())
        if mend and not whole:
            self.mended = True
            logger.warning("the log beside %s was damaged; all of it was in the file", self.file)
            for name in ("-wal", "-shm"):
                remove(self.file.with_name(self.file.name + name))
        return True

    def attach(self) -> None:
        """Once the database is open: another connection, that only reads, holds the log.

        Nothing here may close a handle of the file or its index while a connection is open:
        the system would drop SQLite's own locks with it.
        """
        self._anchor = sqlite3.connect(
            f"{self.file.as_uri()}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
        )
        self._anchor.execute("SELECT count(*) FROM sqlite_master").fetchall()
        self._handle = os.open(self.file, os.O_RDONLY)
        self._shared = os.open(self.file.with_name(self.file.name + "-shm"), os.O_RDONLY)
        self._index = mmap.mmap(self._shared, INDEX, access=mmap.ACCESS_READ)
        private_file(self._mark_path)
        self._mark = os.open(self._mark_path, os.O_WRONLY)
        self.note()

    def note(self) -> bool:
        """Remember how far the log is committed. True when it is long enough to be moved."""
        if self._index is None or self._mark is None:
            return False
        salts, frames = self._log()
        if self.sums is not None:
            body = BODY.pack(self.sums.number, salts, frames)
            with suppress(OSError):  # an older mark asks for less
                os.pwrite(self._mark, body + zlib.crc32(body).to_bytes(4, "little"), 0)
        if frames < self._tried:
            self._tried = 0
        return frames >= max(DUE, self._tried + AGAIN)

    def checkpoint(self, db: Database, empty: bool = False) -> bool:
        """Move the log into the file and seal it; `empty`: cut the log to nothing as well.

        False when a reader held back a part of it. Where the seal cannot be written (a full disk)
        it goes, and the next one is made from the whole file.
        """
        how = "FULL" if empty else "PASSIVE"
        busy, frames, moved = db.conn.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        self._tried = max(frames, 0)
        try:
            self._write(max(moved, 0))
        except OSError:
            self.sums = None
            self._path.unlink(missing_ok=True)
        if empty and not busy and moved == frames:
            busy = db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy and moved == frames

    def compare(self) -> None:
        """Changed unless the file, now, is as it was written."""
        sums, handle = self.sums, self._handle
        if sums is not None and handle is not None:
            compare(partial(_page, handle), sums, wal.read(self._log_path, PAGE))

    def close(self, db: Database | None) -> None:
        """Seal what is in the log, close the connection, let everything go."""
        whole = False
        if db is not None and self._anchor is not None:
            with suppress(sqlite3.Error):  # the log stays, and says it all at the next opening
                whole = self.checkpoint(db)
        self.drop(db, whole)

    def drop(self, db: Database | None, whole: bool = False) -> None:
        """Close the connection, and leave file and log as they are unless the seal is `whole`."""
        # While the anchor is there, closing leaves the log alone.
        if whole and self._anchor is not None:
            self._anchor.close()
        if db is not None:
            db.close()
        if self._anchor is not None:
            self._anchor.close()
        if self._index is not None:
            self._index.close()
        for handle in (self._handle, self._mark, self._shared):
            if handle is not None:
                os.close(handle)
        self._anchor = self._index = self._mark = self._handle = self._shared = None

    def _log(self) -> tuple[bytes, int]:
        """Salts and committed frames of the log now: SQLite's own index in shared memory."""
        assert self._index is not None
        return self._index[32:40], struct.unpack_from("=I", self._index, 16)[0]

    def _write(self, moved: int) -> None:
        """Sums of what a checkpoint moved. Call right after it."""
        assert self._handle is not None
        salts, _ = self._log()
        old = self.sums
        done = old.frames if old is not None and old.salts == salts else 0
        if old is not None and moved <= done:
            return
        count = os.fstat(self._handle).st_size // PAGE
        pages = array("I", old.pages[:count]) if old is not None else array("I")
        fresh = range(len(pages), count)
        pages.extend([0] * len(fresh))
        for number in fresh:
            pages[number] = zlib.crc32(_page(self._handle, number + 1))
        for number, total in self._moved(done, moved):
            if number <= count:
                pages[number - 1] = total
        self.sums = Sums(int.from_bytes(os.urandom(8), "big"), salts, moved, pages)
        atomic_write(self._path, self.sums.pack())
        self.note()

    def _moved(self, first: int, final: int) -> Iterator[tuple[int, int]]:
        """(page, crc) of the frames from `first` to `final` of the log, in order."""
        step = wal.FRAME + PAGE
        if first == final:
            return
        # Out of the log, not of the file: what was meant is summed, not what arrived.
        with open(self._log_path, "rb") as log:
            log.seek(wal.HEAD + first * step)
            for _ in range(first, final):
                frame = log.read(step)
                yield int.from_bytes(frame[:4], "big"), zlib.crc32(frame[wal.FRAME :])


def beside(file: Path) -> tuple[Path, Path]:
    """The seal and the mark of a database file."""
    return file.with_name(file.name + ".seal"), file.with_name(file.name + ".mark")


def lift(file: Path) -> None:
    """Take the seal off: the file is looked at the long way and sealed anew when it is opened."""
    for path in beside(file):
        remove(path)


def compare(page: Callable[[int], bytes], sums: Sums, log: wal.Log) -> None:
    """Changed unless every page that the log does not hold has its sum. page: by number, from 1."""
    skip = log.after(sums.frames if log.salts == sums.salts else 0)
    known = sums.pages[: log.size] if skip else sums.pages
    wrong = [
        n for n, total in enumerate(known, 1) if n not in skip and zlib.crc32(page(n)) != total
    ]
    if wrong:
        raise Changed(
            f"{len(wrong)} of its {len(sums.pages)} pages are not as they were written, the first "
            f"is {wrong[0]}; a failing disk does that, or another program"
        )


def _page(handle: int, number: int) -> bytes:
    return os.pread(handle, PAGE, (number - 1) * PAGE)


def _marked(path: Path) -> tuple[int, bytes, int] | None:
    """Number of the seal, salts and frames; None where that is not known."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) != MARK.size or zlib.crc32(data[:-4]) != MARK.unpack(data)[3]:
        return None
    number, salts, frames, _ = MARK.unpack(data)
    return number, salts, frames


def _complete(sums: Sums, log: wal.Log, mark: tuple[int, bytes, int] | None) -> bool:
    """Whether the log holds all it must. False: it is damaged, but all of it is in the file.

    Changed when something is missing that is in neither.
    """
    number, salts, frames = mark or (-1, b"", 0)
    if number != sums.number:
        frames = 0
    saved = not frames or (salts == sums.salts and frames <= sums.frames)
    whole = not frames or (salts == log.salts and frames <= len(log.pages))
    short = log.salts == sums.salts and len(log.pages) < sums.frames
    if not saved and not whole:
        raise Changed("the end of its log is missing or damaged, with answers in it")
    if short and not saved:
        raise Changed("its log is damaged")
    return not short
