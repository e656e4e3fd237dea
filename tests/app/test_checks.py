"""The second look over the API: simulated people whose wrong clicks come up, are turned around,
dropped, taken back, and learned from as they hold.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.checks import Checks

KIND = "text"


@pytest.fixture(autouse=True)
def nothing_ahead(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refits in the background would change what is asked next from one run to another."""
    monkeypatch.setattr(studio.ahead, "do", lambda *_: None)


def length(item: dict[str, Any]) -> int:
    return len(item["text"].split())


def brief(
    client: Any, key: Any, answers: int, wrong: tuple[int, ...] = ()
) -> tuple[int, list[int]]:
    """Somebody simulated who picks the shorter of two passages, but the longer at `wrong`."""
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    seqs = []
    for k in range(answers):
        question = client.get(f"/api/v1/profiles/{made}/question?medium=text&kind=pair").json()
        ordered = sorted(question["items"], key=length)
        body = {"question_id": question["id"], "idempotency_key": key(),
                "outcome": {"picks": [ordered[-1 if k in wrong else 0]["id"]]}}  # fmt: skip
        seqs.append(client.post("/api/v1/answers", json=body).json()["seq"])
    return made, seqs


def look(client: Any, profile: int) -> dict[str, Any]:
    return dict(client.get(f"/api/v1/profiles/{profile}/checks?medium={KIND}").json())


def judge(client: Any, profile: int, seq: int, act: str, key: str) -> Any:
    return client.post(f"/api/v1/profiles/{profile}/answers/{seq}/verdict",
                       json={"act": act, "idempotency_key": key})  # fmt: skip


def test_wrong_clicks_come_up_and_are_mended(client: Any, key: Any, studio: Any) -> None:
    made, seqs = brief(client, key, 40, (20, 27, 33))
    told = look(client, made)
    assert told["answers"] == 40 and len(told["picks"]) <= 10
    listed = [row["seq"] for row in told["picks"]]
    assert {seqs[20], seqs[27], seqs[33]} & set(listed[:5]), "wrong ones are among the first"
    row = told["picks"][0]
    assert row["chance"] < 0.5 and row["can_flip"] and len(row["items"]) == 2
    assert [i["picked"] for i in row["items"]].count(True) == 1
    seat = studio.minds.seat(made, KIND)
    before = seat.mind.belief.direction()
    first = key()
    assert judge(client, made, row["seq"], "flip", first).json() == {
        "seq": row["seq"], "act": "flip", "duplicate": False}  # fmt: skip
    assert judge(client, made, row["seq"], "flip", first).json()["duplicate"]
    assert judge(client, made, row["seq"], "drop", first).status_code == 409
    assert not np.allclose(studio.minds.seat(made, KIND).mind.belief.direction(), before)
    told = look(client, made)
    assert row["seq"] not in [r["seq"] for r in told["picks"]]
    assert [(r["seq"], r["act"]) for r in told["judged"]] == [(row["seq"], "flip")]
    judge(client, made, row["seq"], "open", key())
    told = look(client, made)
    assert told["judged"] == [] and told["picks"][0]["seq"] == row["seq"]


def test_a_dropped_answer_teaches_nothing_after_a_restart_too(
    client: Any, key: Any, studio: Any
) -> None:
    made, seqs = brief(client, key, 14)
    mind = studio.minds.seat(made, KIND).mind
    studio.minds.refit(made, KIND)
    for seq in seqs:
        assert judge(client, made, seq, "drop", key()).status_code == 200
    for _ in range(2):
        mind = studio.minds.seat(made, KIND).mind
        assert np.allclose(mind.belief.direction(), 0, atol=1e-6) and mind.answers == 0
        studio.minds.forget(made)
    question = client.get(f"/api/v1/profiles/{made}/question?medium=text").json()
    assert question["can_undo"], "the answers are still there to be taken back"


def test_the_loop_goes_on_after_a_verdict(client: Any, key: Any) -> None:
    made, seqs = brief(client, key, 13)
    open_one = client.get(f"/api/v1/profiles/{made}/question?medium=text&kind=pair").json()
    judge(client, made, seqs[-1], "drop", key())
    again = client.get(f"/api/v1/profiles/{made}/question?medium=text&kind=pair").json()
    assert again["id"] == open_one["id"], "the question in front of the person stays"
    body = {"question_id": again["id"], "idempotency_key": key(), "outcome": "skip"}
    assert client.post("/api/v1/answers", json=body).status_code == 200
    step = {"medium": "text", "idempotency_key": key()}
    assert client.post(f"/api/v1/profiles/{made}/undo", json=step).json()["undone"] > seqs[-1]


def test_few_answers_are_not_judged_and_others_are_not_reached(client: Any, key: Any) -> None:
    made, seqs = brief(client, key, 5)
    told = look(client, made)
    assert (told["picks"], told["drivers"], told["flips"]) == ([], [], None)
    assert told["enough"] > told["answers"]
    assert judge(client, made, 99, "keep", key()).status_code == 404
    assert judge(client, made + 5, seqs[0], "keep", key()).status_code == 404
    assert judge(client, made, seqs[0], "burn", key()).status_code == 422
    assert client.get(f"/api/v1/profiles/{made + 5}/checks?medium=text").status_code == 404


def test_a_grid_can_be_dropped_but_not_turned_around(client: Any, key: Any) -> None:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    question = client.get(f"/api/v1/profiles/{made}/question?medium=picture&kind=grid").json()
    body = {"question_id": question["id"], "idempotency_key": key(),
            "outcome": {"picks": [question["items"][0]["id"]]}}  # fmt: skip
    seq = client.post("/api/v1/answers", json=body).json()["seq"]
    refused = judge(client, made, seq, "flip", key())
    assert refused.status_code == 422 and "drop this one" in refused.json()["error"]
    assert judge(client, made, seq, "drop", key()).status_code == 200


def test_drivers_and_reliability_say_what_was_simulated(client: Any, key: Any) -> None:
    made, _ = brief(client, key, 45)
    told = look(client, made)
    first = next(d for d in told["drivers"] if d["name"] == "length")
    assert first["high"] < 0 and 0.1 < first["share"] <= 1, "the short ones were picked"
    chart = told["reliability"]
    assert chart["n"] == sum(b["n"] for b in chart["bins"]) >= 30
    assert all(b["low"] <= b["happened"] <= b["high"] for b in chart["bins"])
    assert chart["eighty"] is not None and 0.5 < chart["eighty"] < 1


def test_why_names_the_answers_and_the_axes(client: Any, key: Any) -> None:
    made, seqs = brief(client, key, 30)
    best = client.get(f"/api/v1/profiles/{made}/belief?medium=text").json()["best"][0]
    told = client.get(f"/api/v1/profiles/{made}/why/{best['id']}?medium=text").json()
    assert told["item"]["id"] == best["id"] and told["gap"] > 0
    assert 1 <= len(told["axes"]) <= 2 and all(a["part"] > 0 for a in told["axes"])
    assert len(told["answers"]) == 3 and all(a["seq"] in seqs for a in told["answers"])
    assert client.get(f"/api/v1/profiles/{made}/why/999999?medium=text").status_code == 404
    assert client.get(f"/api/v1/profiles/{made}/why/{best['id']}").status_code == 404


def test_repeats_are_counted_by_side(studio: Any, user: int, key: Any) -> None:
    from app.checks import _repeats
    from engine.data import Comparison, Outcome, Question

    def pair(number: int, items: tuple[int, int], pick: int, of: int | None = None) -> Any:
        question = Question(number, 1, "text", items, "repeat" if of else "uniform", of)
        return Comparison(number, question, Outcome((pick,))), None

    said = [pair(1, (5, 6), 5), pair(2, (7, 8), 7), pair(3, (9, 4), 4),
            pair(4, (6, 5), 5, 1), pair(5, (8, 7), 8, 2), pair(6, (4, 9), 9, 3)]  # fmt: skip
    assert _repeats(said) == (1, 1, 1)


def test_the_fit_is_made_once_for_the_same_answers(studio: Any, user: int, key: Any) -> None:
    profile = int(studio.new_profile(user)["id"])
    question = studio.question(user, profile, "text", "pair")
    for _ in range(13):
        picks = {"picks": [question["items"][0]["id"]]}
        studio.answer(user, question["id"], picks, key=key())
        question = studio.question(user, profile, "text", "pair")
    checks = Checks(studio)
    assert checks.history(profile, "text") is checks.history(profile, "text")
    with pytest.raises(Exception, match="no answer 99"):
        checks.judge(user, profile, 99, "keep", key())


def test_another_start_is_looked_at_anew_and_a_deleted_taste_is_dropped(
    studio: Any, user: int, key: Any
) -> None:
    profile, other = (int(studio.new_profile(user)["id"]) for _ in range(2))
    for owner in (profile, other):
        question = studio.question(user, owner, "text", "pair")
        picks = {"picks": [question["items"][0]["id"]]}
        studio.answer(user, question["id"], picks, key=key())
    checks, mind = Checks(studio), studio.minds.seat(profile, "text").mind
    before, prior = checks.history(profile, "text"), mind.shelf.prior
    mind.shelf = replace(mind.shelf, prior=replace(prior, mean=prior.mean + 0.5))
    after = checks.history(profile, "text")
    assert not np.allclose(after.prior.mean, before.prior.mean)
    assert after is checks.history(profile, "text")
    studio.delete_profile(user, profile)
    checks.history(other, "text")
    assert {name[0] for name in checks._known} == {other}


def test_a_circle_in_the_choices_is_drawn(studio: Any, user: int, key: Any) -> None:
    """Somebody simulated who picks ink over flat, flat over clay and clay over ink."""
    order = {("ink", "flat"), ("flat", "clay"), ("clay", "ink")}
    shelf = studio.shelves.starter("picture")
    style = {
        int(i): studio.shelves.candidate(int(i)).attributes["style"] for i in shelf.features.ids
    }
    by = {s: [i for i, t in style.items() if t == s][:30] for s in ("ink", "flat", "clay")}
    made = studio.new_profile(user)["id"]
    for k in range(36):
        a, b = sorted(order)[k % 3]
        pair = (by[a][k % 30], by[b][(7 * k) % 30])
        question = studio.store.add_question(
            made, "picture", pair[:: 1 if k % 2 else -1], "uniform"
        )
        studio.answer(user, question.id, {"picks": [pair[0]]}, key=key())
    told = Checks(studio).look(user, made, "picture")["circle"]
    assert told["sure"] and told["compared"] == 36
    assert {(x["over"], x["under"]) for x in told["links"]} == order
    assert all(x["for"] == 12 and x["against"] == 0 for x in told["links"])
