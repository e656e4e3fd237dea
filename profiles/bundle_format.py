"""The file of a bundle: one line of JSON that lists the parts, then the parts themselves.

No archive format and no compression: nothing to unpack but byte ranges, so there are no names to
escape with, no bombs, no overlaps. The list must account for every byte of the file, in order.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

FORMAT, VERSION = "penchant-bundle", 1
PACKED = 64 << 20
HEADER = 4 << 20
LINE = 1 << 20
PARTS = 20_000
DEPTH = 32
NAME = re.compile(r"[a-z]{1,12}(/[0-9a-f]{1,64})?")
WHOLE = range(-(2**53), 2**53)


class BadBundle(ValueError):
    """The file is not a bundle, or not an intact one; nothing of it was taken in."""


def pack(parts: Mapping[str, bytes]) -> bytes:
    """One file out of named parts."""
    entries = [
        {"name": name, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for name, body in parts.items()
    ]
    header = json.dumps({"format": FORMAT, "version": VERSION, "parts": entries}) + "\n"
    size = len(header) + sum(len(body) for body in parts.values())
    if size > PACKED:
        raise BadBundle(
            f"the bundle would be {size >> 20} MB, the limit is {PACKED >> 20}; take "
            "fewer adapters or pictures of your own along, or export the answers alone"
        )
    return b"".join([header.encode(), *parts.values()])


def unpack(data: bytes) -> dict[str, bytes]:
    """The parts of a file, every length and every sha256 checked. BadBundle says what is wrong."""
    if len(data) > PACKED:
        raise BadBundle(f"the file is larger than {PACKED >> 20} MB, no bundle is")
    end = data.find(b"\n", 0, HEADER)
    if end < 0 or not data.startswith(b'{"format"'):
        raise BadBundle("this is not a Penchant bundle; choose a file that Keep has exported")
    header = fields(line(data[:end]), {"format": str, "version": int, "parts": list}, "header")
    if header["format"] != FORMAT:
        raise BadBundle("this is not a Penchant bundle; choose a file that Keep has exported")
    if header["version"] != VERSION:
        raise BadBundle(
            f"this is a bundle of version {header['version']}, version {VERSION} is "
            "read here; update Penchant"
        )
    if len(header["parts"]) > PARTS:
        raise BadBundle(f"the bundle has more than {PARTS} parts")
    return _cut(data, end + 1, header["parts"])


def _cut(data: bytes, start: int, entries: list[Any]) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    for entry in entries:
        told = fields(entry, {"name": str, "bytes": int, "sha256": str}, "list of parts")
        name, size = told["name"], told["bytes"]
        if not NAME.fullmatch(name) or name in parts:
            raise BadBundle(f"part name {name[:80]!r} is not allowed or comes twice")
        if not 0 <= size <= len(data) - start:
            raise BadBundle(f"part {name!r} is cut off; the file is not complete")
        body = data[start : start + size]
        if hashlib.sha256(body).hexdigest() != told["sha256"]:
            raise BadBundle(f"part {name!r} is damaged: its sha256 does not fit")
        parts[name] = body
        start += size
    if start != len(data):
        raise BadBundle("the file has bytes that its list of parts does not name")
    return parts


def lines(body: bytes) -> list[Any]:
    """The values of a part that holds one JSON value a line."""
    if body and not body.endswith(b"\n"):
        raise BadBundle("a part of JSON lines does not end with its last line")
    return [line(text) for text in body.split(b"\n")[:-1]]


def line(text: bytes) -> Any:
    """One JSON value: UTF-8, no key twice, no NaN, at most DEPTH deep."""
    if len(text) > HEADER:
        raise BadBundle("a line of the bundle is too long")
    try:
        value = json.loads(text.decode(), parse_constant=_no_constant, object_pairs_hook=_once)
    except RecursionError:
        raise BadBundle(f"the bundle nests deeper than {DEPTH} levels") from None
    except ValueError as wrong:
        if isinstance(wrong, BadBundle):
            raise
        raise BadBundle(f"the bundle holds a line that is not JSON: {str(wrong)[:120]}") from None
    _check(value, DEPTH)
    return value


def fields(value: Any, types: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The object with exactly these keys, each of its type (a tuple of types: any of them)."""
    if not isinstance(value, dict):
        raise BadBundle(f"{where}: an object is expected")
    odd = set(value) ^ set(types)
    if odd:
        name = sorted(odd)[0]
        raise BadBundle(
            f"{where}: key {name[:80]!r} is {'missing' if name in types else 'unknown'}"
        )
    for name, wanted in types.items():
        allowed = wanted if isinstance(wanted, tuple) else (wanted,)
        if type(value[name]) not in allowed:
            raise BadBundle(f"{where}: {name!r} has the wrong type")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadBundle("the bundle holds an object with a key twice")
    return made


def _no_constant(name: str) -> Any:
    raise BadBundle(f"the bundle holds {name}, which is not a number")


def _check(value: Any, room: int) -> None:
    """Depth, finite numbers of storable size, text that is valid Unicode."""
    if isinstance(value, str):
        if not value.isascii() and any(0xD800 <= ord(c) < 0xE000 for c in value):
            raise BadBundle("the bundle holds text that is not valid Unicode")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadBundle("the bundle holds a number that is too large")
    elif isinstance(value, int):
        if int(value) not in WHOLE:
            raise BadBundle("the bundle holds a number that is too large")
    elif isinstance(value, (list, dict)):
        if not room:
            raise BadBundle(f"the bundle nests deeper than {DEPTH} levels")
        for part in value if isinstance(value, list) else [*value, *value.values()]:
            _check(part, room - 1)
