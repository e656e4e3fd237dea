"""The verbs on the command line, on a real data folder: every one, and what each refuses."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import cli

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(
    tmp_path: Path,
    stocked: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Call:
    """A verb with --json: its exit code and what it printed, parsed."""
    # A command of its own ends with its process; here loading ahead would outlive its Studio.
    monkeypatch.setattr("app.making.Maker.warm", lambda *_: None)
    shutil.copytree(stocked, tmp_path / "data")

    def run(*words: object) -> tuple[int, Any]:
        code = cli.main([*map(str, words), "--json", "--data-dir", str(tmp_path / "data")])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_from_a_new_profile_to_a_deleted_one(call: Call, tmp_path: Path) -> None:
    made = call("new", "Evening", "walks")[1]
    one = made["id"]
    assert made["name"] == "Evening walks" and made["named"]
    asked = call("question", one)[1]
    ids = [i["id"] for i in asked["items"]]
    code, told = call("answer", asked["id"], *ids[:3])
    assert code == 0 and told["next"]["progress"]["answers"] == 1
    assert call("profiles")[1]["profiles"][0]["answers"]["picture"] == 1
    assert call("undo", one)[1]["undone"] == told["seq"]
    assert call("undo", one)[1]["undone"] is None
    assert call("redo", one)[0] == 0
    belief = call("belief", one)[1]
    assert belief["answers"] == 1 and belief["medium"] == "picture"
    assert Path(call("backup")[1]["backup"]).exists()
    gone = call("delete", one)[1]
    assert gone["left"] == 0 and call("profiles")[1] == {"profiles": []}


def test_a_profile_goes_out_and_comes_back(call: Call, tmp_path: Path) -> None:
    one = call("new", "Mine")[1]["id"]
    asked = call("question", one, "--medium", "text")[1]
    call("answer", asked["id"], asked["items"][0]["id"])
    bundle, rows = tmp_path / "mine.penchant", tmp_path / "answers.csv"
    assert call("export", one, bundle)[1]["bytes"] == bundle.stat().st_size > 0
    call("export", one, rows, "--what", "answers", "--format", "csv")
    assert len(rows.read_text().splitlines()) == 2
    back = call("import", bundle)[1]
    assert back["id"] != one and back["name"] == "Mine" and back["answers"]["text"] == 1


def test_own_pictures_are_added(call: Call, tmp_path: Path) -> None:
    one = call("new")[1]["id"]
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    (tmp_path / "own.PNG").write_bytes(buffer.getvalue())
    assert len(call("add", one, tmp_path / "own.PNG")[1]["items"]) == 1


def test_what_cannot_be_is_refused_with_its_cure(call: Call, tmp_path: Path) -> None:
    one = call("new")[1]["id"]
    asked = call("question", one)[1]
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for words, cure in [
        (("question", 99), "no profile 99"),
        (("answer", 99, "skip"), "question"),
        (("answer", asked["id"], "perhaps"), "both_good"),
        (("answer", asked["id"], 1, "skip"), "both_good"),
        (("import", tmp_path / "none"), "No such file"),
        (("import", tmp_path / "latin.txt"), "bundle"),
        (("add", one, tmp_path / "latin.txt"), "UTF-8"),
        (("add", one, tmp_path), "directory"),
        (("restore", one, 99), "version"),
    ]:
        code, told = call(*words)
        assert code == 2 and cure in told["error"], (words, told)
    assert call("question", one)[1]["id"] == asked["id"]


def test_a_second_process_is_told_so(studio: Any, capsys: pytest.CaptureFixture[str]) -> None:
    busy = str(studio.store.folder)
    assert cli.main(["profiles", "--data-dir", busy]) == 2
    assert "another Penchant" in capsys.readouterr().err
