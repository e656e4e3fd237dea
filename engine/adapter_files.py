"""The files of an adapter, out of a zip or a folder: every count, size, name and place is checked.

Nothing is written, no link is followed, and nothing is unpacked that the list of files does not
account for. What the files say is for adapter_check.
"""

import hashlib
import io
import json
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.adapter import CONFIG, OURS, WEIGHTS

PACKED, UNPACKED, ENTRIES, RATIO = 64 << 20, 256 << 20, 16, 20
TEXT, DEPTH = 1 << 20, 32
SUMS = "sha256.json"
KNOWN = {CONFIG, WEIGHTS, OURS, SUMS, "README.md", "proof.json"}
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz", ".joblib")
FOLDER = re.compile(r"\w[\w .()+-]{0,120}/")


class BadAdapter(ValueError):
    """It was not taken in; the message says what is wrong and what to do."""


def read_files(data: bytes | Path) -> dict[str, bytes]:
    """The known files by name, complete and as their sums say."""
    packed = None
    if isinstance(data, Path) and data.is_dir():
        parts = _folder(data)
    else:
        packed = _file(data, PACKED) if isinstance(data, Path) else data
        parts = _unzip(packed)
    for name in (CONFIG, WEIGHTS):
        if name not in parts:
            raise BadAdapter(f"{name} is missing; export the adapter again as 'PEFT folder'")
    if SUMS in parts and read_json(parts[SUMS]) != sums(parts):
        raise BadAdapter(f"a file is not what {SUMS} says of it; copy the adapter again")
    if SUMS in parts and packed is not None and pack_files(parts) != packed:
        raise BadAdapter(
            "this file was changed after a studio packed it; copy it again (to zip the files "
            f"yourself, leave {SUMS} out)"
        )
    return parts


def _folder(place: Path) -> dict[str, bytes]:
    names = sorted(os.listdir(place))
    _known(names)
    parts, room = {}, UNPACKED
    for name in names:
        parts[name] = _file(place / name, min(room, UNPACKED if name == WEIGHTS else TEXT))
        room -= len(parts[name])
    return parts


def _file(path: Path, most: int) -> bytes:
    """An ordinary file of bounded size; a link or a pipe is none."""
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(opened, "rb") as file:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            raise BadAdapter(f"{path.name!r:.80} is no plain file of at most {most >> 20} MB")
        return file.read(most)


def _unzip(data: bytes) -> dict[str, bytes]:
    """The files of the zip, after every count, name and place was looked at."""
    count, start = _directory(data)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        entries = packed.infolist()
        if len(entries) != count:
            raise BadAdapter(
                "the zip counts its files wrongly; it is damaged or a trap; do not use it"
            )
        folder = _names(entries)
        _sizes(entries)
        _places(data, entries, start)
        return {
            e.filename.removeprefix(folder): _entry(packed, e)
            for e in entries
            if e.filename != folder
        }


def _directory(data: bytes) -> tuple[int, int]:
    """(files, where their list begins), read by ourselves: zipfile would believe any count."""
    if len(data) > PACKED:
        raise BadAdapter("the file is larger than 64 MB; an adapter of one person is smaller")
    if data[:4] != b"PK\x03\x04" or len(data) < 22:
        raise BadAdapter("this is no zip of an adapter; export one as 'PEFT folder' first")
    mark, disk, first, here, count, size, start, note = struct.unpack("<4s4H2LH", data[-22:])
    if (mark, disk, first, note) != (b"PK\x05\x06", 0, 0, 0) or data[-42:-38] == b"PK\x06\x07":
        raise BadAdapter("the zip is cut off, has bytes behind it or is of another make; zip again")
    if here != count or not 0 < count <= ENTRIES or size > ENTRIES << 10:
        raise BadAdapter(f"the zip lists {count} files; an adapter has two to six")
    if start + size + 22 != len(data):
        raise BadAdapter("the zip has bytes that belong to no file; zip the adapter again")
    return count, start


def _names(entries: list[zipfile.ZipInfo]) -> str:
    """The one folder all lie in, or ''."""
    name = entries[0].filename
    folder = name[: name.rfind("/") + 1]
    if folder and not FOLDER.fullmatch(folder):
        raise BadAdapter(f"the zip holds {name!r:.80}, which no adapter has; leave it out")
    for e in entries:
        mode = stat.S_IFMT(e.external_attr >> 16)
        itself = e.filename == folder and e.file_size == 0 and e.compress_size <= 2
        if e.orig_filename != e.filename or mode not in (
            (0, stat.S_IFDIR) if itself else (0, stat.S_IFREG)
        ):
            raise BadAdapter(f"{e.orig_filename!r:.80} is a link or has an odd name; leave it out")
        if not itself and not e.filename.startswith(folder):
            raise BadAdapter(
                f"the zip holds {e.filename!r:.80}, which no adapter has; leave it out"
            )
    _known(e.filename.removeprefix(folder) for e in entries if e.filename != folder)
    if len({e.filename for e in entries}) != len(entries):
        raise BadAdapter("a file comes twice in the zip; zip the adapter again")
    return folder


def _known(names: Iterable[str]) -> None:
    for name in names:
        if name.lower().endswith(PICKLES):
            raise BadAdapter(
                f"{name!r:.80} can hold code and is never read; save the adapter as safetensors"
            )
        if name not in KNOWN:
            raise BadAdapter(f"{name!r:.80} belongs to no adapter; leave it out")


def _sizes(entries: list[zipfile.ZipInfo]) -> None:
    """Totals and ratio before a byte is unpacked."""
    total = sum(e.file_size for e in entries)
    if total > UNPACKED or total > RATIO * sum(e.compress_size for e in entries):
        raise BadAdapter("the zip unpacks to far more than an adapter holds; choose another")
    if any(e.file_size > TEXT and not e.filename.endswith(WEIGHTS) for e in entries):
        raise BadAdapter("a text of the adapter is larger than 1 MB; leave it out")
    if any(e.flag_bits & 0x41 or e.compress_type not in (0, 8) for e in entries):
        raise BadAdapter("the zip is encrypted or packed in a way that is not read; zip it plainly")


def _places(data: bytes, entries: list[zipfile.ZipInfo], start: int) -> None:
    """File after file without overlap or gap, each told the same in both of its heads."""
    at = 0
    for e in sorted(entries, key=lambda e: e.header_offset):
        mark, flags, how, crc, packed, size, name, more = struct.unpack_from(
            "<4s2x2H4x3L2H", data, e.header_offset
        )
        same = (mark, flags, how) == (b"PK\x03\x04", e.flag_bits, e.compress_type)
        sizes = (crc, packed, size) == (e.CRC, e.compress_size, e.file_size)
        if e.header_offset != at or not same or not (sizes or flags & 8):
            raise BadAdapter(
                "files of the zip overlap or leave gaps; it is damaged or a trap; do not use it"
            )
        at += 30 + name + more + e.compress_size
        if flags & 8:  # sizes stand behind the file, with or without a mark of their own
            at += 16 if data[at : at + 4] == b"PK\x07\x08" else 12
    if at != start:
        raise BadAdapter(
            "files of the zip overlap or leave gaps; it is damaged or a trap; do not use it"
        )


def _entry(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with packed.open(entry) as stream:
        body = stream.read(entry.file_size + 1)
    if len(body) != entry.file_size:
        raise BadAdapter("a file of the zip is not as long as it says; copy it again")
    return body


def pack_files(parts: Mapping[str, bytes]) -> bytes:
    """One way to pack: so a single flipped byte anywhere in the file can be told."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in sorted(parts):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o100600 << 16
            packed.writestr(entry, parts[name])
    return out.getvalue()


def sums(parts: Mapping[str, bytes]) -> dict[str, str]:
    return {n: hashlib.sha256(body).hexdigest() for n, body in parts.items() if n != SUMS}


def read_json(data: bytes) -> dict[str, Any]:
    """An object of limited size and depth, no name twice, no NaN."""
    if len(data) > TEXT:
        raise BadAdapter("a JSON part is larger than 1 MB; save the adapter again")
    found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_never)
    if not isinstance(found, dict):
        raise BadAdapter("a JSON part is no object; save the adapter again")
    _shallow(found, DEPTH)
    return found


def _shallow(value: Any, room: int) -> None:
    if isinstance(value, dict | list):
        if not room:
            raise BadAdapter(f"a JSON part is deeper than {DEPTH} levels; save the adapter again")
        for inner in value.values() if isinstance(value, dict) else value:
            _shallow(inner, room - 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadAdapter("a name comes twice in a JSON part; save the adapter again")
    return made


def _never(constant: str) -> Any:
    raise BadAdapter(f"a JSON part holds {constant}, which is no number; save the adapter again")
