"""Whether a prompt names a thing: as people write, with signs, both apostrophes and plurals."""

from typing import Any

import numpy as np
import pytest

from engine.starter.drawer.known import nearness
from engine.starter.drawer.naming import names, plurals

NAMED = [
    ("a fox!", "fox"), ("a zebra.", "zebra"), ('"owl"', "owl"), ("(owl)", "owl"), ("'owl'", "owl"),
    ("an owl; at night", "owl"), ("What about a fox?", "fox"), ("fox/owl", "owl"), ("FOX", "fox"),
    ("a fox—red", "fox"), ("„fox“", "fox"), ("fox…", "fox"), ("a\nfox\t", "fox"),
    ("two foxes", "fox"), ("foxes", "fox"), ("zebras.", "zebra"), ("three buses", "bus"),
    ("a bus", "bus"), ("glasses", "glasses"), ("a pair of scissors!", "scissors"),
    ("wine glasses", "wine glass"), ("strawberries", "strawberry"), ("toys", "toy"),
    ("watches", "watch"), ("knives", "knife"), ("wolves", "wolf"), ("snowmen", "snowman"),
    ("humans", "human"), ("mice", "mouse"), ("geese", "goose"), ("potatoes", "potato"),
    ("pianos", "piano"), ("cactuses", "cactus"), ("cacti", "cactus"), ("two teeth", "tooth"),
    ("man's shoe", "man’s shoe"), ("a man’s shoe", "man’s shoe"), ("kings crown", "kings crown"),
    ("the king’s crown", "king's crown"), ("man's shoes", "man’s shoe"), ("a t shirt", "t-shirt"),
    ("T-shirts", "t-shirt"), ("the foxes' den", "fox"), ("a jalapeño.", "jalapeño"),
]  # fmt: skip
OTHER = [
    ("a foxglove", "fox"), ("foxy", "fox"), ("business", "bus"), ("a bu", "bus"),
    ("a glass", "glasses"), ("scissor", "scissors"), ("cats", "cat face"), ("men", "man’s shoe"),
    ("a mans shoe", "man’s shoe"), ("", "fox"), ("!?", "fox"), ("shirt", "t-shirt"),
    ("wolf", "wolves"), ("the fox is here", "fox den"), ("toies", "toy"), ("buss", "bus"),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "thing"), NAMED)
def test_a_prompt_names_a_thing(prompt: str, thing: str) -> None:
    assert names(prompt, thing)


@pytest.mark.parametrize(("prompt", "thing"), OTHER)
def test_a_prompt_names_nothing_else(prompt: str, thing: str) -> None:
    assert not names(prompt, thing)


def test_nothing_but_signs_names_nothing() -> None:
    assert not names("a fox", "!") and not names("!", "!")


def test_the_plurals_of_a_word() -> None:
    assert plurals("bus") == {"buses"} and plurals("box") == {"boxes"}
    assert plurals("fly") == {"flies"} and plurals("day") == {"days"}
    assert plurals("roof") == {"roofs", "rooves"}


@pytest.mark.parametrize(
    "prompt", ["a fox!", "a zebra.", '"owl"', "two foxes", "foxes", "man's shoe", "3 buses", "Bus?"]
)
def test_what_is_taught_is_known_however_it_is_written(prompt: str) -> None:
    def encode(texts: Any) -> Any:
        """Words that are like nothing: only a name can tell."""
        return np.zeros((len(texts), 384), np.float32)

    assert nearness(prompt, encode).known
    assert not nearness("the theory of numbers!", encode).known
