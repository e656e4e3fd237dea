"""A folder from before passages joined the pool: it opens, keeps its taste, and asks about them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.shelves import Shelves
from app.studio import Studio
from engine.starter.pool import passages
from engine.starter.text_space import RULED


def pick_short(studio: Studio, user: int, profile: int, name: str, times: int) -> list[int]:
    """Somebody simulated who likes short sentences answers; ids of everything shown."""
    asked, shown = studio.question(user, profile, "text"), []
    for i in range(times):
        shown += [item["id"] for item in asked["items"]]
        text = {item["id"]: item["text"] for item in asked["items"]}
        short = min(text, key=lambda k: len(text[k].split()) / (1 + text[k].count(".")))
        asked = studio.answer(user, asked["id"], {"picks": [short]}, key=f"{name}{i}")["next"]
    return shown


def test_a_folder_from_before_takes_the_new_passages_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = passages()
    few = replace(
        whole, records=whole.records[:RULED], features=whole.features[:RULED],
        stats=whole.stats[:RULED], captions=whole.captions[:RULED],
    )  # fmt: skip
    with monkeypatch.context() as before, Studio.open(tmp_path) as studio:
        before.setattr(Shelves, "pool", lambda _self, kind: few)
        user = studio.store.local_user()
        profile = int(studio.new_profile(user, "from before")["id"])
        pick_short(studio, user, profile, "old", 16)
        mind = studio.minds.seat(profile, "text").mind
        ids, answers = mind.shelf.features.ids, mind.answers
        liked, _ = mind.belief.believe(mind.shelf.features.matrix)
    assert len(ids) == RULED
    with Studio.open(tmp_path) as studio:
        user = studio.store.local_user()
        mind = studio.minds.seat(profile, "text").mind
        assert mind.answers == answers and len(mind.shelf.features.ids) == len(whole)
        assert (mind.shelf.features.ids[:RULED] == ids).all()
        again, _ = mind.belief.believe(mind.shelf.features.matrix[:RULED])
        assert np.corrcoef(liked, again)[0, 1] > 0.98
        shown = pick_short(studio, user, profile, "new", 12)
        assert set(shown) - set(ids.tolist()), "nothing new was asked about"
        told = studio.belief(user, profile, "text")
        assert told["answers"] > answers and "short" in told["sentence"]
