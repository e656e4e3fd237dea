"""Drawings and tunings that go wrong with a model of the person's own: a clear word, nothing
half-written, and the studio goes on.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from app import flags, keeping_pictures
from app.jobs import Inline
from app.making import Maker
from app.picture_models import chosen
from app.studio import Studio
from engine.backbones.diffusion import Diffusion
from profiles.store import Store
from tests.app.people import inky
from tests.engine.picture_job import save_tiny
from tests.tiny_pictures import tiny_unet

ROOT = Path(__file__).resolve().parents[2]
WANTED = {"medium": "picture", "prompt": "a castle", "n": 2, "strength": 1.0, "seed": 3,
          "depth": None, "max_tokens": 20}  # fmt: skip
FEW = {"medium": "picture", "settings": {"steps": 1, "batch": 1}}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, stocked: Path) -> Iterator[Any]:
    folder, keys = tmp_path_factory.mktemp("fail"), iter(range(10**6))
    model = save_tiny(folder / "mine", "sd15")
    shutil.copytree(stocked, folder / "data")
    patch = pytest.MonkeyPatch()
    patch.setattr(keeping_pictures, "PAIRS", 3)
    patch.setattr("app.making.Maker.warm", lambda self, kind: None)
    patch.setattr("app.fresh.Fresh.after", lambda self, user, profile: None)
    maker = Maker(ROOT / ".models", None, cpu=True)
    with Studio(Store.open(folder / "data"), maker, Inline()) as studio:
        user = studio.store.local_user()
        profile = inky(studio, user, lambda: f"fail-key-{next(keys):06d}", 9)
        yield SimpleNamespace(studio=studio, user=user, profile=profile, model=model)
    patch.undo()


@pytest.fixture(autouse=True)
def afresh(own: Any) -> None:
    """The model as it was, not yet loaded."""
    own.studio.maker.drop_drawer()
    own.studio.maker.draws = pointed(own.model)


def pointed(model: Path) -> Any:
    return chosen(SimpleNamespace(pictures=str(model), pictures_steps=4, pictures_guidance=2.0,
                                  pictures_size=32, models_dir="nowhere"))  # fmt: skip


def make(own: Any, cancelled: Any = lambda: False) -> list[dict[str, Any]]:
    return list(own.studio.generate(own.user, own.profile, WANTED, cancelled))


def kept(own: Any) -> int:
    return len(own.studio.store.generations(own.profile))


def goes_on(own: Any, before: int) -> None:
    """Nothing of the failure was kept, nobody holds the slot, and the next drawing comes."""
    assert kept(own) == before and not own.studio.maker.busy()
    assert make(own)[-1]["type"] == "done" and kept(own) == before + 1


def test_a_draw_that_is_stopped(own: Any) -> None:
    before, seen = kept(own), [0]
    lines = []
    for line in own.studio.generate(own.user, own.profile, WANTED, lambda: seen[0] >= 2):
        seen[0] += line["type"] == "step"
        lines.append(line)
    assert seen[0] and lines[-1]["type"] != "done"
    assert not any("image" in r for r in lines if r["type"] == "sample")
    goes_on(own, before)


def test_a_gpu_that_runs_out_takes_fewer_at_a_time_and_says_so(
    own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Diffusion._run

    def scarce(self: Any, prompts: Any, seeds: Any, part: list[int], *rest: Any) -> Any:
        if len(part) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, prompts, seeds, part, *rest)

    monkeypatch.setattr(Diffusion, "_run", scarce)
    lines = make(own)
    assert lines[-1]["type"] == "done"
    notes = [r["text"] for r in lines if r["type"] == "note"]
    assert any("Little memory: one picture at a time" in n for n in notes), notes


def test_a_gpu_that_has_no_room_for_one(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    before = kept(own)
    with monkeypatch.context() as scarce:
        scarce.setattr(Diffusion, "_run", never)
        last = make(own)[-1]
    assert last["type"] == "error" and "smaller size" in last["error"]
    own.studio.maker.drop_drawer()
    goes_on(own, before)


def test_a_model_that_is_moved_away_while_the_studio_runs(own: Any, tmp_path: Path) -> None:
    before, away = kept(own), tmp_path / "away"
    own.model.rename(away)
    try:
        last = make(own)[-1]
        assert last["type"] == "error" and "is not there" in last["error"]
    finally:
        away.rename(own.model)
    goes_on(own, before)


def test_weights_that_do_not_fit_their_own_config(own: Any, tmp_path: Path) -> None:
    model = shutil.copytree(own.model, tmp_path / "odd")
    tiny_unet(block_out_channels=(24, 48)).save_pretrained(tmp_path / "other")
    weights = "diffusion_pytorch_model.safetensors"
    shutil.copy(tmp_path / "other" / weights, model / "unet" / weights)
    before = kept(own)
    own.studio.maker.draws = pointed(model)
    last = make(own)[-1]
    assert last["type"] == "error" and "odd could not be loaded" in last["error"], last
    own.studio.maker.draws = pointed(own.model)
    goes_on(own, before)


@pytest.mark.parametrize("sign", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError(
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")])  # fmt: skip
def test_a_tuning_that_runs_out_of_memory(
    own: Any, monkeypatch: pytest.MonkeyPatch, sign: Exception
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise sign

    studio, before = own.studio, kept(own)
    with monkeypatch.context() as scarce:
        scarce.setattr("engine.picturing.PictureReading.measure", never)
        job = studio.keeping.tune(own.user, own.profile, FEW)
        studio.jobs.step()
    done = studio.keeping.job(own.user, job["id"])
    assert done["state"] == "failed" and "not enough memory" in done["error"], done["error"]
    assert studio.keeping.listed(own.profile) == []
    assert not (studio.jobs.place(job["id"]) / "out" / "person-0").exists()
    assert not studio.keeping.folder.exists() or not any(studio.keeping.folder.iterdir())
    goes_on(own, before)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--pictures-size", "5000"], "between 8 and 2048"),
        (["--pictures-size", "100"], "multiple of 8"),
        (["--pictures-steps", "0"], "between 1 and 200"),
    ],
)
def test_pictures_that_are_too_large_are_refused_at_the_start(words: list[str], told: str) -> None:
    with pytest.raises(flags.Wrong, match=told):
        flags.read(flags.parse(["run", *words]), {})


def test_the_file_of_settings_may_name_the_model(tmp_path: Path) -> None:
    text = f"pictures = {json.dumps(str(tmp_path))}\npictures_steps = 4\npictures_guidance = 0.0\n"
    (tmp_path / "settings.toml").write_text(text)
    made = flags.read(flags.parse(["run", "--data-dir", str(tmp_path)]), {})
    assert (made.pictures, made.pictures_steps, made.pictures_guidance) == (str(tmp_path), 4, 0.0)
