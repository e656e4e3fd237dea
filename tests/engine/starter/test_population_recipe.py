"""A prior learnt from people: it knows what they share, its card says whose and how well."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import cli
from engine.preference.base import Prior
from engine.starter import population_recipe as recipe
from engine.starter.population_data import PAIRS, Unreadable, found

START = Prior("toy:text", np.zeros(4), np.ones(4))


def encode(texts: Any) -> Any:
    """The letters a, b, c, d counted."""
    return np.array([[t.count(c) for c in "abcd"] for t in texts], np.float64)


def choices(people: int, seed: int = 0) -> list[dict[str, str]]:
    """All like a; b is a matter of taste; c and d are noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(people):
        taste = np.array([1.5, 3.0 * rng.choice([-1.0, 1.0]), 0.0, 0.0])
        for k in range(30):
            x, y = rng.integers(0, 3, (2, 4))
            if rng.random() > 1 / (1 + np.exp(-float(taste @ (x - y)))):
                x, y = y, x
            texts = [
                "".join(c * n for c, n in zip("abcd", v, strict=True)) + f" {k}{side}"
                for side, v in (("x", x), ("y", y))
            ]
            rows.append({"person": f"p{p}", "chosen": texts[0], "rejected": texts[1]})
    return rows


def lay(place: Path, name: str, licence: str | None, rows: list[dict[str, Any]]) -> None:
    head = [{"licence": licence}] if licence else []
    text = "\n".join(json.dumps(r) for r in [*head, *rows])
    (place / f"{name}.jsonl").write_text(text, encoding="utf-8")


def test_what_people_share_is_learnt_and_judged_on_people_left_out(tmp_path: Path) -> None:
    lay(tmp_path, "letters", "CC BY 4.0", choices(160))
    prior, card = recipe.make(found(tmp_path), encode, START)
    assert prior.space == "toy:text"
    assert prior.mean[0] > 0.7 and np.abs(prior.mean[1:]).max() < 0.5
    assert prior.var[1] > 2.0 and prior.var[[0, 2, 3]].max() < 1.0
    told = card["left_out"]
    low = told["8 answers"]["interval"][0]
    assert low > told["nobody's answers"]["mean"] > 0.55
    assert card["gain"]["interval"][0] > 0.0
    assert 15 < told["8 answers"]["people"] < 60 and card["data"][0]["people"] == 160
    assert card["may_ship"]


def test_file_and_cards_are_written_and_read_again(tmp_path: Path) -> None:
    lay(tmp_path, "letters", None, choices(20))
    prior, card = recipe.make(found(tmp_path), encode, START)
    made = recipe.write(tmp_path / "out" / "prior.safetensors", prior, card)
    again, told = recipe.read(made[0], "toy:text")
    assert np.array_equal(again.mean, prior.mean) and np.array_equal(again.var, prior.var)
    assert told == card == json.loads(made[1].read_text())
    # Nobody said what it may be used for.
    words = made[2].read_text()
    assert not card["may_ship"] and "Not to be shipped**: letters (not said)" in words
    with pytest.raises(ValueError, match="space"):
        recipe.read(made[0], "other:text")
    made[0].write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="fit-population"):
        recipe.read(made[0], "toy:text")


def test_few_people_would_be_given_away(tmp_path: Path) -> None:
    lay(tmp_path, "letters", "CC0", choices(4))
    with pytest.raises(ValueError, match="4 people are too few"):
        recipe.make(found(tmp_path), encode, START)


def test_sets_are_read_as_their_readmes_say(tmp_path: Path) -> None:
    def put(name: str, rows: list[Any]) -> None:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))

    put("polis/items.jsonl.gz", [{"id": i, "conv": "c", "text": i} for i in "stv"])
    put("polis/dev.jsonl.gz", [{"u": "u", "conv": "c", "votes": [["s", 1], ["t", 0], ["v", -1]]}])
    put("jester/items.jsonl.gz", [{"id": f"j{i}", "text": f"joke {i}"} for i in (1, 2, 3)])
    put("jester/dev.jsonl.gz", [{"u": "u", "r": [[1, -9.0], [2, 4.0], [3, 5.0]]}])
    put("convarg/items.jsonl.gz", [{"id": i, "topic": "t", "text": i} for i in "ab"])
    put("convarg/dev.jsonl.gz", [{"u": "u", "n": n, "a": "a", "b": "b", "y": y}
                                 for n, y in enumerate((0, 0.5))])  # fmt: skip
    (tmp_path / "holdout.sealed").mkdir()
    (tmp_path / "holdout.sealed" / "more.jsonl").write_text("never read")
    told = {t.name: t for t in found(tmp_path)}
    assert told["polis"].people == {"c u": [("s", "v")]}
    # Jokes 2 and 3 both beat joke 1, which may be told of once.
    assert told["jester"].people["u"] in ([("joke 2", "joke 1")], [("joke 3", "joke 1")])
    assert told["convarg"].people == {"u": [("b", "a")]}
    assert {n for n, t in told.items() if t.may_ship} == {"polis", "convarg"}
    assert [t.name for t in found(tmp_path, ("jester",))] == ["jester"]
    with pytest.raises(Unreadable, match="no nothing in"):
        found(tmp_path, ("nothing",))


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="can be read"):
        found(tmp_path)
    lay(tmp_path, "mine", None, [{"person": "p", "chosen": "a"}])
    with pytest.raises(Unreadable, match=r"mine.jsonl, choice 1: no 'rejected'"):
        found(tmp_path)
    (tmp_path / "mine.jsonl").write_text('{"person": "p", "chosen": "a", "rejected": "b"}\n{"pers')
    with pytest.raises(Unreadable, match=r"mine.jsonl, line 2: .*mend it"):
        found(tmp_path)


def test_nobody_speaks_louder_for_having_said_more(tmp_path: Path) -> None:
    rows = [{"person": "p", "chosen": f"{i}", "rejected": f"no {i}"} for i in range(PAIRS + 9)]
    lay(tmp_path, "mine", "CC BY-NC 4.0", rows)
    (told,) = found(tmp_path)
    assert len(told.people["p"]) == PAIRS and not told.may_ship


def test_the_command_says_what_was_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fit-population", "--out", str(tmp_path / "o"), "--shippable"]
    assert cli.main([*words, "--data", str(tmp_path / "none")]) == 2
    assert "pass --data DIR" in capsys.readouterr().err
    lay(tmp_path, "mine", "GPL-3", choices(6))
    assert cli.main([*words, "--data", str(tmp_path)]) == 2
    assert "CC BY or CC0" in capsys.readouterr().err and not (tmp_path / "o").exists()
