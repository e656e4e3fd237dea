"""A thousand damaged bundles: accepted 0, each said in words and in time, nothing left behind.

The sha256 of every part is right again wherever the damage is inside a part, so that it is the
part that has to be looked at and not its sum.
"""

import json
import pickle
import random
import time
from collections.abc import Callable, Iterator

import pytest

from profiles import bundle_format
from profiles.bundle import BadBundle, read_bundle, write_bundle
from profiles.store import Store
from tests.engine.bad_adapters import foreign, pickles, wrong_headers
from tests.profiles.desk import full_desk
from tests.profiles.test_bundle import FILES, PARTS, everything, rebuilt

Case = tuple[str, bytes]
LINES = ("profile", "items", "questions", "answers", "reasons", "captions", "versions",
         "spaces")  # fmt: skip
# Wrong in any field, whatever its type.
WRONG = {"NaN": b"NaN", "inf": b"1e999", "surrogate": b'"\\ud800"', "too large": b"1" + b"0" * 30,
         "deep": b"[" * 40 + b"]" * 40, "very deep": b'{"a":' * 50_000, "digits": b"9" * 5000,
         "list": b'[["x"]]', "twice": b'{"a":1,"a":2}', "nothing": b"",
         "bytes": b'"\xff"'}  # fmt: skip


def outside(data: bytes) -> Iterator[Case]:
    """The file as it lies: cut, flipped, overwritten, something else."""
    rng = random.Random(0)
    for percent in range(100):
        yield f"cut at {percent} %", data[: len(data) * percent // 100]
    for place in rng.sample(range(len(data)), 500):
        yield f"flip at {place}", spoilt(data, place, bytes([data[place] ^ 1 << rng.randrange(8)]))
    for i in range(100):
        yield f"noise {i}", spoilt(data, rng.randrange(len(data) - 64), rng.randbytes(64))
    for i, body in enumerate(pickles()):
        yield f"pickle {i}", body
        yield f"pickle {i} before", body + data
        yield f"pickle {i} behind", data + body
    yield "an adapter", foreign()
    for name, change in FILES.items():
        yield name, change(data)


def spoilt(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def inside(data: bytes) -> Iterator[Case]:
    """A part that is damaged under a sum that is right."""
    parts = bundle_format.unpack(data)
    for name, change in PARTS.items():
        yield name, rebuilt(data, change)
    for name in (n for n in parts if n not in LINES):
        for percent in range(0, 100, 4):
            body = parts[name][: len(parts[name]) * percent // 100]
            yield f"{name} cut at {percent} %", rebuilt(data, replaced(name, body))
        for i, body in enumerate(pickles()):
            yield f"pickle {i} as {name}", rebuilt(data, replaced(name, body))
    for name, body in wrong_headers():
        if name != "shape [16, 4]":  # as good as any for a state
            yield f"state: {name}", rebuilt(data, replaced("state/0", body))


def replaced(name: str, body: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.update({name: body})


def lines(data: bytes) -> Iterator[Case]:
    """Every field of the first and last line of each part, and lines that come twice."""
    parts = bundle_format.unpack(data)
    for part in LINES:
        told = parts[part].rstrip(b"\n").split(b"\n")
        end = parts[part][len(parts[part].rstrip(b"\n")) :]
        for at in sorted({0, len(told) - 1}):
            for what, line in wrong_lines(told[at]):
                body = b"\n".join([*told[:at], line, *told[at + 1 :]]) + end
                yield f"{part} {at} {what}", rebuilt(data, replaced(part, body))
            body = b"\n".join([*told[: at + 1], *told[at:]]) + end
            yield f"{part} {at} twice", rebuilt(data, replaced(part, body))


def wrong_lines(line: bytes) -> Iterator[Case]:
    fields = json.loads(line)
    for key in fields:
        yield f"without {key}", json.dumps({k: v for k, v in fields.items() if k != key}).encode()
        marked = json.dumps({**fields, key: "HERE"}).encode()
        for what, value in WRONG.items():
            yield f"{key} {what}", marked.replace(b'"HERE"', value)
    yield "more", json.dumps({**fields, "__class__": "os.system"}).encode()
    yield "cut", line[: len(line) // 2]


def test_a_thousand_damaged_bundles_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = full_desk(store)
    data, before = write_bundle(store, desk.profile), everything(store)
    cases = [*outside(data), *inside(data), *lines(data)]
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    accepted, slow, begun = [], [], time.monotonic()
    for name, body in cases:
        start = time.monotonic()
        try:
            read_bundle(store, desk.user, body)
            accepted.append(name)
        except BadBundle as wrong:
            assert 10 < len(str(wrong)) < 400 and str(wrong).encode(), name
        if time.monotonic() - start > 2:
            slow.append(name)
    print(f"{len(cases)} damaged bundles, {time.monotonic() - begun:.1f} s")
    assert len(cases) >= 1000 and not accepted and not slow
    assert everything(store) == before
