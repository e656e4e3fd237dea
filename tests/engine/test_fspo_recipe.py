"""FSPO's language-model form: the layout, what gives way, the scores, three steps of teaching."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import fspo_people, fspo_recipe, shots
from engine.adapter import Adapter
from engine.fspo_people import Person
from engine.fspo_recipe import Plan
from engine.preference.fspo_text import FewShot, Settings
from engine.shots import Shot
from engine.starter.pool import passages
from tests.tiny import tiny_lm

ROWS = tuple(Shot(f"why {w}?", f"yes {w}", f"no {w}") for w in "abcdefg")
LINE = "likes the word yes"


@pytest.fixture(scope="module")
def lm() -> Any:
    return tiny_lm(layers=2)


def test_the_layout_is_description_then_examples_then_the_question() -> None:
    made = shots.asked("why z?", ROWS[:2], LINE)
    assert made == (
        "# About this person\nlikes the word yes\n\n"
        "# Example 1\n## Question\nwhy a?\n## Preferred Response\nyes a\n"
        "## Dispreferred Response\nno a\n\n"
        "# Example 2\n## Question\nwhy b?\n## Preferred Response\nyes b\n"
        "## Dispreferred Response\nno b\n\n" + shots.TASK + "why z?"
    )
    assert shots.asked("why z?", ()) == "why z?"


@pytest.mark.parametrize("room", range(6, 900, 37))
def test_what_does_not_fit_goes_oldest_first_and_never_the_question(room: int) -> None:
    made = shots.fitted("why z?", ROWS, len, room, LINE)
    assert len(made) <= room and made.endswith("why z?")
    kept = [w for w in "abcdefg" if f"\nyes {w}\n" in made]
    assert kept == list("abcdefg")[7 - len(kept) :]
    assert made.count("# Example") == made.count("## Dispreferred") == len(kept)
    # A line is cut only when no pair is left to drop.
    assert LINE in made or not kept


def test_a_question_longer_than_the_window_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="ask a shorter one"):
        shots.fitted("why z?", ROWS, len, 5, LINE)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("count", [2, 5, 7])
def test_every_row_is_held_out_twice_and_never_its_own_shot(size: int, count: int) -> None:
    made = shots.chunks(ROWS[:count], size, 3)
    held = [h for _, h in made]
    assert all(held.count(r) == 2 for r in ROWS[:count])
    assert all(h not in given and len(given) == min(size, count - 1) for given, h in made)
    assert {g for given, _ in made for g in given} == set(ROWS[:count])
    assert made == shots.chunks(ROWS[:count], size, 3) != shots.chunks(ROWS[:count], size, 4)


def test_a_shot_that_would_give_the_answer_away_is_left_out(lm: Any) -> None:
    twin = Shot("and now?", "yes a", "maybe")
    for given, held in shots.chunks((*ROWS[:3], twin), 3, 0):
        assert all(shots.apart(s, held) for s in given)
    told = FewShot((*ROWS[:3], twin)).prompt(lm, "why a?", ("yes a", "no a"))
    assert "yes a" not in told and "yes b" in told


def test_a_score_is_the_likelihood_after_the_pairs_and_the_rest_is_everybodys(lm: Any) -> None:
    """By hand: sums of log-probabilities over the letters of the answer."""
    person = FewShot(ROWS[:2])
    answers = ("yes c", "no")
    found = person.score(lm, "why c?", answers)
    with_them, n = lm.logps(shots.asked("why c?", ROWS[:2]), answers)
    without, _ = lm.logps("why c?", answers)
    np.testing.assert_array_equal(n, [5, 2])
    np.testing.assert_allclose(found, with_them / n, rtol=1e-6)
    own = person.own(lm, "why c?", answers)
    np.testing.assert_allclose(own, (with_them - without) / n, rtol=1e-4, atol=1e-6)
    assert (own != 0).all()
    summed = replace(person, settings=Settings(per_token=False))
    np.testing.assert_allclose(summed.score(lm, "why c?", answers), with_them, rtol=1e-6)
    np.testing.assert_allclose(FewShot().score(lm, "why c?", answers), without / n, rtol=1e-6)
    np.testing.assert_array_equal(FewShot().own(lm, "why c?", answers), [0.0, 0.0])
    with pytest.raises(ValueError, match="empty"):
        person.score(lm, "why c?", ("yes", " "))


def test_pairs_give_way_to_a_long_answer_which_is_never_cut(lm: Any) -> None:
    """A letter is a token here; the window holds 512."""
    person = FewShot(ROWS, LINE)
    some = person.prompt(lm, "why z?", ("yes " * 50,))
    assert "yes g" in some and "yes a" not in some
    assert len(lm.prompt_ids(some)) + 200 <= 512
    assert person.prompt(lm, "why z?", ("yes " * 300,)) == "why z?"
    assert (person.own(lm, "why z?", ("yes " * 50, "no")) != 0).all()
    np.testing.assert_array_equal(person.own(lm, "why z?", ("yes " * 300, "no")), [0.0, 0.0])


def test_the_description_can_be_edited_and_travels(lm: Any) -> None:
    person = FewShot(ROWS[:1]).described("  brief  ").add(ROWS[1])
    assert person.prompt(lm, "why z?").startswith("# About this person\nbrief\n\n# Example 1")
    assert FewShot.from_state(person.state()) == person
    assert "About" not in person.described("").prompt(lm, "why z?")
    few = replace(person, settings=Settings(shots=1))
    assert "yes b" in few.prompt(lm, "why z?") and "yes a" not in few.prompt(lm, "why z?")


def people() -> list[Person]:
    return [Person(f"person {n}", f"likes {w}", tuple(Shot(f"{w} {r}?", f"{w} {r}", f"no {r}")
                                                      for r in "abcdef"), n == 0)
            for n, w in enumerate(("one", "two", "three"))]  # fmt: skip


@pytest.mark.parametrize(
    "objective, beta, first", [("ipo", 0.1, 25.0), ("ipo", 0.01, 2500.0), ("dpo", 0.1, np.log(2))]
)
def test_the_loss_before_anything_is_learnt(
    lm: Any, tmp_path: Path, objective: str, beta: float, first: float
) -> None:
    """(1 / (2 beta))^2 with target margin 1 / (2 beta), and ln 2."""
    plan = Plan(tmp_path, shots=1, objective=objective, beta=beta, steps=1, batch=2)
    run = fspo_recipe.training(lm, people(), plan)
    assert run.one()["loss"] == pytest.approx(first, rel=1e-4)


def test_lessons_hold_nobody_who_is_held_out_and_differ_after_the_heading_alone(
    lm: Any, tmp_path: Path
) -> None:
    plan = Plan(tmp_path, shots=2, lessons=20)
    run = fspo_recipe.training(lm, people(), plan)
    examples = run.people[0].examples
    assert len(examples) == 20
    for e in examples:
        assert "one" not in e.prompt and not any(f"\n{t}\n" in e.prompt for t in e.texts)
        assert e.prompt.count("# Example") == 2 and len(set(e.texts)) == 2
    lines = sum(e.prompt.startswith("# About this person\nlikes t") for e in examples)
    assert lines == 10


def test_three_steps_go_on_after_a_stop_and_are_judged(lm: Any, tmp_path: Path) -> None:
    plan = Plan(tmp_path, shots=1, steps=2, batch=2, rows=2, rate=1e-2, base={"upstream": "tiny"})
    said: list[str] = []
    fspo_recipe.learn(lm, people(), plan, said.append)
    place = fspo_recipe.learn(lm, people(), replace(plan, steps=3, resume=True), said.append)
    assert sum("from step 2" in s for s in said) == 1
    made = Adapter.load(place)
    assert made.card["steps"] == 3 and made.base.upstream == "tiny"
    assert any(np.abs(v).max() > 0 for k, v in made.weights.items() if "lora_B" in k)
    report = fspo_recipe.report(lm, fspo_recipe.training(lm, people(), plan).lora,
                                [p for p in people() if p.held], plan)  # fmt: skip
    ways = report["personas"]
    assert set(ways) == {"base", "prompted", "fspo", "fspo and a line", "fspo, somebody else's"}
    # An adapter that has learnt nothing is the model itself.
    assert ways["fspo"] == ways["prompted"]


def test_simulated_people_prefer_voices_of_one_task() -> None:
    made = fspo_people.voices(passages().records, 8)
    assert sum(p.held for p in made) == 2
    texts = {r["text"]: (r["prompt"], r["voice"]) for r in passages().records}
    for person in made:
        assert len(person.rows) == 60 == len({r.question for r in person.rows})
        for row in person.rows:
            assert texts[row.chosen][0] == texts[row.rejected][0] == row.question
            assert texts[row.chosen][1] != texts[row.rejected][1]


def test_without_data_the_message_has_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--data DIR"):
        fspo_people.personas(tmp_path)
