"""Somebody simulated, for tests of the studio: likes drawings in ink and nothing else."""

from collections.abc import Callable
from typing import Any


def inky(studio: Any, user: int, key: Callable[[], str], answers: int = 6) -> int:
    """A new profile with a few answers about pairs of pictures."""
    made = int(studio.new_profile(user)["id"])
    question = studio.question(user, made, "picture", "pair")
    for _ in range(answers):
        shown = [studio.shelves.candidate(i["id"]) for i in question["items"]]
        liked = [c.id for c in shown if c.attributes.get("style") == "ink"] or [shown[0].id]
        studio.answer(user, question["id"], {"picks": [liked[0]]}, key=key())
        question = studio.question(user, made, "picture", "pair")
    return made
