"""A taste as a system prompt: sure words first, then a few own choices, in FSPO's layout."""

from app.shots import system_prompt, words
from tests.engine.exports.told import ANSWERS, answer, item

AXES = [
    {"low_word": "long", "high_word": "short", "mean": -0.4, "sure": True},
    {"low_word": "dry", "high_word": "warm", "mean": 0.3, "sure": True},
    {"low_word": "plain", "high_word": "lush", "mean": 0.2, "sure": False},
]


def test_only_sure_words_and_the_liked_end() -> None:
    assert words(AXES) == ["long", "warm"]


def test_examples_are_the_strongest_then_the_newest_one_an_answer() -> None:
    text = system_prompt(["long", "warm"], ANSWERS)
    assert text.startswith("You are a gifted writer. Write long and warm.\n\n## Example 1\n")
    first = text.split("## Example 2")[0]
    assert "### Question\n\nsay it\n\n### Preferred Response\n\npassage 3\n\n" in first
    assert first.count("Dispreferred") == 1 and text.rstrip().endswith("preferred responses.")
    # Ties, skips, pictures and two texts of different prompts make no example.
    assert text.count("## Example") == 3 and "drawing" not in text


def test_long_texts_are_no_examples_and_nothing_known_is_no_prompt() -> None:
    long = answer(9, "picks", item(1, 1, text="word " * 121), item(2))
    assert system_prompt([], [long]) == "" == system_prompt([], [])
    many = [answer(n, "picks", item(1, 1), item(2)) for n in range(9)]
    assert system_prompt([], many).count("## Example") == 4
