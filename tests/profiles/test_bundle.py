"""A bundle goes out and comes in as the same answers; a hostile one leaves no trace."""

import hashlib
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from profiles import bundle_format
from profiles.bundle import (
    BadBundle,
    answers_csv,
    answers_jsonl,
    read_bundle,
    write_bundle,
)
from profiles.store import Store
from tests.profiles.desk import WEBP, Desk, full_desk, new_desk, passages, pictures, sha


@pytest.fixture
def full(store: Store) -> Desk:
    return full_desk(store)


def told(store: Store, profile: int) -> str:
    return "".join(answers_jsonl(store, profile)) + "".join(answers_csv(store, profile))


def everything(store: Store) -> tuple[list[list[tuple]], list[str]]:
    """All rows of all tables, and all media files."""

    def rows(db):
        names = [t for t in db.table_names() if not t.startswith(("sqlite", "_sqlite"))]
        return [db.execute(f"SELECT * FROM {name}").fetchall() for name in sorted(names)]

    return store.read(rows), sorted(p.name for p in (store.folder / "media").rglob("*"))


def test_out_deleted_and_in_again_is_byte_equal(store: Store, full: Desk) -> None:
    before, data = told(store, full.profile), write_bundle(store, full.profile)
    states = [store.version_arrays(v.id) for v in store.versions(full.profile, "text")]
    front = store.open_question(full.profile, "text", "pair")
    store.delete_profile(full.profile)
    made = read_bundle(store, full.user, data)
    assert (made.name, made.purpose, made.colour) == ("Ann", "stories", "#2f6fed")
    assert told(store, made.id) == before and write_bundle(store, made.id) == data
    again = [store.version_arrays(v.id) for v in store.versions(made.id, "text")]
    assert len(again) == len(states) == 2
    for one, other in zip(again, states, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)
    now = store.open_question(made.id, "text", "pair")
    assert front is not None and now is not None and now.items == front.items
    assert store.can_redo(made.id, "text")


def test_it_goes_on_in_another_folder_for_another_person(tmp_path: Path, full: Desk) -> None:
    data, before = write_bundle(full.store, full.profile), told(full.store, full.profile)
    with Store.open(tmp_path / "other") as other:
        bob = other.put_user("bob", "hash")
        other.add_items("text", passages(8)[::-1], None)
        made = read_bundle(other, bob, data)
        assert made.user_id == bob and told(other, made.id) == before
        own = {c.hash: c for c in other.items("picture", bob)}
        assert {other.item_owner(c.id) for c in own.values()} == {bob}
        for row in pictures(4):
            assert other.media_path(own[row.hash].hash).read_bytes() == row.media
        hashes = [p.hash for p in pictures(4)]
        assert np.array_equal(other.embeddings("starter:picture", hashes), np.eye(4, 6))
        assert other.items("picture", other.local_user()) == []
        assert other.undo(made.id, "text", "next") == 8


def test_passages_that_are_not_here_are_made_again(tmp_path: Path, full: Desk) -> None:
    data, before = write_bundle(full.store, full.profile), told(full.store, full.profile)
    with Store.open(tmp_path / "other") as other:
        made = read_bundle(other, other.local_user(), data)
        assert told(other, made.id) == before
        assert other.items("text", None) == [] and len(other.items("text", made.user_id)) == 8


def test_pictures_that_are_not_here_are_refused(tmp_path: Path, store: Store) -> None:
    desk = new_desk(store)
    pool = [replace(row, media=None) for row in pictures(2, b"pool")]
    shared = store.add_items("picture", pool, None)
    store.add_question(desk.profile, "picture", shared)
    data = write_bundle(store, desk.profile)
    with Store.open(tmp_path / "other") as other:
        before = everything(other)
        with pytest.raises(BadBundle, match="2 pictures of a collection that is not here"):
            read_bundle(other, other.local_user(), data)
        other.write(lambda db: db.execute("DELETE FROM users"))
        assert everything(other) == before


def test_vectors_of_a_bundle_never_replace_those_made_here(tmp_path: Path, full: Desk) -> None:
    data = write_bundle(full.store, full.profile)
    hashes = [p.hash for p in pictures(4)]
    true = np.full((2, 6), 0.5, np.float32)
    with Store.open(tmp_path / "other") as other:
        other.put_embeddings("starter:picture", hashes[:2], true)
        read_bundle(other, other.local_user(), data)
        assert np.array_equal(other.embeddings("starter:picture", hashes[:2]), true)
        assert other.missing_embeddings("starter:picture", hashes) == hashes[2:]
        other.put_embeddings("starter:picture", hashes[2:], true)
        assert other.missing_embeddings("starter:picture", hashes) == []


def test_a_profile_of_a_thousand_answers_is_read_in_time(store: Store) -> None:
    desk = new_desk(store, 12)
    data = rebuilt(write_bundle(store, desk.profile), lambda p: p.update(many(p, 1000)))
    made = read_bundle(store, desk.user, data)
    assert store.counts(made.id)["text"] == 1000


def many(parts: dict[str, bytes], n: int) -> dict[str, bytes]:
    """n questions with an answer each over two passages."""
    item = {"kind": "text", "prompt": "p", "made": "own", "attributes": {}, "media": False,
            "own": True}  # fmt: skip
    lines = {
        "items": [item | {"hash": sha(t), "text": t} for t in ("a", "b")],
        "questions": [{"number": i + 1, "kind": "text", "items": [0, 1], "rule": "uniform",
                       "repeat_of": None, "created": 1.0} for i in range(n)],
        "answers": [{"seq": i + 1, "act": "answer", "kind": "text", "target": None,
                     "strength": 1.0, "ms": None, "source": "choose", "key": f"k{i}",
                     "predicted": None, "note": "", "extra": {}, "created": 1.0,
                     "question": i + 1, "outcome": {"picks": [i % 2]}} for i in range(n)],
    }  # fmt: skip
    return {k: b"".join(json.dumps(v).encode() + b"\n" for v in vs) for k, vs in lines.items()}


# hostile files


def rebuilt(data: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The bundle with its parts changed and every length and sha256 right again."""
    parts = bundle_format.unpack(data)
    change(parts)
    return bundle_format.pack(parts)


def headed(data: bytes, change: Callable[[dict], object]) -> bytes:
    line, rest = data.split(b"\n", 1)
    header = json.loads(line)
    change(header)
    return json.dumps(header).encode() + b"\n" + rest


def first(part: str, /, **fields: object) -> Callable[[dict[str, bytes]], None]:
    """Change fields of the first line of a part."""

    def change(parts: dict[str, bytes]) -> None:
        lines = parts[part].split(b"\n")
        lines[0] = json.dumps({**json.loads(lines[0]), **fields}).encode()
        parts[part] = b"\n".join(lines)

    return change


def swap(part: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        assert old in parts[part]
        parts[part] = parts[part].replace(old, new, 1)

    return change


def put(name: str, body: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.update({name: body})


def drop(prefix: str) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.pop(next(n for n in parts if n.startswith(prefix)))


def zipped() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("../../evil", "x")
    return out.getvalue()


DEEP = b'{"a":' * 40 + b"1" + b"}" * 40
DEEPER = b"[" * 100_000
BIG_HEAD = struct.pack("<Q", 2**40) + b"{}"
NANS = save({"mean": np.array([np.nan])})

PARTS = {
    "no profile": drop("profile"),
    "no media": drop("media/"),
    "no state": drop("state/"),
    "no vectors": drop("space/"),
    "an unused part": put("media/" + "0" * 64, b"x"),
    "an unknown part": put("evil", b"x"),
    "an unknown key": first("profile", admin=True),
    "a wrong type": first("profile", name=7),
    "a bool as a number": first("items", prompt=True),
    "a long name": first("profile", name="x" * 300),
    "a colour that is code": first("profile", colour="red;x:url(//evil)"),
    "deep JSON": first("answers", extra=json.loads(DEEP)),
    "very deep JSON": put("profile", DEEPER),
    "not JSON": put("answers", b"{]\n"),
    "half a line": put("answers", b"{}"),
    "NaN": swap("answers", b'"strength": 1.0', b'"strength": NaN'),
    "1e999": swap("answers", b'"strength": 1.0', b'"strength": 1e999'),
    "a number too large": first("items", attributes={"a": 2**70}),
    "a key twice": swap("profile", b'{"name"', b'{"name": "x", "name"'),
    "bad Unicode": swap("profile", b'"Ann"', b'"\\ud800"'),
    "bad UTF-8": swap("profile", b"Ann", b"\xff\xfe"),
    "a path as hash": first("items", hash="../../../etc/passwd"),
    "text that is not its hash": first("items", kind="text", text="other", media=False, own=True),
    "media that is not its hash": lambda p: p.update(
        {next(n for n in p if n.startswith("media/")): WEBP + b"other"}),
    "an item twice": lambda p: p.update(items=p["items"] + p["items"].split(b"\n")[0] + b"\n"),
    "a question of unknown items": first("questions", items=[0, 999]),
    "a question of a negative item": first("questions", items=[0, -1]),
    "a question of another kind": first("questions", kind="picture"),
    "a question of one item": first("questions", items=[5]),
    "a question out of turn": first("questions", number=2),
    "a repeat of the future": first("questions", repeat_of=5),
    "an answer out of turn": first("answers", seq=5),
    "an answer to nothing": first("answers", question=999),
    "an answer of another kind": first("answers", kind="picture"),
    "an answer to an answered question": lambda p: (first("answers", question=2)(p)),
    "a pick that was not shown": first("answers", outcome={"picks": [7]}),
    "a pick with more": first("answers", outcome={"picks": [0], "evil": 1}),
    "an unknown word": first("answers", outcome="maybe"),
    "an unknown act": first("answers", act="erase"),
    "an undo of nothing": first("answers", act="undo", outcome=None, target=1),
    "an answer with a target": first("answers", target=1),
    "no strength": first("answers", strength=0),
    "a probability of 7": first("answers", predicted=7),
    "time before time": first("answers", created=-1),
    "ms below zero": first("answers", ms=-5),
    "no key": first("answers", key=""),
    "a key that comes twice": first("answers", key="key-1"),
    "an undo of another": swap("answers", b'"target": 9', b'"target": 3'),
    "a reason of nothing": first("reasons", seq=99),
    "a reason of a skip": first("reasons", seq=9),
    "an unknown reason": first("reasons", chips=["prettier"]),
    "a long reason": first("reasons", words="x" * 201),
    "a reason without a key": first("reasons", key=""),
    "a version of the future": first("versions", seq=999),
    "a state that is a picture": first("versions", part="media/" + pictures(1)[0].hash),
    "a state that is a pickle": put("state/0", pickle.dumps({"a": 1}, protocol=2)),
    "a state with a large head": put("state/0", BIG_HEAD),
    "a state that is cut": lambda p: p.update({"state/0": p["state/0"][:-3]}),
    "a state with NaN": put("state/0", NANS),
    "a state with notes": put("state/0", save({"a": np.zeros(1)}, {"x": "y"})),
    "an empty state": put("state/0", b""),
    "vectors of others": first("spaces", hashes=[sha("x")] * 4),
    "vectors of another size": first("spaces", dim=5),
    "vectors that are not finite": put("space/0", b"\xff" * 96),
}  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Iterator[Desk]:
    """One store for all refusals: each of them shows that it left no trace."""
    with Store.open(tmp_path_factory.mktemp("data")) as store:
        yield full_desk(store)


@pytest.mark.parametrize("name", PARTS)
def test_parts_that_make_no_sense_leave_no_trace(kept: Desk, name: str) -> None:
    refused(kept, rebuilt(write_bundle(kept.store, kept.profile), PARTS[name]))


def script(parts: dict[str, bytes]) -> None:
    """A picture that is a page with a script."""
    old = pictures(4)[0].hash
    body = b"<html><script>alert(1)</script>"
    del parts[f"media/{old}"]
    parts[f"media/{sha(body)}"] = body
    for name in ("items", "spaces"):
        parts[name] = parts[name].replace(old.encode(), sha(body).encode())


FILES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda d: b"",
    "a line": lambda d: b"{}\n",
    "a zip": lambda d: zipped(),
    "a zip behind it": lambda d: d + zipped(),
    "a pickle": lambda d: pickle.dumps({"a": 1}),
    "a page": lambda d: b"<html>" + d,
    "one byte more": lambda d: d + b"\0",
    "the header alone": lambda d: d.split(b"\n", 1)[0] + b"\n",
    "no header line": lambda d: b'{"format"' + b" " * (5 << 20),
    "too large": lambda d: d + b"\0" * (64 << 20),
    "a newer version": lambda d: headed(d, lambda h: h.update(version=2)),
    "another format": lambda d: headed(d, lambda h: h.update(format="zip")),
    "an unknown header key": lambda d: headed(d, lambda h: h.update(run="rm")),
    "a part twice": lambda d: headed(d, lambda h: h["parts"].append(h["parts"][0])),
    "a path as name": lambda d: headed(d, lambda h: h["parts"][0].update(name="../../x")),
    "an absolute name": lambda d: headed(d, lambda h: h["parts"][0].update(name="/etc/x")),
    "a NUL in a name": lambda d: headed(d, lambda h: h["parts"][0].update(name="a\0b")),
    "a negative length": lambda d: headed(d, lambda h: h["parts"][0].update(bytes=-1)),
    "a huge length": lambda d: headed(d, lambda h: h["parts"][0].update(bytes=2**52)),
    "a wrong sha256": lambda d: headed(d, lambda h: h["parts"][0].update(sha256="0" * 64)),
    "too many parts": lambda d: headed(
        d, lambda h: h.update(parts=[{"name": f"media/{i:x}", "bytes": 0, "sha256": sha("")}
                                     for i in range(20_001)])),
    "a deep header": lambda d: b'{"format":' + DEEPER + b"\n",
    "a script as picture": lambda d: rebuilt(d, script),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_bundle_leave_no_trace(kept: Desk, name: str) -> None:
    refused(kept, FILES[name](write_bundle(kept.store, kept.profile)))


def refused(desk: Desk, data: bytes) -> None:
    before = everything(desk.store)
    with pytest.raises(BadBundle) as wrong:
        read_bundle(desk.store, desk.user, data)
    assert 10 < len(str(wrong.value)) < 400
    assert everything(desk.store) == before


def test_every_cut_and_many_flips_are_refused(store: Store, full: Desk) -> None:
    data = write_bundle(store, full.profile)
    before = everything(store)
    rng = np.random.default_rng(0)
    broken = [data[: len(data) * i // 100] for i in range(100)]
    for at in rng.integers(0, len(data), 300):
        flipped = bytearray(data)
        flipped[at] ^= 1 << int(rng.integers(8))
        broken.append(bytes(flipped))
    for one in broken:
        with pytest.raises(BadBundle):
            read_bundle(store, full.user, one)
    assert everything(store) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_any_value_in_any_place_is_taken_or_refused(data) -> None:
    """A random field of a random line gets a random value: BadBundle or a bundle, nothing else."""
    from profiles.bundle_check import check

    parts = many({}, 3) | {"versions": b"", "spaces": b""}
    profile = {"name": "A", "purpose": "", "colour": "", "created": 1.0, "named": True}
    parts["profile"] = json.dumps(profile).encode()
    part = data.draw(st.sampled_from(["profile", "items", "questions", "answers"]))
    key = data.draw(st.sampled_from(sorted(json.loads(parts[part].split(b"\n")[0]))))
    first(part, **{key: data.draw(JSON)})(parts)
    try:
        check(bundle_format.unpack(bundle_format.pack(parts)))
    except BadBundle:
        pass


def test_a_bundle_that_would_be_too_large_is_not_made(
    store: Store, full: Desk, monkeypatch
) -> None:
    monkeypatch.setattr(bundle_format, "PACKED", 1000)
    with pytest.raises(BadBundle, match="export the answers alone"):
        write_bundle(store, full.profile)
    with pytest.raises(KeyError, match="no profile 99"):
        write_bundle(store, 99)


def test_the_sha256_in_the_list_is_that_of_the_part(full: Desk) -> None:
    data = write_bundle(full.store, full.profile)
    line, rest = data.split(b"\n", 1)
    for entry in json.loads(line)["parts"]:
        body, rest = rest[: entry["bytes"]], rest[entry["bytes"] :]
        assert hashlib.sha256(body).hexdigest() == entry["sha256"]
    assert rest == b""
