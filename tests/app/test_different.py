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


def test_it_is_asked_over_http_for_ones_own_profile_alone(
    studio: Any, user: int, profile: int, client: Any
) -> None:
    made = client.post(f"/api/v1/profiles/{profile}/different", json={"medium": "picture"})
    assert made.status_code == 200 and made.json()["rule"] == "novelty"
    with pytest.raises(Missing):
        different(studio, studio.store.put_user("eve", "x"), profile, "picture")
