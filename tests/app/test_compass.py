"""The compass: the direction of the answers, the hand kept durably, and what both lead to."""

import hashlib
from typing import Any

import numpy as np
import pytest

from app.compass import Compass, around, pointed
from app.create import turned
from app.tastes import features, taste_of
from engine.starter import axes
from tests.app.people import inky


def brief(studio: Any, user: int, key: Any, answers: int = 10) -> int:
    """Somebody simulated who always picks the shortest passage."""
    made = int(studio.new_profile(user)["id"])
    question = studio.question(user, made, "text")
    for _ in range(answers):
        best = min(question["items"], key=lambda i: len(i["text"].split()))
        body = {"picks": [best["id"]]}
        question = studio.answer(user, question["id"], body, key=key())["next"]
    return made


def seen(told: dict[str, Any], angle: float) -> list[dict[str, Any]]:
    """What the page shows for an angle: the best of different groups."""
    v, groups, out = pointed(angle), set(), []
    for item in sorted(told["items"], key=lambda i: -(i["x"] * v[0] + i["y"] * v[1])):
        if item["group"] not in groups and len(out) < told["shown"]:
            groups.add(item["group"])
            out.append(item)
    return out


def test_the_answers_point_and_the_hand_points_elsewhere(studio: Any, user: int, key: Any) -> None:
    profile, compass = brief(studio, user, key), Compass(studio)
    told = compass.show(user, profile, "text")
    assert told["answers"] == 10 and told["hand"] is None and "length" in told["plane"]
    length = next(a for a in told["axes"] if a["name"] == "length")
    assert length["high"] < 0, "the short ones were picked"
    told = compass.show(user, profile, "text", ("length", "questions"))
    assert abs(told["fitted"]["angle"]) > 90, "towards short"
    assert told["fitted"]["low"] < told["fitted"]["angle"] < told["fitted"]["high"]
    made = compass.point(user, profile, "text", ("length", "warmth"), 45.0)
    assert made["words"] in ("long and warm", "warm and long")
    again = Compass(studio).show(user, profile, "text")
    assert again["hand"] == {"plane": ["length", "warmth"], "angle": 45.0}
    assert again["plane"] == ["length", "warmth"]
    assert Compass(studio).show(user, profile, "picture")["hand"] is None
    compass.release(user, profile, "text")
    assert Compass(studio).show(user, profile, "text")["hand"] is None


def test_what_an_angle_shows_is_the_best_of_the_whole_pool(studio: Any, user: int) -> None:
    profile, compass = int(studio.new_profile(user)["id"]), Compass(studio)
    told = compass.show(user, profile, "picture", ("detail", "lightness"))
    assert told["fitted"]["high"] - told["fitted"]["low"] == pytest.approx(324.0)
    pool = compass._pool["picture"]
    flat = pool.matrix[:, [4, 1]].astype(np.float64)
    for angle in (0, 37, 181, 300):
        first = seen(told, angle)[0]
        scores = flat @ pointed(angle)
        assert scores[pool.rows([first["id"]])[0]] == pytest.approx(scores.max(), abs=2e-3)
        assert len(seen(told, angle)) == 6
    dark = studio.shelves.candidate(seen(told, 270)[0]["id"])
    assert dark.attributes["style"] in ("ink", "stencil")
    assert len(told["items"]) < 500


def test_around_by_hand() -> None:
    """Four corners of a square, two of one group: each is the best one somewhere."""
    flat = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0], [0.1, 0.1]])
    assert sorted(around(flat, np.array([0, 1, 2, 3, 4]), 1)) == [0, 1, 2, 3]
    # One of a group at a time: with three corners of one group, none of them is second to another.
    crowded = around(flat, np.array([0, 0, 0, 1, 2]), 2)
    assert sorted(crowded) == [0, 1, 2, 3, 4]


def test_the_compass_bends_what_create_would_choose(studio: Any, user: int, key: Any) -> None:
    profile, compass = brief(studio, user, key), Compass(studio)
    taste = taste_of(studio, profile, "text")
    assert compass.leaning(profile, "text", taste) == (taste, "")
    pool = studio.shelves.pool("text")
    lengths = np.array([len(r["text"].split()) for r in pool.records])
    before = np.corrcoef(taste.score(pool.features)[0], lengths)[0, 1]
    compass.point(user, profile, "text", ("length", "questions"), 0.0)
    bent, said = compass.leaning(profile, "text", taste)
    after = np.corrcoef(bent.score(pool.features)[0], lengths)[0, 1]
    assert said == "long" and before < -0.5 and after > before + 0.5
    compass.release(user, profile, "text")
    assert compass.leaning(profile, "text", taste)[1] == ""


def test_create_says_so_and_finds_other_things(
    studio: Any, user: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is asked next depends on when a full fit behind one's back is done; here none is made.
    monkeypatch.setattr(studio.ahead, "do", lambda *_: None)
    profile = inky(studio, user, key, 12)
    wanted = {"medium": "picture", "prompt": "an animal", "n": 6, "strength": 1.0, "seed": 1,
              "depth": "instant", "max_tokens": 8}  # fmt: skip

    def made() -> tuple[list[str], list[int]]:
        lines = list(studio.generate(user, profile, dict(wanted), lambda: False))
        found = [line["item"]["id"] for line in lines
                 if line["type"] == "sample" and line["side"] == "personal"]  # fmt: skip
        return [line["text"] for line in lines if line["type"] == "note"], found

    notes, before = made()
    assert not any("compass" in n for n in notes)
    Compass(studio).point(user, profile, "picture", ("colourfulness", "lightness"), 45.0)
    notes, after = made()
    assert "Your compass is set by hand: light and colourful." in notes or (
        "Your compass is set by hand: colourful and light." in notes
    )
    colour = axes.names("picture").index("colourfulness")
    compass = Compass(studio)
    compass.show(user, profile, "picture")
    pool = compass._pool["picture"]
    assert pool.of(after)[:, colour].mean() > pool.of(before)[:, colour].mean() + 0.5


def test_own_things_count_and_deleted_ones_do_not_break_it(
    studio: Any, user: int, key: Any
) -> None:
    profile = inky(studio, user, key)
    compass = Compass(studio)
    one = compass.belief(profile, "picture")[0]
    names = [a["name"] for a in compass.show(user, profile, "picture")["axes"]]
    assert one.mean[names.index("colourfulness")] < 0, "ink has no colour"
    assert compass._measured("picture", 10**9) is None
    own = "One word? Yes!"
    digest = hashlib.sha256(own.encode()).hexdigest()
    row = studio.shelves.new_item(digest, "", own, "own", {}, None)
    item = int(studio.store.add_items("text", [row], user, profile)[0])
    found = compass._measured("text", item)
    assert found is not None and found[0] == -axes.CLIP and found[-1] == axes.CLIP


@pytest.mark.parametrize("kind", ["picture", "text"])
def test_a_group_is_that_of_the_thing_itself(studio: Any, user: int, kind: Any) -> None:
    """The collection has records that no shelf shows: a row is not the number of a record."""
    profile, compass = int(studio.new_profile(user)["id"]), Compass(studio)
    told = compass.show(user, profile, kind)
    for angle in range(0, 360, 5):
        about = [studio.shelves.candidate(i["id"]).attributes for i in seen(told, angle)]
        names = [a.get("concept") or a.get("task") for a in about]
        assert len(set(names)) == len(names) == told["shown"], (angle, names)
    ids, records = compass._pool[kind].ids, compass._records[kind]
    assert [studio.shelves.candidate(int(i)).hash for i in ids] == [r["hash"] for r in records]


def test_nothing_is_measured_twice(
    studio: Any, user: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create, the axes and the page ask the same compass, and each thing is looked at once."""
    profile, compass = brief(studio, user, key, 3), Compass.of(studio)
    measured, laid = [], []
    inner, starter = axes.measured, Compass._starter
    monkeypatch.setattr(axes, "measured", lambda *a: (measured.append(a), inner(*a))[1])
    monkeypatch.setattr(Compass, "_starter", lambda *a: (laid.append(a[1]), starter(*a))[1])
    own = "One word? Yes!"
    digest = hashlib.sha256(own.encode()).hexdigest()
    row = studio.shelves.new_item(digest, "", own, "own", {}, None)
    item = int(studio.store.add_items("text", [row], user, profile)[0])
    compass.point(user, profile, "text", ("length", "questions"), 0.0)
    for _ in range(3):
        assert turned(studio, profile, "text")[1] == "long"
        assert len(features(studio, profile, "text", "axes:text"))
        Compass.of(studio).show(user, profile, "text")
        assert Compass.of(studio)._measured("text", item) is not None
    assert len(measured) == 1 and laid == ["text"]


def test_routes(client: Any) -> None:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    door = f"/api/v1/profiles/{made}/compass"
    told = client.get(f"{door}?medium=text&plane=warmth&plane=length").json()
    assert told["plane"] == ["warmth", "length"] and told["items"][0]["text"]
    body = {"medium": "text", "plane": ["warmth", "length"], "angle": 270}
    assert client.post(door, json=body).json() == {
        "hand": {"plane": ["warmth", "length"], "angle": 270.0}, "words": "short"}  # fmt: skip
    assert client.get(f"{door}?medium=text").json()["hand"]["angle"] == 270.0
    assert client.post(f"{door}/release", json={"medium": "text"}).json()["hand"] is None
    assert client.get(f"{door}?medium=text").json()["hand"] is None
    for wrong in ({"plane": ["warmth", "warmth"]}, {"plane": ["warmth", "rhyme"]},
                  {"plane": ["warmth"]}, {"angle": 1000}, {"angle": "north"}):  # fmt: skip
        assert client.post(door, json={**body, **wrong}).status_code == 422
    assert client.get(f"{door}?medium=text&plane=warmth").status_code == 422
    assert client.get(f"/api/v1/profiles/{made + 7}/compass").status_code == 404
    assert client.post(f"/api/v1/profiles/{made + 7}/compass", json=body).status_code == 404
