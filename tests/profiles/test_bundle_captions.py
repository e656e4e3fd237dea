"""Captions in a bundle: a person's own words for pictures travel, and only sound ones come in."""

import json
from pathlib import Path

import pytest

from profiles import bundle_format, captions
from profiles.bundle import BadBundle, read_bundle, write_bundle
from profiles.store import Store
from tests.profiles.desk import Desk, full_desk, pictures
from tests.profiles.test_bundle import everything


def say(desk: Desk, item: int, words: str) -> None:
    desk.store.write(lambda db: captions.put(db, (desk.user, desk.profile), item, words))


def held(store: Store, user: int, profile: int) -> dict[str, str]:
    """Hash of a picture -> words."""
    found = store.read(lambda db: captions.holding(db, profile))
    return {c.hash: found[c.id] for c in store.items("picture", user) if c.id in found}


def test_captions_go_along_to_another_folder_and_go_with_their_profile(
    store: Store, tmp_path: Path
) -> None:
    desk = full_desk(store)
    first, second, third, _ = (c.id for c in store.items("picture", desk.user))
    # One that this profile was never asked about, of another profile of the same person.
    other = store.add_profile(desk.user, "Other", "", "").id
    (fourth,) = store.add_items("picture", pictures(1, b"other"), desk.user, other)
    for item, words in ((first, "old"), (first, "new – words"), (second, "gone"), (second, ""),
                        (third, "x" * captions.LONGEST), (fourth, "seen elsewhere")):  # fmt: skip
        say(desk, item, words)
    before, data = held(store, desk.user, desk.profile), write_bundle(store, desk.profile)
    assert sorted(before.values())[:2] == ["new – words", "seen elsewhere"] and len(before) == 3
    with Store.open(tmp_path / "there") as there:
        bob = there.put_user("bob", "hash")
        made = read_bundle(there, bob, data)
        assert held(there, bob, made.id) == before
        again = bundle_format.unpack(write_bundle(there, made.id))
        assert again["captions"] == bundle_format.unpack(data)["captions"]
        gone = there.delete_profile(made.id)
        assert gone["left"] == 0 and gone["removed"]["events"] == 3
        assert there.read(lambda db: captions.holding(db, made.id)) == {}


def test_a_bundle_without_captions_is_the_one_of_old(store: Store) -> None:
    desk = full_desk(store)
    for item in store.read(lambda db: captions.holding(db, desk.profile)):
        say(desk, item, "")
    data = write_bundle(store, desk.profile)
    assert "captions" not in bundle_format.unpack(data)
    made = read_bundle(store, desk.user, data)
    assert store.read(lambda db: captions.holding(db, made.id)) == {}


def line(item: object, words: object, **more: object) -> bytes:
    return json.dumps({"item": item, "words": words, **more}).encode() + b"\n"


def test_captions_that_make_no_sense_leave_no_trace(store: Store) -> None:
    desk = full_desk(store)
    data = write_bundle(store, desk.profile)
    parts = bundle_format.unpack(data)
    kinds = [json.loads(text)["kind"] for text in parts["items"].splitlines()]
    picture, passage = kinds.index("picture"), kinds.index("text")
    for body in (
        line(len(kinds), "x"), line(-1, "x"), line(passage, "x"), line(True, "x"),
        line(str(picture), "x"), line(picture, 7), line(picture, None), line(picture, ""),
        line(picture, "two\nlines"), line(picture, "two\u2028lines"), line(picture, " x"),
        line(picture, "x" * (captions.LONGEST + 1)), line(picture, "x", run="rm"),
        line(picture, "x") * 2, line(picture, "x")[:-1], line(picture, "x")[:-4] + b"\n",
        line(picture, "\ud800"), b"{}\n", b"[]\n",
    ):  # fmt: skip
        before = everything(store)
        with pytest.raises(BadBundle) as wrong:
            read_bundle(store, desk.user, bundle_format.pack({**parts, "captions": body}))
        assert 10 < len(str(wrong.value)) < 400, body
        assert everything(store) == before, body
    good = bundle_format.pack({**parts, "captions": line(picture, "x")})
    made = read_bundle(store, desk.user, good)
    assert list(held(store, desk.user, made.id).values()) == ["x"]
