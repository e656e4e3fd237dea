"""What was set by hand in a bundle: the newest of each travels, and only sound ones come in."""

import json
from pathlib import Path
from typing import Any

import pytest

from profiles import bundle_format
from profiles.bundle import BadBundle, read_bundle, write_bundle
from profiles.notes import Notes
from profiles.store import Store
from tests.profiles.desk import Desk, full_desk
from tests.profiles.test_bundle import everything

POINT = {"what": "compass", "medium": "text", "plane": ["length", "warmth"], "angle": 30.5}
WORDS = {"what": "description", "medium": "picture", "text": "Likes “ink” – no clay."}


def note(desk: Desk, what: str, **detail: Any) -> None:
    Notes(desk.store.read, desk.store.write).add(desk.user, desk.profile, what, detail)


def held(store: Store, profile: int) -> list[list[dict[str, Any]]]:
    notes = Notes(store.read, store.write)
    return [notes.of_profile(profile, what) for what in ("compass", "description", "start")]


def test_the_newest_of_each_goes_along_to_another_folder(store: Store, tmp_path: Path) -> None:
    desk = full_desk(store)
    plane = ["length", "warmth"]
    note(desk, "compass", medium="text", plane=plane, angle=-10.0)
    note(desk, "compass", medium="text", plane=plane, angle=30.5)
    note(desk, "compass", medium="picture", plane=plane, angle=1.0)
    note(desk, "compass", medium="picture", plane=None)
    note(desk, "description", medium="picture", text="old words")
    note(desk, "description", medium="picture", text=WORDS["text"])
    note(desk, "description", medium="text", text="gone")
    note(desk, "description", medium="text", text="")
    note(desk, "hints", on=False)
    data = write_bundle(store, desk.profile)
    with Store.open(tmp_path / "there") as there:
        made = read_bundle(there, there.put_user("bob", "hash"), data)
        assert held(there, made.id) == [
            [{"medium": "text", "plane": plane, "angle": 30.5}],
            [{"medium": "picture", "text": WORDS["text"]}],
            [],
        ]
        assert Notes(there.read, there.write).of_profile(made.id, "hints") == []
        again = bundle_format.unpack(write_bundle(there, made.id))
        assert again["notes"] == bundle_format.unpack(data)["notes"]
        assert there.delete_profile(made.id)["left"] == 0
        assert held(there, made.id) == [[], [], []]


def test_a_bundle_without_notes_is_the_one_of_old(store: Store) -> None:
    desk = full_desk(store)
    assert "notes" not in bundle_format.unpack(write_bundle(store, desk.profile))


def line(told: dict[str, Any], **changed: Any) -> bytes:
    return json.dumps({**told, **changed}).encode() + b"\n"


def test_notes_that_make_no_sense_leave_no_trace(store: Store) -> None:
    desk = full_desk(store)
    parts = bundle_format.unpack(write_bundle(store, desk.profile))
    before = everything(store)
    for body in (
        line(POINT, what="start"), line(POINT, what="helps others start"), line(POINT, what=[]),
        line(POINT, what="description"), line(POINT, medium="video"), line(POINT, medium=1),
        line(POINT, plane=None), line(POINT, plane=["length"]), line(POINT, plane=["a", "a"]),
        line(POINT, plane=["a", "b", "c"]), line(POINT, plane=["a", 1]),
        line(POINT, plane=["a", "x" * 41]), line(POINT, plane=["", "b"]),
        line(POINT, angle="30"), line(POINT, angle=True), line(POINT, angle=float("nan")),
        line(POINT, angle=361), line(POINT).replace(b"30.5", b"1e999"), line(POINT, run="rm"),
        line(POINT) * 2, line(POINT)[:-1], line(WORDS, text=""), line(WORDS, text=" x"),
        line(WORDS, text="x" * 601), line(WORDS, text="two\nlines"), line(WORDS, text=None),
        line(WORDS, text="\ud800"), line(WORDS, angle=1), b"{}\n", b"[]\n", b"7\n", b"\n",
    ):  # fmt: skip
        with pytest.raises(BadBundle) as wrong:
            read_bundle(store, desk.user, bundle_format.pack({**parts, "notes": body}))
        assert 10 < len(str(wrong.value)) < 400, body
        assert everything(store) == before, body
    good = bundle_format.pack({**parts, "notes": line(WORDS, text="x" * 600) + line(POINT)})
    made = read_bundle(store, desk.user, good)
    assert [len(notes) for notes in held(store, made.id)] == [1, 1, 0]
