"""Reference log-probabilities on disk: what the untouched base gives a text is computed once.

A file of fixed records (32 bytes of key, a float64, a checksum), only ever appended to. The key
holds the base, the template's tokens and the text, so a person who adds ten answers pays for ten.
A torn last record is cut off. One training at a time writes it.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

FORM = struct.Struct("<32sdI")


class DiskCache:
    """`put` is held back until `keep`: a run that is killed while it reads starts that part over,
    so that its batches, and with them the last bits of the values, are the same again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[bytes, float] = {}
        self._new: list[tuple[bytes, float]] = []
        self._read()

    def has(self, keys: Sequence[bytes]) -> bool:
        return all(k in self.values for k in keys)

    def get(self, keys: Sequence[bytes]) -> list[float]:
        return [self.values[k] for k in keys]

    def put(self, keys: Sequence[bytes], values: Sequence[float]) -> None:
        for key, value in zip(keys, values, strict=True):
            # The first value stays, as it will on the disk: the next one may differ in a last bit.
            if key not in self.values:
                self._new.append((key, float(value)))
                self.values[key] = float(value)

    def keep(self) -> None:
        """Append what is new, durably."""
        if not self._new:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        block = b"".join(_record(k, v) for k, v in self._new)
        with open(self.path, "ab") as stream:
            stream.write(block)
            stream.flush()
            os.fsync(stream.fileno())
        self._new.clear()

    def _read(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        good = 0
        for at in range(0, len(data) - FORM.size + 1, FORM.size):
            key, value, check = FORM.unpack_from(data, at)
            if _record(key, value)[-4:] != struct.pack("<I", check):
                break
            self.values[key] = value
            good = at + FORM.size
        if good != len(data):
            os.truncate(self.path, good)


def _record(key: bytes, value: float) -> bytes:
    body = struct.pack("<32sd", key, value)
    return body + struct.pack("<I", zlib.crc32(body))
