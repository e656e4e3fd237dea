"""Studies over HTTP: the door, consent, the plan kept over pauses, the log, who owns what."""

from pathlib import Path
from typing import Any

import pytest

from app.security import OPEN
from app.study import WRONG
from tests.app.study.conftest import Door
from tests.app.study.files import SECRET, UTILITY, Simulated, agree, answer, enter, rows, study


def test_a_visit_from_the_door_to_the_completion_code(door: Door, tmp_path: Path) -> None:
    client = door(study(tmp_path, codes=SECRET))
    told = enter(client, SECRET).json()
    assert told["stage"] == "consent" and len(told["paragraphs"]) == 2
    told = agree(client, told)
    assert told["stage"] == "instructions" and "question" not in told
    told = client.post("/api/v1/study/begin").json()
    assert told["stage"] == "question" and (told["place"], told["of"]) == (0, 13)
    assert set(told["question"]["items"][0]) == {"id", "text", "prompt", "own"}
    done = Simulated(UTILITY, 0.0, 1).sit(client, SECRET)
    assert done == {"stage": "done", "completion_code": "DONE-42", "title": "Short texts",
                    "language": ""}  # fmt: skip
    assert enter(door(tmp_path), SECRET).json()["completion_code"] == "DONE-42"


def test_whoever_does_not_agree_leaves_nothing(studio: Any, door: Door, tmp_path: Path) -> None:
    client = door(study(tmp_path, codes=SECRET))
    before = rows(studio, "SELECT count(*) FROM profiles, items, questions")
    assert enter(client, SECRET).json()["stage"] == "consent"
    assert client.post("/api/v1/study/begin").status_code == 422
    assert client.post("/api/v1/study/leave").json() == {"ok": True}
    assert client.get("/api/v1/study/state").status_code == 403
    assert rows(studio, "SELECT count(*) FROM profiles, items, questions") == before
    assert rows(studio, "SELECT count(*) FROM study_sessions, events") == [(0,)]


def test_consent_is_to_the_text_that_was_read(door: Door, tmp_path: Path) -> None:
    client = door(study(tmp_path, codes=SECRET))
    told = enter(client, SECRET).json()
    body = {"code": SECRET, "consent": "0" * 64, "language": "en"}
    reply = client.post("/api/v1/study/consent", json=body)
    assert reply.status_code == 422 and "changed meanwhile" in reply.json()["error"]
    body = {"code": "SOMEBODY", "consent": told["consent"], "language": "en"}
    assert client.post("/api/v1/study/consent", json=body).status_code == 422


def test_a_pause_on_another_device_goes_on_at_the_same_question(
    studio: Any, door: Door, tmp_path: Path
) -> None:
    path = study(tmp_path, codes=SECRET)
    stopped = Simulated(UTILITY, 0.0, 1).sit(door(path), SECRET, most=5)
    other = door(path)
    again = enter(other, SECRET).json()
    assert again["stage"] == "question" and again["place"] == 5
    assert again["question"] == stopped["question"]
    seen = rows(studio, "SELECT place, count(*) FROM study_views GROUP BY place")
    assert seen == [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2)], "a return is noted"
    late = answer(door(path), stopped, "skip")
    assert late.status_code == 403, "no pass, no answer"
    assert answer(other, again, "skip").json()["place"] == 6


def test_an_answer_is_stored_once_and_only_where_it_is_due(
    studio: Any, door: Door, tmp_path: Path
) -> None:
    client = door(study(tmp_path, codes=SECRET))
    first = Simulated(UTILITY, 0.0, 1).sit(client, SECRET, most=0)
    first = client.post("/api/v1/study/begin").json()
    replies = [answer(client, first, "skip").json() for _ in range(3)]
    assert {r["place"] for r in replies} == {1}
    assert rows(studio, "SELECT count(*) FROM answers") == [(1,)]
    again = answer(client, first, "skip", idempotency_key="another-key")
    assert again.status_code == 409 and "load the page again" in again.json()["error"]
    ahead = rows(studio, "SELECT question_id FROM study_questions WHERE place = 4")[0][0]
    told = {"question": {"id": ahead}}
    assert answer(client, told, "skip").status_code == 409
    assert answer(client, {"question": {"id": 99999}}, "skip").status_code == 404


def test_answers_are_rows_of_the_log_and_no_belief_is_fitted(
    studio: Any, user: int, door: Door, tmp_path: Path
) -> None:
    path = study(tmp_path, 'confidence = "1-100"\n', codes=SECRET)
    Simulated(UTILITY, 0.0, 1).sit(door(path), SECRET, confidence=64)
    studio.ahead.settle()
    profile = rows(studio, "SELECT profile_id FROM study_sessions")[0][0]
    log = studio.store.answer_rows(profile)
    assert len(log) == 13 and {r["source"] for r in log} == {"study"}
    assert {r["extra"]["confidence"] for r in log} == {64} and log[0]["predicted"] is None
    assert studio.store.versions(profile, "text") == [] and studio.minds.loaded(profile) == []
    assert studio.profiles(user) == [], "the researcher's own list stays their own"
    assert SECRET.encode() not in (studio.store.folder / "penchant.db").read_bytes()
    assert studio.shelves.of_user(user, "text") is studio.shelves.starter("text")


@pytest.mark.parametrize(
    ("top", "outcome", "more", "says"),
    [
        ('answers = ["skip"]\n', "both_good", {}, "not among the answers"),
        ('answers = ["tie"]\n', "skip", {}, "not among the answers"),
        ("", "PICK", {"strength": 2}, "strength must be 1"),
        ("", "PICK", {"confidence": 50}, "not asked here"),
        ('confidence = "1-100"\n', "PICK", {}, "confidence is missing"),
        ("", {"picks": [1, 2]}, {}, "distinct ids out of those shown"),
    ],
)
def test_only_the_answers_of_the_study_are_taken(  # noqa: PLR0913 - a row of the table is these
    door: Door, tmp_path: Path, top: str, outcome: Any, more: dict[str, Any], says: str
) -> None:
    client = door(study(tmp_path, top, codes=SECRET))
    Simulated(UTILITY, 0.0, 1).sit(client, SECRET, most=0)
    told = client.post("/api/v1/study/begin").json()
    if outcome == "PICK":
        outcome = {"picks": [told["question"]["items"][0]["id"]]}
    reply = answer(client, told, outcome, **more)
    assert reply.status_code == 422 and says in reply.json()["error"]


def test_many_wrong_codes_shut_the_door_for_a_while(
    door: Door, tmp_path: Path, monkeypatch: Any
) -> None:
    client = door(study(tmp_path, codes=SECRET))
    assert WRONG >= 50, "a class behind one router is one address"
    for n in range(WRONG):
        assert enter(client, f"GUESS-{n}").status_code == 403
    shut = enter(client, SECRET)
    assert shut.status_code == 429 and shut.headers["retry-after"] == "300"
    monkeypatch.setattr("app.study.PAUSE", 0.0)
    assert enter(client, SECRET).status_code == 200


def test_codes_can_be_added_while_it_runs(door: Door, tmp_path: Path) -> None:
    client = door(study(tmp_path, codes=SECRET))
    assert enter(client, "LATECOMER").status_code == 403
    with open(tmp_path / "tests-study.codes.txt", "a") as file:
        file.write("\nLATECOMER\n")
    assert enter(client, "LATECOMER").json()["stage"] == "consent"


def test_an_open_study_gives_a_code_to_come_back_with(door: Door, tmp_path: Path) -> None:
    path = study(tmp_path, "participants = { open = true, most = 2 }\n")
    client = door(path)
    told = enter(client, "", "tests-study").json()
    assert len(told["code"]) == 10
    agree(client, told)
    assert enter(door(path), told["code"]).json()["stage"] == "instructions"
    outside = door(path)
    agree(outside, enter(outside, "5f3a-panel-id").json())
    full = enter(door(path))
    assert full.status_code == 403 and "all the participants" in full.json()["error"]
    assert enter(door(path), "5f3a-panel-id").json()["stage"] == "instructions"


def test_without_the_flag_there_is_no_study(client: Any) -> None:
    assert enter(client, SECRET).status_code in (404, 405)
    assert client.get("/study").status_code == 404
    assert client.get("/api/v1/studies").json() == {"studies": []}


def test_a_code_opens_nothing_but_its_own_study(studio: Any, door: Door, tmp_path: Path) -> None:
    path = study(tmp_path, codes=f"{SECRET} OTHER123")
    auth = {"ann": "secret one", "bob": "secret two"}
    mine, other = door(path, auth), door(path, auth)
    Simulated(UTILITY, 0.0, 1).sit(mine, SECRET, most=2)
    Simulated(UTILITY, 0.0, 1).sit(other, "OTHER123", most=0)
    other.post("/api/v1/study/begin")
    assert mine.get("/study").status_code == 200
    policy = mine.get("/study").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    paths = mine.app.app.openapi()["paths"]
    assert "/api/v1/study/answers" in paths and len(paths) > 50
    for where, verbs in paths.items():
        if where.startswith("/api/v1/study/") or where in OPEN:
            continue
        address = where.replace("{", "").replace("}", "")
        for numbered in ("profile", "item", "adapter", "job", "study", "seq"):
            address = address.replace(f"/{numbered}", "/1") if "{" + numbered in where else address
        for verb in verbs:
            assert mine.request(verb, address).status_code == 401, (verb, where)
    theirs = other.get("/api/v1/study/state").json()
    assert answer(mine, theirs, "skip").status_code == 404, "a question of somebody else"
    assert mine.get("/api/v1/study/media/999").status_code == 404


def test_the_study_belongs_to_the_first_user(door: Door, tmp_path: Path) -> None:
    auth = {"ann": "secret one", "bob": "secret two"}
    path = study(tmp_path, codes=SECRET)
    Simulated(UTILITY, 0.0, 1).sit(door(path, auth), SECRET)
    ann, bob = door(path, auth), door(path, auth)
    for client, name in ((ann, "ann"), (bob, "bob")):
        client.post("/api/v1/login", json={"name": name, "password": auth[name]})
    told = ann.get("/api/v1/studies").json()["studies"]
    assert [(s["name"], s["completed"], s["running"], s["codes"]) for s in told] == [
        ("tests-study", 1, True, 1)
    ]
    assert ann.get("/api/v1/profiles").json() == {"profiles": []}
    assert bob.get("/api/v1/studies").json() == {"studies": []}
    assert bob.get("/api/v1/studies/1/export").status_code == 404
    assert bob.delete("/api/v1/studies/1").status_code == 404
    assert ann.get("/api/v1/studies/1/export").status_code == 200


def test_a_changed_file_keeps_who_has_begun_on_theirs(studio: Any, tmp_path: Path) -> None:
    from app.study import Study

    user = studio.store.local_user()
    path = study(tmp_path, codes=f"{SECRET} OTHER123")
    first = Study(studio, user, [path])
    token, told = first.enter(SECRET, "", "here")
    pass_ = first.holder(token)
    first.agree(pass_, {"code": SECRET, "consent": told["consent"], "language": "en"})
    path.write_text(path.read_text().replace("Pick one.", "Pick the better one."))
    second = Study(studio, user, [path])
    _, mine = second.enter(SECRET, "", "here")
    assert mine["block"]["instructions"] == ["Pick one."]
    token, new = second.enter("OTHER123", "", "here")
    new = second.agree(second.holder(token), {"code": "OTHER123", "consent": new["consent"],
                                              "language": "de"})  # fmt: skip
    assert new["block"]["instructions"] == ["Pick the better one."]
    assert rows(studio, "SELECT count(*) FROM study_editions") == [(2,)]
