"""The verbs of a person, without HTTP: restart, repeats, likes, own things, another user's."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.drawing import from_url
from app.studio import Studio
from app.wire import Bad, Missing

ROOT = Path(__file__).resolve().parent.parent.parent


def picks(question: Any) -> dict[str, Any]:
    """Always the items with the smallest ids: a person of firm principles."""
    ids = sorted(i["id"] for i in question["items"])
    return {"picks": ids[: 3 if question["kind"] == "grid" and len(ids) > 3 else 1]}


def go(studio: Any, user: int, profile: int, key: Callable[[], str], n: int) -> Any:
    question = studio.question(user, profile, "picture")
    for _ in range(n):
        made = studio.answer(user, question["id"], picks(question), key=key())
        question = made["next"]
    return question


def mind(studio: Any, profile: int) -> Any:
    return studio.minds.seat(profile, "picture").mind


def test_a_restart_brings_the_same_belief_back(tmp_path: Path, stocked: Path, key: Any) -> None:
    import shutil

    shutil.copytree(stocked, tmp_path / "data")
    with Studio.open(tmp_path / "data") as one:
        user = one.store.local_user()
        profile = one.new_profile(user)["id"]
        question = go(one, user, profile, key, 11)
        one.ahead.settle()
        before = mind(one, profile)
    with Studio.open(tmp_path / "data") as two:
        again = two.question(user, profile, "picture")
        after = mind(two, profile)
        assert again["id"] == question["id"]
        assert (after.answers, after.picks, after.every) == (
            before.answers, before.picks, before.every
        )  # fmt: skip
        np.testing.assert_allclose(after.linear.mean, before.linear.mean, atol=1e-8)


def test_undo_and_redo_give_the_same_belief(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 4)
    studio.ahead.settle()
    before = mind(studio, profile).linear.mean.copy()
    studio.undo(user, profile, "picture", key())
    assert not np.allclose(mind(studio, profile).linear.mean, before)
    studio.redo(user, profile, "picture", key())
    np.testing.assert_allclose(mind(studio, profile).linear.mean, before, atol=0.05)


def test_pairs_come_back_swapped_and_agreement_is_counted(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    question, repeats = studio.question(user, profile, "picture", "pair"), []
    for _ in range(30):
        if question["rule"] == "repeat":
            repeats.append(question)
        studio.answer(user, question["id"], picks(question), key=key())
        question = studio.question(user, profile, "picture", "pair")
    assert repeats
    asked = studio.store.question(repeats[0]["id"])
    first = studio.store.question(asked.repeat_of)
    assert first.items == asked.items[::-1]
    seen = studio.belief(user, profile, "picture")["self_agreement"]
    assert seen["of"] >= 1 and seen["agreed"] == seen["of"]


def test_strength_zero_is_the_plain_result(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 3)
    made = {s: _make(studio, user, profile, s) for s in (0.0, 1.0)}
    assert made[0.0]["personal"] == made[0.0]["plain"]
    # In a pass of other size a last bit, and with it a pixel's shade, may be another.
    assert all(map(nearly, made[0.0]["plain"], made[1.0]["plain"]))
    assert not all(map(nearly, made[1.0]["personal"], made[1.0]["plain"]))


def nearly(one: Any, other: Any) -> bool:
    """The same item, or drawings no two pixels of which are more than a shade apart."""
    if isinstance(one, int) or isinstance(other, int):
        return bool(one == other)
    a, b = (np.asarray(Image.open(io.BytesIO(from_url(u)))).astype(int) for u in (one, other))
    return int(np.abs(a - b).max()) <= 1


def _make(studio: Any, user: int, profile: int, strength: float) -> dict[str, list[Any]]:
    wanted = {"medium": "picture", "prompt": "the sea", "n": 4, "strength": strength, "seed": 3,
              "depth": None, "max_tokens": 20}  # fmt: skip
    out: dict[str, list[Any]] = {"plain": [], "personal": []}
    for line in studio.generate(user, profile, wanted, lambda: False):
        if line["type"] == "sample":
            out[line["side"]].append(line["item"]["id"] if "item" in line else line["image"])
    return out


def test_a_like_is_an_answer_and_can_be_undone(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    question = go(studio, user, profile, key, 2)
    _make(studio, user, profile, 1.0)
    liked = studio.like(user, profile, (1, "personal", 0), True, key())
    disliked = studio.like(user, profile, (1, "personal", 1), False, key())
    assert (liked["seq"], disliked["seq"]) == (3, 4)
    again = studio.like(user, profile, (1, "personal", 2), True, "the-same-key")
    twice = studio.like(user, profile, (1, "personal", 2), True, "the-same-key")
    assert (again["seq"], twice["seq"], twice["duplicate"]) == (5, 5, True)
    assert mind(studio, profile).answers == 5
    assert studio.question(user, profile, "picture")["id"] == question["id"]
    with pytest.raises(Missing, match="no plain result 9"):
        studio.like(user, profile, (1, "plain", 9), True, key())


def test_a_liked_drawing_is_judged_among_drawings(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 2)
    made = _make(studio, user, profile, 1.0)
    drawn = [k for k, r in enumerate(made["personal"]) if isinstance(r, str)]
    assert len(drawn) == 4 and str(made["plain"][drawn[0]]).startswith("data:image/png;base64,")
    assert made["personal"][drawn[0]] != made["plain"][drawn[0]]
    before = len(studio.shelves.of_user(user, "picture").features)
    liked = studio.like(user, profile, (1, "personal", drawn[0]), True, key())
    assert liked["seq"] == 3
    asked = studio.store.comparisons(profile, "picture")[-1]
    new = [studio.shelves.candidate(i) for i in asked.question.items]
    assert all(c.attributes.get("made") == "generated" for c in new)
    assert len(studio.shelves.of_user(user, "picture").features) == before + len(new)


def test_own_pictures_are_compared_like_the_rest(studio: Any, user: int) -> None:
    profile = studio.new_profile(user)["id"]
    before = len(studio.shelves.of_user(user, "picture").features)
    blobs = [(f"own{k}.png", _png((40 * k, 90, 200))) for k in range(3)]
    made = studio.add_pictures(user, profile, blobs)["items"]
    shelf = studio.shelves.of_user(user, "picture")
    assert len(shelf.features) == before + 3
    assert studio.media(user, made[0]["id"])[0][:4] == b"RIFF"
    again = studio.add_pictures(user, profile, blobs)["items"]
    assert [m["id"] for m in again] == [m["id"] for m in made]
    bundle, _, _ = studio.export(user, profile)
    assert studio.import_bundle(user, bundle)["id"] != profile


def _png(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, "PNG")
    return out.getvalue()


def test_own_texts_are_compared_like_the_rest(studio: Any, user: int) -> None:
    profile = studio.new_profile(user)["id"]
    made = studio.add_texts(user, profile, ["One line of mine.", "Another line!"])["items"]
    assert [m["text"] for m in made] == ["One line of mine.", "Another line!"]
    with pytest.raises(Bad, match="empty"):
        studio.add_texts(user, profile, ["  "])


def test_another_user_finds_nothing(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    question = studio.question(user, profile, "picture")
    item = studio.add_texts(user, profile, ["A private line of mine."])["items"][0]["id"]
    other = studio.store.put_user("other", "x")
    for attempt in (
        lambda: studio.profile(other, profile),
        lambda: studio.question(other, profile, "picture"),
        lambda: studio.answer(other, question["id"], picks(question), key=key()),
        lambda: studio.undo(other, profile, "picture", key()),
        lambda: studio.belief(other, profile, "picture"),
        lambda: studio.change_profile(other, profile, {"name": "mine"}),
        lambda: studio.delete_profile(other, profile),
        lambda: studio.export(other, profile),
        lambda: studio.media(other, item),
        lambda: list(studio.generate(other, profile, {"medium": "picture"}, lambda: False)),
    ):
        with pytest.raises(Missing):
            attempt()


def test_restore_takes_answers_back_one_row_each(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 8)
    studio.ahead.settle()
    version = studio.belief(user, profile, "picture")["versions"][-1]
    question = studio.question(user, profile, "picture")
    studio.answer(user, question["id"], picks(question), key=key())
    made = studio.restore(user, profile, version["id"])
    rows = studio.store.answer_rows(profile)
    assert made["taken_back"] == 9 - version["seq"]
    assert sum(r["act"] == "undo" for r in rows) == made["taken_back"]
    assert mind(studio, profile).seq == version["seq"]
    studio.redo(user, profile, "picture", key())
    assert studio.restore(user, profile, version["id"])["taken_back"] == 1


def test_a_drawing_that_is_not_what_its_name_says_is_on_no_shelf(studio: Any, user: int) -> None:
    from engine.starter.pool import MISNAMED

    pool = studio.shelves.pool("picture")
    shelf = studio.shelves.of_user(user, "picture")
    shown = {studio.shelves.candidate(int(i)).hash for i in shelf.features.ids}
    assert MISNAMED <= {r["hash"] for r in pool.records}
    assert shown == {r["hash"] for r in pool.records} - MISNAMED
    assert len(studio.shelves.axes("picture")) == len(pool.stat_names)


def test_a_long_history_is_fitted_after_every_quarter_of_it(
    studio: Any, user: int, monkeypatch: Any
) -> None:
    """Every eighth answer at first; after 160 the next 53rd, or every fit would cost more."""
    profile = studio.new_profile(user)["id"]
    asked = studio.minds.question(profile, "picture")
    seat = studio.minds.seat(profile, "picture")
    due: list[float] = []
    monkeypatch.setattr(studio.ahead, "slowly", lambda key, work, quiet=0.0: due.append(quiet))
    for before, more in ((0, 24), (160, 60)):
        due.clear()
        seat.mind.answers = seat.fitted = before
        for _ in range(more):
            seat.mind.answers += 1
            studio.minds._after(seat, asked)
        assert [k + 1 for k, quiet in enumerate(due) if quiet == 0.0] == (
            [8, 16, 24] if before == 0 else [53]
        )
