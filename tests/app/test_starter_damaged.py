"""Files of the shipped picture model that are cut short: a word that names the file and the cure,
and everything that needs no drawing goes on.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.doctor import CHECKS
from app.flags import Options
from app.picture_models import Absent, BadModel, Starter
from engine.starter.drawer import known, personal
from tests.app.people import inky

WEIGHTS = "diffusion_pytorch_model.safetensors"
WANTED = {"medium": "picture", "prompt": "a cat", "n": 1, "strength": 1.0, "seed": 3,
          "depth": None, "max_tokens": 20}  # fmt: skip
CURE = "git checkout -- engine/starter/drawer"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of all that ships, in place of the real one."""
    made = tmp_path / "drawer"
    shutil.copytree(known.MODEL, made / "model")
    shutil.copy(personal.FILE, made / personal.FILE.name)
    monkeypatch.setattr(known, "MODEL", made / "model")
    monkeypatch.setattr(personal, "FILE", made / personal.FILE.name)
    return made


def cut(file: Path) -> None:
    body = file.read_bytes()
    file.write_bytes(body[: len(body) // 2])


def make(studio: Any, user: int, profile: int, **more: Any) -> list[dict[str, Any]]:
    return list(studio.generate(user, profile, {**WANTED, **more}, lambda: False))


def notes(lines: list[dict[str, Any]]) -> str:
    return " ".join(r["text"] for r in lines if r["type"] == "note")


def found(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in lines if r["type"] == "sample" and "item" in r]


@pytest.mark.parametrize(
    "name",
    [f"transformer/{WEIGHTS}", f"vae/{WEIGHTS}", "lesson.json", "vae/config.json",
     "scheduler/scheduler_config.json"],
)  # fmt: skip
def test_a_file_that_is_cut_short_is_named_and_the_collection_answers(
    copy: Path, name: str, studio: Any, user: int, key: Callable[[], str]
) -> None:
    assert Starter().why_not == ""
    cut(copy / "model" / name)
    profile = inky(studio, user, key, 4)
    lines = make(studio, user, profile)
    assert lines[-1]["type"] == "done" and len(found(lines)) == 2 and lines[0]["drawn"] == 0
    assert Path(name).name in notes(lines) and CURE in notes(lines)
    offer = studio.keeping.offer(user, profile, "picture")
    assert not offer["ready"] and Path(name).name in offer["why"]
    with pytest.raises(BadModel, match=Path(name).name):
        Starter().identity()


def test_a_file_that_is_gone_is_named_and_one_that_came_back_draws_again(copy: Path) -> None:
    file = copy / "model" / "transformer" / WEIGHTS
    body = file.read_bytes()
    file.unlink()
    assert WEIGHTS in Starter().why_not
    file.write_bytes(body)
    assert Starter().why_not == "" and Starter().identity().startswith("starter-pictures-")


def test_a_picture_adapter_is_listed_though_the_model_is_damaged(
    copy: Path, studio: Any, user: int, key: Callable[[], str]
) -> None:
    profile = inky(studio, user, key, 1)
    row = {"kind": "picture", "base": "starter-pictures-00000000"}
    cut(copy / "model" / "transformer" / WEIGHTS)
    assert studio.keeping.fits(row) is False
    assert studio.keeping.chosen(profile, "picture") is None


def test_keep_goes_on_where_the_model_that_was_asked_for_cannot_be_used(
    studio: Any, user: int, key: Callable[[], str]
) -> None:
    profile = inky(studio, user, key, 4)
    studio.maker.draws = Absent("mine is torn")
    offer = studio.keeping.offer(user, profile, "picture")
    assert not offer["ready"] and "mine is torn" in offer["why"]
    assert offer["answers"] == 4 and offer["presets"] == []


def test_doctor_names_the_file_and_the_cure(copy: Path) -> None:
    assert CHECKS["pictures"](Options(data_dir="none"))["ok"]
    cut(copy / "personal.safetensors")
    told = CHECKS["pictures"](Options(data_dir="none"))
    assert not told["ok"] and "personal.safetensors" in told["found"]
    cut(copy / "model" / "vae" / WEIGHTS)
    told = CHECKS["pictures"](Options(data_dir="none"))
    assert not told["ok"] and f"vae/{WEIGHTS}" in told["found"]
    assert "--pictures" not in told["cure"]


def test_what_only_loading_finds_is_said_after_the_collection(
    copy: Path, studio: Any, user: int, key: Callable[[], str]
) -> None:
    (copy / "model" / "vae" / "config.json").write_text('{"_class_name": 7}')
    lines = make(studio, user, inky(studio, user, key, 4))
    assert lines[-1]["type"] == "error" and CURE in lines[-1]["error"], lines[-1]
    assert len(found(lines)) == 2 and not studio.maker.busy()


def test_without_its_adapter_the_model_leans_and_says_so(
    copy: Path, studio: Any, user: int, key: Callable[[], str]
) -> None:
    profile = inky(studio, user, key, 4)
    cut(copy / "personal.safetensors")
    lines = make(studio, user, profile)
    assert lines[-1]["type"] == "done" and lines[0]["depth"] == "steered"
    assert "personal.safetensors" in notes(lines) and CURE in notes(lines)
    drawn = {r["side"]: r["image"] for r in lines if r["type"] == "sample" and "image" in r}
    assert drawn["personal"] != drawn["plain"]


def test_an_adapter_of_other_weights_is_said(
    copy: Path, studio: Any, user: int, key: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = inky(studio, user, key, 4)

    def other(_backbone: Any) -> Any:
        raise ValueError("this personal adapter was learnt on other weights")

    monkeypatch.setattr(personal, "adapter", other)
    last = make(studio, user, profile, depth="attended")[-1]
    assert last["type"] == "error" and "other weights" in last["error"] and CURE in last["error"]
