"""Minds in memory: what left is not read again for a fit, going back is one write, pages of what
was learned are read beside the loop.
"""

from typing import Any

import pytest

from app import minds
from app.meek import VOTES
from app.report import known
from app.trim import give_back
from tests.app.test_studio import go, mind, picks


def test_a_taste_that_left_memory_is_not_read_again_for_a_fit(
    studio: Any, user: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minds, "KEPT", 1)
    monkeypatch.setattr(minds, "QUIET", 60.0)
    first, second = (studio.new_profile(user)["id"] for _ in range(2))
    go(studio, user, first, key, 5)
    go(studio, user, second, key, 2)
    assert studio.minds.loaded(first) == []
    studio.ahead.settle()
    assert studio.store.versions(first, "picture") == []
    assert studio.store.versions(second, "picture") != []
    seat = studio.minds.seat(first, "picture")
    assert (seat.mind.answers, seat.fitted) == (5, 0), "none of them is in a fit yet"
    go(studio, user, first, key, 4)
    studio.ahead.settle()
    assert studio.store.versions(first, "picture") != []
    studio.minds.forget(first)
    assert studio.minds.seat(first, "picture").fitted == 9


def test_a_pause_is_no_reason_for_a_fit_while_votes_wait(
    studio: Any, user: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the fits that slow votes make would make the votes slower still."""
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 5)
    later: list[float] = []
    monkeypatch.setattr(VOTES, "now", minds.MANY + 1)
    monkeypatch.setattr(studio.ahead, "slowly", lambda *given: later.append(given[2]))
    studio.minds._refit(profile, "picture")
    assert later == [minds.QUIET] and studio.store.versions(profile, "picture") == []
    studio.minds.seat(profile, "picture").due = True
    studio.minds._refit(profile, "picture")
    assert len(later) == 1 and len(studio.store.versions(profile, "picture")) == 1


def test_going_back_is_one_write_however_many_answers_it_takes_back(
    studio: Any, user: int, key: Any
) -> None:
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 8)
    studio.ahead.settle()
    version = studio.store.versions(profile, "picture")[0]
    go(studio, user, profile, key, 5)
    studio.ahead.settle()
    before = studio.store.commits
    assert studio.restore(user, profile, version.id)["taken_back"] == 13 - 8
    assert studio.store.commits == before + 1
    acts = [r["act"] for r in studio.store.answer_rows(profile)]
    assert acts == ["answer"] * 13 + ["undo"] * 5
    assert studio.restore(user, profile, version.id)["taken_back"] == 0
    assert mind(studio, profile).answers == 8


def test_what_was_learned_is_told_of_one_moment(studio: Any, user: int, key: Any) -> None:
    profile = studio.new_profile(user)["id"]
    question = go(studio, user, profile, key, 5)
    still = mind(studio, profile).still()
    was = (still.belief, still.seq, list(still.curve.points))
    studio.answer(user, question["id"], picks(question), key=key())
    assert (still.belief, still.seq, still.curve.points) == was
    assert mind(studio, profile).seq == still.seq + 1


def test_taking_back_counts_like_answering(client: Any, studio: Any, user: int, key: Any) -> None:
    profile = client.post("/api/v1/profiles", json={}).json()["id"]
    studio.rules.set(user, {"comparisons": 1})
    said = []
    for act in ("undo", "redo"):
        body = {"medium": "picture", "idempotency_key": key()}
        said.append(client.post(f"/api/v1/profiles/{profile}/{act}", json=body).status_code)
    assert said == [200, 429]


def test_memory_is_handed_back_after_many_fits(
    studio: Any, user: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    back: list[int] = []
    monkeypatch.setattr(minds, "give_back", lambda: back.append(1))
    monkeypatch.setattr(minds, "TRIM", 2)
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 3)
    studio.ahead.settle()
    for _ in range(4):
        studio.minds._refit(profile, "picture")
    assert len(back) == 2
    give_back()


def test_an_answer_leaves_nothing_to_put_in_again(studio: Any, user: int, key: Any) -> None:
    """What the reply says without asking the store is what the store says."""
    profile = studio.new_profile(user)["id"]
    question = go(studio, user, profile, key, 3)
    taken = studio.undo(user, profile, "picture", key())["next"]
    assert taken["can_redo"]
    one = key()
    after = studio.answer(user, taken["id"], picks(question | taken), key=one)["next"]
    assert not after["can_redo"] and not studio.store.can_redo(profile, "picture")
    studio.undo(user, profile, "picture", key())
    again = studio.answer(user, taken["id"], picks(question | taken), key=one)
    assert again["duplicate"] and again["next"]["can_redo"]


def test_doubt_before_any_answer_is_what_a_belief_of_before_says(
    studio: Any, user: int, key: Any
) -> None:
    profile = studio.new_profile(user)["id"]
    go(studio, user, profile, key, 9)
    studio.ahead.settle()
    made = mind(studio, profile)
    told = made.linear.before(made.shelf.prior).doubt(made.shelf.spread)
    assert made.shelf.doubt(made.linear) == made.shelf.doubt(made.linear) == told
    assert known(made) == 1 - made.linear.doubt(made.shelf.spread) / told
