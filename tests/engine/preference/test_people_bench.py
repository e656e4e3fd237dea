"""The bench on real people, on made-up files of their shape: it runs, and the controls bite."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench import people, people_content, people_data, people_methods, people_pairs
from tests.bench import people_scored as scored

RNG = np.random.default_rng(0)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(json.dumps(r) for r in rows))


def consensus(place: Path) -> None:
    """Arguments all agree on, one answer of ten a slip; two colour sets, asked twice each."""
    worth = RNG.standard_normal(20)
    rows = [{"u": f"w{p}", "n": n, "topic": "t", "a": f"a{i}", "b": f"a{j}",
             "y": float((worth[i] > worth[j]) != (RNG.random() < 0.1))}
            for p in range(160)
            for n, (i, j) in enumerate(RNG.permutation(20)[:2] for _ in range(26))]  # fmt: skip
    write(place / "convarg" / "dev.jsonl.gz", rows)
    write(place / "convarg" / "items.jsonl.gz",
          [{"id": f"a{i}", "topic": "t", "text": "z" * (i + 1)} for i in range(20)])  # fmt: skip
    sets = [[f"#{RNG.integers(0, 256**3):06x}" for _ in range(8)] for _ in range(80)]
    write(place / "color_sets" / "dev.jsonl.gz",
          [{"u": f"c{p}", "n": n, "c1": sets[2 * (n % 40)], "c2": sets[2 * (n % 40) + 1],
            "set_pick": 1 + ((n % 40 + p + (n >= 40 and n % 4 == 0)) % 2)}
           for p in range(4) for n in range(80)])  # fmt: skip
    marks = [{"u": f"r{p}", "item": f"x{i}", "simplicity": float(v), "meaning": float(100 - v),
              "fluency": 50.0 + 20 * (i % 2)} for p in range(12)
             for i, v in enumerate(RNG.integers(0, 101, 16))]  # fmt: skip
    write(place / "asset_attr" / "ratings.jsonl.gz", marks)
    write(place / "asset_attr" / "items.jsonl.gz",
          [{"id": f"x{i}", "text": "q" * (i + 1)} for i in range(16)])  # fmt: skip
    write(place / "asset_attr" / "pairs.jsonl.gz",
          [{"u": "q", "meaning": float(k % 4 == 0), "simplicity": 1.0}
           for k in range(12)])  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two camps in both sets; three personas told apart by a column of their vectors."""
    camps = np.sign(RNG.standard_normal(30))
    votes = [{"u": f"p{p}", "conv": "c", "votes": [
        [f"s{i}", int(camps[i] * (1 if p % 2 else -1) * (1 if RNG.random() > 0.1 else -1))]
        for i in RNG.permutation(30)]} for p in range(240)]  # fmt: skip
    write(tmp_path / "polis" / "dev.jsonl.gz", votes)
    write(tmp_path / "polis" / "items.jsonl.gz",
          [{"id": f"s{i}", "conv": "c", "text": "x" * (i + 1)} for i in range(30)])  # fmt: skip
    taste = RNG.standard_normal((30, 2))
    ratings = [{"u": f"k{p}", "r": [
        [i + 1, float(v)] for i, v in enumerate(taste @ RNG.standard_normal(2) * 4)]}
        for p in range(240)]  # fmt: skip
    write(tmp_path / "jester" / "dev.jsonl.gz", ratings)
    write(tmp_path / "jester" / "items.jsonl.gz",
          [{"id": f"j{i + 1}", "text": "y" * (40 - i)} for i in range(30)])  # fmt: skip
    write(tmp_path / "personas" / "statements.jsonl.gz",
          [{"id": f"t{n}-{i}", "persona": n, "text": f"{n} {m} {i}", "match": m, "conf": 1}
           for n in "abcdefghijkl" for m in (0, 1) for i in range(40)])  # fmt: skip
    consensus(tmp_path)
    (tmp_path / "holdout.sealed").mkdir()  # opening it as a file would raise

    def vectors(texts: list[str]) -> Any:
        made = np.random.default_rng(1).standard_normal((len(texts), 384)) * 0.1
        for row, text in zip(made, texts, strict=True):
            name, _, rest = text.partition(" ")
            if rest:
                row["abcdefghijkl".index(name)] += 2.0 if rest.startswith("1") else -2.0
        return made

    monkeypatch.setattr(people_methods, "embedded", vectors)
    monkeypatch.setattr(people_content, "embedded", vectors)
    monkeypatch.setattr(people_content, "states", vectors)
    return tmp_path


def test_the_bench_tells_people_apart_and_its_controls_bite(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is read in more than one way goes the same way each time.
    once = {n: way for n, way in people.SETS.items() if people_data.home(n) == n}
    monkeypatch.setattr(people, "SETS", once)
    made = people.run(True, 0, None, data)["figures"]
    for name in ("polis", "jester"):
        assert made[f"{name}_auto_16"] > 0.8
        assert made[f"{name}_auto_gain_low"] > 0.1
        assert made[f"{name}_auto_swapped"] < made[f"{name}_auto_16"] - 0.1
        assert made[f"{name}_auto_mean"] < made[f"{name}_auto_16"] - 0.1
    assert made["personas_auto_16"] > 0.9 > made["personas_auto_swapped"]
    assert made["polis_claims"] == made["polis_claim_holds"] == 1.0
    assert made["convarg_claims"] == 0.0
    assert made["convarg_no_harm"] == 1.0 and abs(made["convarg_auto_gain"]) < 0.02
    assert made["convarg_auto_0"] > 0.8
    assert "aigen_images_auto_16" not in made


def test_first_judgments_are_the_first_in_time(data: Path) -> None:
    rows = people_data.read(data / "convarg" / "dev.jsonl.gz")
    judged = [u for u in sorted({r["u"] for r in rows}) if not people_data.part(u, 4)]
    asked = people_pairs.convarg(data, 0, 100)[0].judged
    first = [int(r["a"][1:]) for r in sorted(rows, key=lambda r: r["n"]) if r["u"] == judged[0]]
    assert asked.left[0].tolist() == first[:16]


def test_colours_are_asked_twice_and_nobody_is_learnt_from_himself(data: Path) -> None:
    """One pair in four is answered the other way the second time."""
    assert np.allclose(people_pairs.agreement(data), 0.75)
    groups = people_pairs.color_sets(data, 0, 100)
    assert len(groups) == 4 and all(g.one and len(g.fold) == 3 for g in groups)
    first, second = groups[0], groups[1]
    assert np.array_equal(first.judged.left, second.judged.left)
    # Neighbours say the opposite, so that what the others taught is two against one.
    assert first.picks is not None and set(first.picks.who) == {0, 1, 2}
    shown = set(first.judged.left[0]) | set(first.judged.right[0])
    assert not shown & (set(first.judged.won) | set(first.judged.lost))


def test_marks_become_pairs_with_a_gap_and_the_trade_is_counted(data: Path) -> None:
    groups = scored.asset("simplicity")(data, 0, 100)
    marks = {(r["u"], r["item"]): r["simplicity"]
             for r in people_data.read(data / "asset_attr" / "ratings.jsonl.gz")}  # fmt: skip
    people_there = sorted({u for u, _ in marks})
    for quarter, group in enumerate(groups):
        names = [u for u in people_there if people_data.part(u, 4) == quarter]
        a = group.judged
        for who, won, lost in zip(a.who, a.won, a.lost, strict=True):
            assert marks[names[who], f"x{won}"] - marks[names[who], f"x{lost}"] >= scored.GAP
    assert np.allclose(scored.opposed(data), 0.75)


def test_later_pairs_are_the_same_for_every_k_and_never_answers(data: Path) -> None:
    for name in ("polis", "jester"):
        asked = getattr(people_data, name)(data, 0, 50)[0].judged
        assert asked.left.shape[1] == people_data.MOST
        for w, won, lost in zip(asked.who, asked.won, asked.lost, strict=True):
            told = set(zip(asked.left[w], asked.right[w], strict=True))
            assert (won, lost) not in told and (lost, won) not in told


def test_nobody_is_both_learnt_from_and_judged(data: Path) -> None:
    rows = people_data.read(data / "polis" / "dev.jsonl.gz")
    judged = [r for r in rows if not people_data.part(r["u"], 4)]
    group = people_data.polis(data, 0, 1000)[0]
    assert len(group.answers) + len(judged) == len(rows) and len(group.judged) <= len(judged)


def test_without_data_the_cure_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--data DIR"):
        people_data.folder(tmp_path)
