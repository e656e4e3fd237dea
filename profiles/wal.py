"""Reading a write-ahead log as SQLite would after a crash, without opening the database.

Opening would already change it: the last connection that closes moves what it could read of the
log into the file. Format: https://www.sqlite.org/fileformat2.html#walformat.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEAD, FRAME = 32, 24
MAGIC = 0x377F0682


@dataclass(frozen=True)
class Log:
    """The committed frames. pages: the page of each; size: pages of the database after them."""

    salts: bytes = b""
    pages: tuple[int, ...] = ()
    size: int = 0

    def after(self, frames: int) -> set[int]:
        """Pages that frames beyond this many changed."""
        return set(self.pages[frames:])


def read(path: Path, page: int) -> Log:
    """What a log of pages of this size holds; the empty Log when it is not there or not begun."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) < HEAD:
        return Log()
    magic, _, size, _, *_ = struct.unpack(">8I", data[:HEAD])
    order = ">u4" if magic & 1 else "<u4"
    told = struct.unpack(">2I", data[24:HEAD])
    start = _chain(np.frombuffer(data[:24], order)[None], (0, 0))[0]
    if magic & ~1 != MAGIC or size != page or start != told:
        return Log()
    return _frames(data, page, order, start)


def _frames(data: bytes, page: int, order: str, start: tuple[int, int]) -> Log:
    """All frames up to the last commit whose sums follow from one another."""
    step, salts = FRAME + page, data[16:24]
    count = (len(data) - HEAD) // step
    if not count:
        return Log(salts)
    rows = np.frombuffer(data, np.uint8, count * step, HEAD).reshape(count, step)
    heads = np.ascontiguousarray(rows[:, :FRAME]).view(">u4").astype(np.uint32)
    same = (rows[:, 8:16] == np.frombuffer(salts, np.uint8)).all(1) & (heads[:, 0] > 0)
    count = count if same.all() else int(same.argmin())
    body = np.concatenate([rows[:count, :8], rows[:count, FRAME:]], axis=1).view(order)
    last, size = 0, 0
    for i, sums in enumerate(_chain(body, start)):
        if sums != (int(heads[i, 4]), int(heads[i, 5])):
            break
        if heads[i, 1]:
            last, size = i + 1, int(heads[i, 1])
    return Log(salts, tuple(int(p) for p in heads[:last, 0]), size)


def _chain(rows: NDArray[Any], start: tuple[int, int]) -> list[tuple[int, int]]:
    """The two sums after each row of words, each begun with those of the row before.

    One pair of words (x, y) is s0 += x + s1; s1 += y + s0: a linear step, so that a row adds
    its words times known weights, and the sums before it times one matrix.
    """
    pairs = rows.shape[1] // 2
    weights, (a, b, c, d) = _weights(pairs)
    words = rows.astype(np.uint32).reshape(len(rows), pairs, 2)
    with np.errstate(over="ignore"):
        own = [
            (words[:, :, 0] * weights[k, 0] + words[:, :, 1] * weights[k, 1]).sum(1, np.uint32)
            for k in (0, 1)
        ]
    made, (s, t) = [], start
    for x, y in zip(own[0].tolist(), own[1].tolist(), strict=True):
        s, t = (a * s + b * t + x) & 0xFFFFFFFF, (c * s + d * t + y) & 0xFFFFFFFF
        made.append((s, t))
    return made


def _weights(pairs: int) -> tuple[NDArray[np.uint32], tuple[int, int, int, int]]:
    """weights[k, j, i]: what word j of pair i adds to sum k at the end; M to the power of pairs.

    M = ((1, 1), (1, 2)); a pair adds M's first column times x and (0, 1) times y.
    """
    made = np.zeros((2, 2, pairs), np.uint32)
    a, b, c, d = 1, 0, 0, 1
    for i in reversed(range(pairs)):
        made[:, :, i] = [[(a + b) & 0xFFFFFFFF, b], [(c + d) & 0xFFFFFFFF, d]]
        a, b, c, d = (n & 0xFFFFFFFF for n in (a + b, a + 2 * b, c + d, c + 2 * d))
    return made, (a, b, c, d)
