"""The bench on real people, on made-up files of their shape: it runs, and the controls bite."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench import people, people_content, people_data, people_methods

RNG = np.random.default_rng(0)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(json.dumps(r) for r in rows))


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
    return tmp_path


def test_the_bench_tells_people_apart_and_its_controls_bite(data: Path) -> None:
    made = people.run(True, 0, None, data)["figures"]
    for name in ("polis", "jester"):
        assert made[f"{name}_auto_16"] > 0.8
        assert made[f"{name}_auto_gain_low"] > 0.1
        assert made[f"{name}_auto_swapped"] < made[f"{name}_auto_16"] - 0.1
        assert made[f"{name}_auto_mean"] < made[f"{name}_auto_16"] - 0.1
    assert made["personas_auto_16"] > 0.9 > made["personas_auto_swapped"]


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
