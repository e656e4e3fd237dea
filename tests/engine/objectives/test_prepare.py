"""What an objective does to the examples before training."""

import pytest

from engine.objectives import OBJECTIVES
from engine.objectives.base import Example
from engine.objectives.fspo import TASK, asked
from engine.objectives.ra_dpo import goal
from engine.steering.prompt import in_words

PAIRS = [Example(f"question {i}?", (f"good {i}", f"poor {i}")) for i in range(6)]


def prepared(name: str, examples: list[Example], **settings: object) -> list[Example]:
    objective = OBJECTIVES[name].load()
    made: list[Example] = objective.prepare(examples, objective.settings(**settings))
    return made


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_examples_are_not_changed_and_nothing_makes_nothing(name: str) -> None:
    before = list(PAIRS)
    assert prepared(name, PAIRS) and before == PAIRS
    assert prepared(name, []) == []


def test_dove_scores_every_text_with_its_own_prompt() -> None:
    across = Example("", ("a ship", "a tree"), prompts=("draw the sea", "draw a wood"))
    same, kept = prepared("dove", [PAIRS[0], across])
    assert same.prompts == ("question 0?", "question 0?")
    assert kept == across


def test_ra_dpo_uses_every_pair_twice() -> None:
    up, down = prepared("ra_dpo", PAIRS[:1])
    assert (up.texts, up.system) == (("good 0", "poor 0"), goal(10))
    assert (down.texts, down.system) == (("poor 0", "good 0"), goal(1))
    assert up.labels == down.labels == (1.0, 0.0)


def test_ra_dpo_reads_goals_from_one_scale() -> None:
    """Labels 0.9, 0.5, 0.3, 0.0 over 0 to 0.9 are 10, 1 + 5 = 6, 1 + 3 = 4 and 1."""
    rated = [
        Example("p", ("a", "b"), labels=(0.9, 0.5), system="You write."),
        Example("", ("c", "d"), labels=(0.3, 0.0), prompts=("x", "y")),
    ]
    made = prepared("ra_dpo", rated)
    assert [e.system.splitlines()[-1] for e in made] == [goal(10), goal(6), goal(4), goal(1)]
    assert made[0].system.startswith("You write.\n")
    assert made[3].prompts == ("y", "x")
    assert prepared("ra_dpo", [Example("p", ("a", "b"), labels=(0.5, 0.5)), *rated]) == made


def test_fspo_puts_other_pairs_before_the_question() -> None:
    made = prepared("fspo", PAIRS, shots=2)
    assert made[5].prompt == (
        "# Example 1\n## Question\nquestion 0?\n## Preferred Response\ngood 0\n"
        "## Dispreferred Response\npoor 0\n\n"
        "# Example 2\n## Question\nquestion 1?\n## Preferred Response\ngood 1\n"
        "## Dispreferred Response\npoor 1\n\n" + TASK + "question 5?"
    )
    assert all(m.texts == e.texts for m, e in zip(made, PAIRS, strict=True))


@pytest.mark.parametrize("shots", [0, 1, 4, 8])
def test_fspo_leaves_the_pair_itself_out(shots: int) -> None:
    again = [*PAIRS, PAIRS[2], Example("other", ("good 2", "new"))]  # asked twice, shown twice
    for e in prepared("fspo", again, shots=shots):
        assert not any(f"\n{text}\n" in e.prompt for text in e.texts)
        assert e.prompt.count("# Example") == min(shots, sum(not set(o.texts) & set(e.texts)
                                                             for o in again))  # fmt: skip


@pytest.mark.parametrize("room", [200, 250, 400, 1000])
def test_fspo_never_loses_the_question(room: int) -> None:
    long = "why " * 500
    examples = [*PAIRS, Example(long, ("yes " * 100, "no " * 100))]
    for e, before in zip(prepared("fspo", examples, room=room), examples, strict=True):
        assert e.prompt.endswith(before.prompt)
        head = e.prompt[: -len(before.prompt)].removesuffix(TASK)
        assert len(head) <= room
        assert head.count("# Example") == head.count("## Dispreferred Response")


def test_fspo_without_anything_to_show_asks_plainly() -> None:
    objective = OBJECTIVES["fspo"].load()
    assert asked("why?", [], objective.defaults) == "why?"
    assert prepared("fspo", PAIRS[:1])[0].prompt == "question 0?"


def test_fspo_shows_only_comparisons_of_one_prompt() -> None:
    across = Example("", ("a ship", "a tree"), prompts=("draw the sea", "draw a wood"))
    joint = Example("", ("red", "blue"), prompts=("a colour?", "a colour?"))
    plain, asked_of_both, _ = prepared("fspo", [PAIRS[0], across, joint])
    assert "sea" not in plain.prompt and "## Question\na colour?\n" in plain.prompt
    assert asked_of_both.prompts[0].endswith(TASK + "draw the sea")
    assert asked_of_both.prompts[1].endswith(TASK + "draw a wood")


def test_best_of_n_keeps_the_best_text_and_says_the_direction() -> None:
    group = Example("p", ("a", "b", "c"), labels=(0.2, 0.9, 0.1), prompts=("x", "y", "z"))
    (kept,) = prepared("best_of_n", [group], direction="warm and short")
    assert (kept.texts, kept.labels, kept.prompts) == (("b", "c"), (0.9, 0.1), ("y", "z"))
    assert kept.system == "warm and short"
    (alone,) = prepared("best_of_n", [Example("p", ("a",), labels=(1.0,))])
    assert alone.texts == ("a",)
    assert prepared("best_of_n", PAIRS[:1])[0].system == ""


def test_a_direction_in_words_is_of_length_a_hundred() -> None:
    """(3, -4) / 5 = (0.6, -0.8)."""
    assert "warmth * 60 + length * -80." in in_words({"warmth": 3.0, "length": -4.0})
    with pytest.raises(ValueError, match="length zero"):
        in_words({"warmth": 0.0})
