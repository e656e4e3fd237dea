"""Drawn for you: what is drawn ahead waits its turn, yields to people, counts as nothing yet."""

import threading
import time
from functools import cache
from typing import Any

import numpy as np
import pytest

from app import drawing
from app.fresh import LATER, PAIRS, QUIET, RULE, SHARE, Fresh, apart
from app.making import Unavailable
from app.mind import Plan
from app.wire import Bad
from engine.data import Outcome
from engine.starter.drawer.known import starter
from tests.app.people import inky

ONCE, AFTER = cache(starter), Fresh.after


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.starter.drawer.known.starter", ONCE)


@pytest.fixture
def profile(studio: Any, user: int, key: Any) -> int:
    made = inky(studio, user, key)
    studio.ahead.settle()
    return made


def answered(studio: Any, user: int, profile: int, key: Any, n: int) -> list[Any]:
    """n answers as the page gives them; the questions that were asked."""
    question, asked = studio.question(user, profile, "picture"), []
    for _ in range(n):
        asked.append(question)
        picks = {"picks": [question["items"][0]["id"]]}
        question = studio.answer(user, question["id"], picks, key=key())["next"]
        studio.ahead.settle()
    return asked


def test_what_was_drawn_is_asked_in_pairs_and_at_most_so_often(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    mind = studio.minds.seat(profile, "picture").mind
    before, mean = len(mind.shelf.features), mind.linear.mean.copy()
    assert studio.fresh.draw(user, profile)
    made = list(studio.fresh._pairs[profile])
    assert 1 <= len(made) <= PAIRS and len(mind.shelf.features) == before + 2 * len(made)
    assert mind.answers == 6 and (mind.linear.mean == mean).all(), "nothing is liked by drawing it"
    asked = answered(studio, user, profile, key, 24)
    drawn = [k for k, q in enumerate(asked) if q["rule"] == RULE]
    assert drawn and len(drawn) == len(made)
    assert all(b - a >= SHARE for a, b in zip(drawn, drawn[1:], strict=False))
    first = asked[drawn[0]]
    assert [i["mark"] for i in first["items"]] == ["drawn for you"] * 2
    assert {i["id"] for i in first["items"]} in [set(pair) for pair in made]
    one, other = (studio.shelves.candidate(i["id"]) for i in first["items"])
    assert one.prompt == other.prompt and one.attributes["made"] == "generated"
    told = one.attributes["drawn"]
    assert told["prompt"] == one.prompt and told["seed"] == other.attributes["drawn"]["seed"]
    assert told["styles"] or told["facts"]


def test_a_restart_keeps_the_share_and_knows_what_was_asked(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    studio.fresh.draw(user, profile)
    asked = answered(studio, user, profile, key, 9)
    at = max(k for k, q in enumerate(asked) if q["rule"] == RULE)
    mind = studio.minds.seat(profile, "picture").mind
    since = mind.asked - studio.fresh._last_asked(profile, mind.asked)
    assert since == min(SHARE, len(asked) - 1 - at)
    studio.minds.forget(profile)
    again = studio.minds.seat(profile, "picture").mind
    np.testing.assert_allclose(again.linear.mean, mind.linear.mean, atol=1e-6)


def test_nothing_is_drawn_while_a_person_draws_and_it_stops_when_one_wants_to(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio.maker.slot():
        assert not studio.fresh.draw(user, profile)
    began, got = threading.Event(), threading.Event()
    stream = ONCE().stream

    def slow(rows: Any, seeds: Any, asked: Any) -> Any:
        for sample in stream(rows, seeds, asked):
            if not began.is_set():
                began.set()
                waiting = threading.Thread(target=person)
                waiting.start()
                while not asked.cancelled():
                    pass
            yield sample

    def person() -> None:
        with studio.maker.slot():
            got.set()

    monkeypatch.setattr(ONCE(), "stream", slow)
    assert not studio.fresh.draw(user, profile)
    assert got.wait(30) and not studio.fresh._pairs[profile]


def test_it_stops_when_the_person_chooses_on(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, looks = ONCE().stream, 0

    def watched(rows: Any, seeds: Any, asked: Any) -> Any:
        nonlocal looks
        for sample in stream(rows, seeds, asked):
            looks += 1
            studio.fresh._stir()
            yield sample

    monkeypatch.setattr(ONCE(), "stream", watched)
    assert not studio.fresh.draw(user, profile) and not studio.fresh._pairs[profile]
    assert 0 < looks < 16, "it ends within a step or two"


def test_a_step_waits_for_answers_a_setting_and_a_quiet_machine(
    studio: Any, user: int, profile: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drew: list[int] = []
    later: list[int] = []
    monkeypatch.setattr(studio.fresh, "draw", lambda _user, who: drew.append(who) or True)
    monkeypatch.setattr(studio.fresh.ahead, "do", lambda who, _work, _quiet: later.append(who))
    monkeypatch.setattr(studio.fresh, "busy", lambda: True)
    studio.fresh._step(user, profile)
    assert (drew, later) == ([], [profile])
    monkeypatch.setattr(studio.fresh, "busy", lambda: False)
    newcomer = inky(studio, user, key, answers=2)
    studio.fresh._step(user, newcomer)
    assert drew == []
    assert studio.fresh.switch(user, False) == {"on": False, "ships": True, "share": "1 in 6"}
    studio.fresh._step(user, profile)
    assert drew == []
    studio.fresh.switch(user, True)
    monkeypatch.setattr(drawing, "ready", lambda _studio: False)
    studio.fresh._step(user, profile)
    assert drew == []
    monkeypatch.setattr(drawing, "ready", lambda _studio: True)
    studio.fresh._step(user, profile)
    assert drew == [profile]


def test_a_training_is_busy_enough(studio: Any, user: int, profile: int, key: Any,
                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    assert not studio.fresh.busy()
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))
    assert studio.fresh.busy()
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    job = studio.store.work.add_job(user, "tune", {}, profile)
    studio.store.work.change_job(job, "running")
    assert studio.fresh.busy()
    studio.store.work.change_job(job, "done")


def test_switched_off_what_waits_is_never_asked(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    studio.fresh.draw(user, profile)
    studio.fresh.switch(user, False)
    assert not any(q["rule"] == RULE for q in answered(studio, user, profile, key, 12))


def test_a_switch_just_before_the_drawing_begins_holds(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late() -> bool:
        studio.fresh.switch(user, False)
        return False

    monkeypatch.setattr(studio.fresh, "busy", late)
    studio.fresh._step(user, profile)
    assert not studio.fresh._pairs[profile]


def test_a_switch_while_drawings_are_stored_holds(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, off = studio.shelves.add_drawn, []

    def slow(*given: Any) -> Any:
        off.append(threading.Thread(target=studio.fresh.switch, args=(user, False)))
        off[0].start()
        off[0].join(0.3)
        return keep(*given)

    monkeypatch.setattr(studio.shelves, "add_drawn", slow)
    studio.fresh.draw(user, profile)
    off[0].join(30)
    assert not studio.fresh._pairs[profile] and not studio.fresh.on(user)


def test_what_was_planned_before_the_switch_is_planned_anew(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    studio.fresh.draw(user, profile)
    seat = studio.minds.seat(profile, "picture")
    for _ in range(3 * SHARE):
        if isinstance(seat.ready, Plan) and seat.ready.rule == RULE:
            break
        answered(studio, user, profile, key, 1)
    else:
        pytest.fail("no drawn pair was planned")
    studio.fresh.switch(user, False)
    assert not any(q["rule"] == RULE for q in answered(studio, user, profile, key, 3))


def test_a_model_that_cannot_be_loaded_is_no_fault_of_the_background(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> Any:
        raise Unavailable("the model is damaged")

    later: list[int] = []
    monkeypatch.setattr(studio.fresh, "busy", lambda: False)
    monkeypatch.setattr(studio.fresh.ahead, "do", lambda who, *_: later.append(who))
    monkeypatch.setattr(studio.fresh, "_pictures", gone)
    studio.fresh._step(user, profile)
    assert later == [] and not studio.maker.busy(), "it is not tried again before the next answer"


def test_nothing_comes_in_for_a_taste_that_was_deleted_meanwhile(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> int:
        counted = "SELECT count(*) FROM embeddings"
        return int(studio.store.read(lambda db: db.execute(counted).fetchone()[0]))

    def files() -> set[Any]:
        return {p for p in studio.store.folder.rglob("media/*") if p.is_file()}

    item = int(studio.shelves.starter("picture").features.ids[0])
    studio.captions.put(user, profile, item, "my own words")
    studio.captions.of(profile)
    before, made = (rows(), files()), studio.fresh._pictures

    def last(*asked: Any) -> Any:
        found = made(*asked)
        studio.delete_profile(user, profile)
        return found

    monkeypatch.setattr(studio.fresh, "_pictures", last)
    assert not studio.fresh.draw(user, profile)
    assert (rows(), files()) == before
    assert not studio.fresh._pairs.get(profile) and profile not in studio.captions._known


def test_what_is_added_while_drawings_are_stored_stays_on_the_shelf(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    blob, keep, own = drawing.from_url(drawing.as_url(noise)), studio.shelves._keep_pictures, []

    def slow(who: Any, blobs: Any, made: str, abouts: Any) -> Any:
        found = keep(who, blobs, made, abouts)
        if made == "generated":
            own.extend(studio.add_pictures(user, profile, [("own.png", blob)])["items"])
        return found

    monkeypatch.setattr(studio.shelves, "_keep_pictures", slow)
    assert studio.fresh.draw(user, profile)
    features = studio.shelves.of_user(user, "picture").features
    assert own[0]["id"] in features
    assert all(i in features for pair in studio.fresh._pairs[profile] for i in pair)


def test_two_alike_are_no_question() -> None:
    one = np.zeros((4, 4, 3), np.uint8)
    assert apart(one, one) == 0.0 and apart(one, one + 255) == 255.0


def test_other_tastes_of_the_same_person_go_on(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    other = inky(studio, user, key)
    studio.fresh.draw(user, profile)
    assert not any(q["rule"] == RULE for q in answered(studio, user, other, key, 12))
    for each in (profile, other):
        told = studio.belief(user, each, "picture")
        best = [studio.shelves.candidate(row["id"]) for row in told["best"]]
        assert all(c.attributes["made"] == "starter" for c in best)


def test_captions_are_a_persons_own_and_the_newest_counts(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    question = studio.question(user, profile, "picture")
    item, before = question["items"][0]["id"], question["items"][0]["prompt"]
    assert studio.captions.of(profile) == {}
    studio.captions.put(user, profile, item, "  a  red   one ")
    studio.captions.put(user, profile, item, "a small red one")
    shown = studio.question(user, profile, "picture")["items"][0]
    assert (shown["caption"], shown["prompt"]) == ("a small red one", before)
    studio.captions.forget(profile)
    assert studio.captions.of(profile) == {item: "a small red one"}
    assert studio.captions.of(inky(studio, user, key, 1)) == {}
    assert studio.captions.put(user, profile, item, " ")["caption"] == before
    assert studio.captions.of(profile) == {}
    gone = studio.delete_profile(user, profile)
    assert gone["left"] == 0 and gone["removed"]["events"] == 3


def test_captions_go_along_in_a_taste_file(studio: Any, user: int, profile: int) -> None:
    item = studio.question(user, profile, "picture")["items"][0]["id"]
    studio.captions.put(user, profile, item, "a small red one")
    made = studio.import_bundle(user, studio.export(user, profile)[0])["id"]
    assert studio.captions.of(made) == {item: "a small red one"}
    with pytest.raises(Bad, match="200 characters"):
        studio.captions.put(user, made, item, "x" * 201)
    assert studio.captions.of(made) == {item: "a small red one"}


def test_a_caption_is_what_a_picture_is_learnt_under(studio: Any, user: int, profile: int,
                                                     key: Any) -> None:  # fmt: skip
    """Founding paper 4: each picture of a pair under its own caption."""
    orders = studio.keeping.pictures
    cats = [i for i in map(int, studio.shelves.starter("picture").features.ids)
            if orders._drawable(studio.shelves.candidate(i))][:2]  # fmt: skip
    asked = studio.store.add_question(profile, "picture", cats, "uniform")
    studio.answer(user, asked.id, {"picks": [cats[0]]}, key=key())
    studio.captions.put(user, profile, cats[0], "mine alone")
    hashes = tuple(studio.shelves.candidate(i).hash for i in cats)
    plain, own = (
        [
            e
            for e in orders.examples(profile, captions)
            if e.texts == hashes and e.source == "person"
        ]
        for captions in (False, True)
    )
    other = studio.shelves.candidate(cats[1]).prompt
    assert [e.prompts for e in own] == [("mine alone", other)]
    assert all("mine alone" not in (e.prompt, *e.prompts) for e in plain)


def test_the_routes_of_captions_and_the_switch(
    client: Any, studio: Any, user: int, key: Any
) -> None:
    profile = inky(studio, user, key, 1)
    item = studio.question(user, profile, "picture")["items"][0]["id"]
    at = f"/api/v1/profiles/{profile}/captions"
    assert client.post(at, json={"item": item, "words": "mine"}).json()["caption"] == "mine"
    text = studio.question(user, profile, "text")["items"][0]["id"]
    refused: tuple[tuple[dict[str, Any], int], ...] = (
        ({"item": text, "words": "x"}, 422),
        ({"item": 10**9, "words": "x"}, 404),
        ({"item": item, "words": "x" * 201}, 422),
        ({"words": "x"}, 422),
    )
    for body, status in refused:
        assert client.post(at, json=body).status_code == status, body
    other = studio.new_profile(studio.store.put_user("other", "x"))["id"]
    assert client.post(f"/api/v1/profiles/{other}/captions",
                       json={"item": item, "words": "x"}).status_code == 404  # fmt: skip
    assert client.get("/api/v1/drawn-for-you").json()["on"] is True
    assert client.post("/api/v1/drawn-for-you", json={"on": False}).json()["on"] is False
    assert client.get("/api/v1/drawn-for-you").json()["on"] is False


def test_a_pick_between_drawings_is_learnt_like_any_other(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    studio.fresh.draw(user, profile)
    pair = studio.fresh._pairs[profile][0]
    asked = studio.store.add_question(profile, "picture", pair, RULE)
    mind = studio.minds.seat(profile, "picture").mind
    before = mind.predict(asked, Outcome((pair[0],)))
    studio.answer(user, asked.id, {"picks": [pair[0]]}, key=key())
    assert mind.predict(asked, Outcome((pair[0],))) > before


def test_nothing_is_drawn_for_who_left_nor_while_another_person_chooses(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    later: list[float] = []
    monkeypatch.setattr(studio.fresh, "draw", lambda _user, who: drawn.append(who) is None)
    monkeypatch.setattr(studio.fresh, "busy", lambda: False)
    monkeypatch.setattr(studio.fresh.ahead, "do", lambda *given: later.append(given[2]))
    AFTER(studio.fresh, user, profile + 1)
    studio.fresh._step(user, profile)
    assert (drawn, later) == ([], [QUIET, LATER]), "it would only be called off"
    monkeypatch.setattr(studio.fresh, "_last", (profile + 1, time.monotonic() - QUIET))
    studio.minds.forget(profile)
    studio.fresh._step(user, profile)
    assert drawn == [] and studio.minds.loaded(profile) == [] and len(later) == 2
    studio.minds.seat(profile, "picture")
    studio.fresh._step(user, profile)
    assert drawn == [profile] and len(later) == 2
