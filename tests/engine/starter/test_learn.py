"""A run of teaching the personal adapter, on tiny parts: what is in its file at every moment."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.backbones.diffusion import Diffusion
from engine.data import Progress
from engine.starter.drawer import personal
from engine.starter.drawer.crowd import SPACE, Lot
from engine.starter.drawer.personal import FILE, Lesson, Plan, Watch, learn
from engine.steering.cross_attention import Personal
from tests.engine.starter.test_personal import PRIOR, lot
from tests.engine.starter.test_personal import backbone as backbone

CARD = {"pairs": 40, "before": 8, "people": 3, "win": 0.9, "gain": 0.9}
PLAN = Plan(steps=3, people=20, pairs=2, check=0.0)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, backbone: Diffusion, tmp_path: Path) -> list[float]:
    """What every look will find, in order. An adapter for the tiny model ships."""
    gains: list[float] = []

    def look(_watch: Any, _adapter: Any, strength: float = 1.0) -> dict[str, float]:
        gain = gains.pop(0)
        return {"win": gain / 2, "gain": gain}

    def steps(lesson: Lesson) -> Any:
        """A word after every step: a real run speaks every ten seconds."""
        for k in range(lesson.plan.steps):
            told = lesson.step()
            yield Progress(lesson.steps, 0, "", {**told, "share": (k + 1) / lesson.plan.steps})

    made = replace(Personal.fresh(backbone, SPACE, 64, 9), card=CARD)
    made.save(tmp_path / "shipped.safetensors")
    monkeypatch.setattr(personal, "FILE", tmp_path / "shipped.safetensors")
    monkeypatch.setattr(Watch, "look", look)
    monkeypatch.setattr(Lesson, "run", steps)
    monkeypatch.setattr(Lot, "of", lambda *_: lot())
    monkeypatch.setattr("engine.starter.drawer.known.starter", lambda **_: backbone)
    monkeypatch.setattr("engine.starter.prior.prior", lambda _kind: PRIOR)
    monkeypatch.setattr("engine.encoders.starter_picture.StarterPicture",
                        lambda: SimpleNamespace(encode=None))  # fmt: skip
    return gains


def taught(plan: Plan, out: Path) -> Personal:
    return Personal.load(learn(plan, out, lambda _: None))


def same(one: Personal, other: Personal) -> bool:
    return all(torch.equal(v, other.weights[k]) for k, v in one.weights.items())


def test_where_no_step_is_better_the_start_is_kept(looks: list[float], tmp_path: Path) -> None:
    looks += [0.5, 0.4, float("nan"), 0.1]
    found = taught(replace(PLAN, shipped=True), tmp_path / "out")
    assert same(found, Personal.load(personal.FILE)), "the file is what ships"
    assert found.card == {**CARD, "win": 0.25, "gain": 0.5}, "judged by this run's people"


def test_a_step_that_is_better_is_kept_and_counts_what_was_before(
    looks: list[float], tmp_path: Path
) -> None:
    looks += [0.5, 0.4, 0.7, 0.6]
    found = taught(replace(PLAN, shipped=True), tmp_path / "out")
    assert not same(found, Personal.load(personal.FILE))
    told = {k: found.card[k] for k in ("steps", "pairs", "before", "gain")}
    assert told == {"steps": 2, "pairs": 4, "before": 48, "gain": 0.7}


def test_the_file_holds_the_best_so_far_at_every_look(looks: list[float], tmp_path: Path) -> None:
    looks += [0.1, 0.3, 0.2, 0.4]
    seen: list[Any] = []

    def say(text: str) -> None:
        file = tmp_path / "out" / personal.FILE.name
        seen.append(Personal.load(file).card["gain"] if file.exists() else None)

    learn(replace(PLAN, shipped=True), tmp_path / "out", say)
    assert [g for g in seen if g is not None][-1] == 0.3, "the last is written after it is told"
    assert None not in seen[1:] and sorted(set(seen[1:])) == [0.1, 0.3]


def test_a_fresh_adapter_is_not_judged_before_it_learnt(looks: list[float], tmp_path: Path) -> None:
    looks += [-0.2, -0.1, -0.3]
    found = taught(PLAN, tmp_path / "out")
    assert found.card["gain"] == -0.1 and found.card["before"] == 0 and not looks


@pytest.mark.parametrize("shipped", [False, True])
def test_a_run_that_cannot_be_judged_says_so_and_names_no_file(
    looks: list[float], tmp_path: Path, shipped: bool
) -> None:
    looks += [float("nan")] * 4
    with pytest.raises(ValueError, match="no look at the drawings gave a number"):
        learn(replace(PLAN, shipped=shipped), tmp_path / "out", lambda _: None)
    assert not list((tmp_path / "out").iterdir())


def test_a_save_that_is_cut_off_leaves_the_file_before(
    backbone: Diffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Personal.fresh(backbone, SPACE, 64, 9)
    file = tmp_path / FILE.name
    made.save(file)
    before = file.read_bytes()

    def half(_state: Any, path: str, **_: Any) -> None:
        Path(path).write_bytes(before[: len(before) // 2])
        raise OSError("no space is left")

    monkeypatch.setattr("safetensors.torch.save_file", half)
    with pytest.raises(OSError, match="no space"):
        made.save(file)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_a_save_is_on_the_disk_before_it_takes_the_place(
    backbone: Diffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import checkpoints

    done: list[str] = []
    sync: Callable[[Path], None] = checkpoints.sync

    def noted(path: Path) -> None:
        done.append("file" if path.is_file() else "folder")
        done.append("there" if (tmp_path / "x.safetensors").exists() else "not yet")
        sync(path)

    monkeypatch.setattr("engine.checkpoints.sync", noted)
    Personal.fresh(backbone, SPACE, 64, 9).save(tmp_path / "x.safetensors")
    assert done == ["file", "not yet", "folder", "there"]
