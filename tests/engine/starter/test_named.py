"""The share of things named comes into lesson.json by its own bench, and by nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.starter.drawer import known
from tests.bench import starter

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the lesson says, beside a bench that measures .7123."""
    shutil.copy(known.MODEL / "lesson.json", tmp_path / "lesson.json")
    monkeypatch.setattr(known, "MODEL", tmp_path)
    monkeypatch.setattr(starter, "run", lambda **_: {"figures": {"concept_top5": 0.7123}})
    return tmp_path / "lesson.json"


def test_the_share_that_was_measured_is_written_and_nothing_else(copy: Path) -> None:
    before = json.loads(copy.read_text())
    assert starter.write_named() == 0.712
    after = json.loads(copy.read_text())
    assert after.pop("named") == 0.712 and before.pop("named") != 0.712
    assert after == before and list(after) == list(before)
    assert known.lesson(copy.parent).leads


def test_weights_that_were_never_judged_get_their_share(copy: Path) -> None:
    told = json.loads(copy.read_text())
    del told["named"]
    copy.write_text(json.dumps(told))
    starter.write_named()
    assert json.loads(copy.read_text())["named"] == 0.712


def test_what_ships_is_told_as_the_bench_writes_it() -> None:
    text = (known.MODEL / "lesson.json").read_text()
    assert text == json.dumps(json.loads(text), indent=1)
    assert "python -m tests.bench.starter" in (ROOT / "docs" / "starter-model.md").read_text()


def test_the_bench_says_what_it_measured_beside_what_is_written() -> None:
    figures: dict[str, Any] = starter.share({"concept_top5": 0.7123})
    assert figures == {"named": 0.712, "named_in_lesson": known.lesson().named}
