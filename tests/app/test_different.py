"""Show me something different: a grid unlike the last ones, which counts and hides nothing."""

from typing import Any

import numpy as np
import pytest

from app.different import different
from app.wire import Missing
from engine.queries.novelty import novelty
from tests.app.people import inky


@pytest.fixture
def profile(studio: Any, user: int, key: Any) -> int:
    return inky(studio, user, key)


def test_it_is_unlike_what_was_shown_and_comes_instead(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    before = studio.question(user, profile, "picture")
    mind = studio.minds.seat(profile, "picture").mind
    seen = mind.shelf.features.of([i for shown in mind.recent for i in shown])
    made = different(studio, user, profile, "picture")
    assert made["rule"] == "novelty" and len(made["items"]) == 9 and made["id"] != before["id"]
    assert studio.question(user, profile, "picture")["id"] == made["id"], "a reload shows it again"
    scale = mind.shelf.features.matrix.std(0).clip(1e-6)
    new = mind.shelf.features.of([i["id"] for i in made["items"]])
    every = novelty(seen / scale, mind.shelf.features.matrix / scale)
    assert novelty(seen / scale, new / scale).mean() > np.quantile(every, 0.75)
    answers = mind.answers
    picks = {"picks": [made["items"][0]["id"]]}
    after = studio.answer(user, made["id"], picks, key=key())
    assert studio.minds.seat(profile, "picture").mind.answers == answers + 1
    assert after["next"]["id"] != made["id"]


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_the_question_it_replaces_comes_right_after_whatever_its_form(
    studio: Any, user: int, profile: int, key: Any, answers: int
) -> None:
    """Forms take turns by the number of answers: two grids, then a pair."""
    question, seat = (
        studio.question(user, profile, "picture"),
        studio.minds.seat(profile, "picture"),
    )

    def answered(asked: dict[str, Any]) -> dict[str, Any]:
        picks = {"picks": [asked["items"][0]["id"]]}
        found: dict[str, Any] = studio.answer(user, asked["id"], picks, key=key())["next"]
        return found

    while seat.mind.answers % 3 != answers:
        question = answered(question)
    studio.ahead.settle()
    assert seat.ready is not None, "the one after it is prepared, as while somebody looks"
    different(studio, user, profile, "picture")
    second = different(studio, user, profile, "picture")
    again = answered(second)
    assert again["id"] == question["id"], "pressed twice, and still it comes next"
    assert answered(again)["id"] not in (question["id"], second["id"])


def test_what_waits_is_not_asked_again_once_it_is_answered_elsewhere(
    studio: Any, user: int, profile: int, key: Any
) -> None:
    before = studio.question(user, profile, "picture")
    made = different(studio, user, profile, "picture")
    for asked in (before, made):
        picks = {"picks": [asked["items"][0]["id"]]}
        after = studio.answer(user, asked["id"], picks, key=key())["next"]
    assert after["id"] not in (before["id"], made["id"])


def test_it_is_asked_over_http_for_ones_own_profile_alone(
    studio: Any, user: int, profile: int, client: Any
) -> None:
    made = client.post(f"/api/v1/profiles/{profile}/different", json={"medium": "picture"})
    assert made.status_code == 200 and made.json()["rule"] == "novelty"
    with pytest.raises(Missing):
        different(studio, studio.store.put_user("eve", "x"), profile, "picture")
