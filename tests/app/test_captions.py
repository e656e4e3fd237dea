"""A person's own words for pictures when several threads read and write them at once."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def item(studio: Any) -> int:
    return int(studio.shelves.starter("picture").features.ids[0])


def reading(studio: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Any]) -> None:
    """Something happens between the reading of the notes and what is done with them, once."""
    read, todo = studio.notes.of_profile, [meanwhile]

    def slow(profile: int, what: str) -> Any:
        found = read(profile, what)
        if todo:
            todo.pop()()
        return found

    monkeypatch.setattr(studio.notes, "of_profile", slow)


def test_words_put_while_the_old_ones_are_read_are_the_ones_that_count(
    studio: Any, user: int, item: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = studio.new_profile(user)["id"]
    studio.captions.put(user, profile, item, "old")
    studio.captions.forget(profile)
    reading(studio, monkeypatch, lambda: studio.captions.put(user, profile, item, "new"))
    studio.captions.of(profile)
    assert studio.captions.of(profile) == {item: "new"}


def test_what_is_forgotten_while_it_is_read_stays_forgotten(
    studio: Any, user: int, item: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = studio.new_profile(user)["id"]
    studio.captions.put(user, profile, item, "mine")
    reading(studio, monkeypatch, lambda: studio.captions.forget(profile))
    studio.captions.of(profile)
    assert profile not in studio.captions._known
    assert studio.captions.of(profile) == {item: "mine"} and profile in studio.captions._known


def test_few_are_kept_and_all_are_right(
    studio: Any, user: int, item: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.captions.KEPT", 2)
    profiles = [studio.new_profile(user)["id"] for _ in range(4)]
    for profile in profiles:
        studio.captions.put(user, profile, item, f"of {profile}")
    for profile in (*profiles, *profiles):
        assert studio.captions.of(profile) == {item: f"of {profile}"}
        assert len(studio.captions._known) <= 2
