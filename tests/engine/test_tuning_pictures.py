"""A tuning of a tiny picture model in its worker: what it stages, shows, guards and resumes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine import checkpoints, gauges_pictures
from engine.adapter import Adapter
from engine.album import MIRRORED, Album
from engine.gauges_pictures import WINNER, best_step, distance, verdict, winner
from engine.objectives.base import Batch
from engine.tuning_pictures import PictureTuning
from engine.worker import Desk, work
from tests.engine.picture_job import COLOURS, PROMPTS, order, picture, save_tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def folder(tmp_path: Path, model: Path) -> Path:
    return order(tmp_path / "1", model, tmp_path / "cache.bin", 8, check_every=4)


def samples(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(x) for x in (folder / "samples.jsonl").read_text().splitlines()]


def test_a_job_ends_in_a_picture_adapter_with_samples_base_first(folder: Path) -> None:
    assert work(folder) == "done", (folder / "end.json").read_text()
    made = Adapter.load(folder / "out" / "person-0")
    assert made.card["medium"] == "picture" and made.card["objective"] == "diffusion_dpo"
    assert {"to_q", "to_out.0", "net.0.proj"} <= set(made.targets)
    assert any(np.abs(v).sum() > 0 for k, v in made.weights.items() if "lora_B" in k)
    rows = samples(folder)
    assert [r["step"] for r in rows] == [0, 4, 8]
    for row in rows:
        assert row["prompts"] == list(PROMPTS)
        for name in row["pictures"]:
            assert Image.open(folder / "samples" / name).size == (16, 16)
    curve = [json.loads(x)["metrics"] for x in (folder / "log.jsonl").read_text().splitlines()]
    checked = [m for m in curve if "win" in m]
    assert len(checked) == 2
    assert all({"agreement", "winner", "distance", "sure"} <= m.keys() for m in checked)
    wins = {r["step"]: r["win"] for r in rows}
    assert wins[made.card["steps"]] == max(wins[4], wins[8]), "the step that is liked most is kept"


def test_what_is_kept_is_as_long_as_it_was_tried(tmp_path: Path, model: Path) -> None:
    kept = {}
    for full in (1.0, 2.0):
        folder = order(tmp_path / str(full), model, tmp_path / "cache.bin", 4, check_every=4)
        told = json.loads((folder / "job.json").read_text())
        told["full"] = full
        (folder / "job.json").write_text(json.dumps(told))
        assert work(folder) == "done", (folder / "end.json").read_text()
        kept[full] = Adapter.load(folder / "out" / "person-0").weights
    for name, values in kept[1.0].items():
        longer = 2.0 if "lora_B" in name else 1.0
        assert np.allclose(kept[2.0][name], longer * values, atol=1e-7), name


def test_the_guard_looks_at_the_length_that_is_kept(tmp_path: Path, model: Path) -> None:
    folder = order(tmp_path / "1", model, tmp_path / "cache.bin", 2, check_every=4, rate=1e-2)
    told = json.loads((folder / "job.json").read_text())
    task = PictureTuning(folder, {**told, "full": 2.0})
    list(task.prepare())
    for _ in range(2):
        task.training.one()
    longer = task._measured()
    for values in task.training.lora.up.values():
        values.data.mul_(2.0)
    task.full = 1.0
    same = task._measured()
    for key in ("winner", "distance", "agreement"):
        assert longer[key] == pytest.approx(same[key], rel=1e-3, abs=1e-6), key
    assert longer["distance"] > 0


def test_what_a_stable_diffusion_learnt_leaves_for_diffusers_and_comfyui(tmp_path: Path) -> None:
    from engine.exports import EXPORTS
    from engine.exports.base import Material, make

    model = save_tiny(tmp_path / "model", "sd15")
    folder = order(tmp_path / "1", model, tmp_path / "cache.bin", 4, check_every=4, rate=1e-2)
    assert work(folder) == "done", (folder / "end.json").read_text()
    what = Material("mine", model, Adapter.load(folder / "out" / "person-0"))
    for name, tick in (("diffusers", "loaded there"), ("kohya", "keys checked")):
        export = EXPORTS[name].load()
        assert not export.unfit(model)
        proof = make(export, what, tmp_path / name, fresh=False)
        assert proof.tick == tick and proof.matched == proof.total > 0 and proof.differs_from_base


def test_at_a_rate_of_nothing_the_samples_are_the_base_models(tmp_path: Path, model: Path) -> None:
    folder = order(tmp_path / "1", model, tmp_path / "cache.bin", 2, check_every=2, rate=1e-30)
    assert work(folder) == "done"
    first, last = samples(folder)
    for a, b in zip(first["pictures"], last["pictures"], strict=True):
        assert (folder / "samples" / a).read_bytes() == (folder / "samples" / b).read_bytes()
    assert last["win"] == 0.5


def test_pictures_are_encoded_once_and_damage_is_refused(tmp_path: Path) -> None:
    import hashlib

    body, calls = picture("red"), []
    name = hashlib.sha256(body).hexdigest()
    (tmp_path / name).write_bytes(body)

    def encode(pictures: list[Any]) -> torch.Tensor:
        calls.append(len(pictures))
        return torch.full((1, 2, 3, 3), 0.25)

    one = Album(encode, tmp_path, tmp_path / "latents")
    assert torch.equal(one(name), torch.full((2, 3, 3), 0.25)) and one(name) is one(name)
    assert torch.equal(Album(encode, tmp_path, tmp_path / "latents")(name), one(name))
    assert calls == [1]
    (tmp_path / name).write_bytes(picture("blue"))
    with pytest.raises(ValueError, match="damaged"):
        Album(encode, tmp_path, tmp_path / "elsewhere")(name)
    with pytest.raises(ValueError, match="missing"):
        one("0" * 64)


def test_a_mirrored_picture_is_an_entry_of_its_own(tmp_path: Path) -> None:
    import hashlib

    left = Image.new("RGB", (16, 16), "white")
    left.paste((0, 0, 0), (0, 0, 8, 16))
    out = io.BytesIO()
    left.save(out, "PNG")
    name = hashlib.sha256(out.getvalue()).hexdigest()
    (tmp_path / name).write_bytes(out.getvalue())

    def encode(pictures: list[Any]) -> torch.Tensor:
        return torch.from_numpy(np.asarray(pictures[0], np.float32)).permute(2, 0, 1)[None]

    made = Album(encode, tmp_path, tmp_path / "latents")
    assert torch.equal(made(name + MIRRORED), made(name).flip(-1))
    assert not torch.equal(made(name + MIRRORED), made(name))
    assert len(list((tmp_path / "latents").iterdir())) == 2


def test_what_a_mirrored_run_needs_is_read_ahead(tmp_path: Path, model: Path) -> None:
    folder = order(tmp_path / "1", model, tmp_path / "cache.bin", 6, check_every=3, mirror=0.5)
    task = PictureTuning(folder, json.loads((folder / "job.json").read_text()))
    list(task.prepare())
    passes, latents = task.training.passes, len(task.album.made)
    assert any(n.endswith(MIRRORED) for n in task.album.made)
    list(task.run())
    assert (task.training.passes, len(task.album.made)) == (passes, latents)


def test_another_size_of_picture_is_read_anew(tmp_path: Path, model: Path) -> None:
    """Tuned at one size, started again with --pictures-size, tuned again: the old latents and
    reference values were taken.
    """
    shapes = []
    for number, size in enumerate((16, 32, 16)):
        folder = order(tmp_path / str(number), model, tmp_path / "cache.bin", 2, check_every=2)
        job = json.loads((folder / "job.json").read_text())
        (folder / "job.json").write_text(json.dumps(job | {"size": size}))
        task = PictureTuning(folder, json.loads((folder / "job.json").read_text()))
        known = len(task.cache.values)
        row = task.training.people[0].rows[0]
        list(task.training.prepare_references([row]))
        task.cache.keep()
        assert known == (0 if number < 2 else len(set(row.keys("x")))), "each size once"
        shapes.append(tuple(task.album(row.pictures[0]).shape))
    assert shapes == [(4, 8, 8), (4, 16, 16), (4, 8, 8)]


def test_what_decides_the_numbers_of_a_latent_is_in_its_place() -> None:
    from engine.backbones.diffusion import Diffusion
    from tests.tiny_pictures import tiny_face

    face = tiny_face("sd3")
    told = Diffusion("x", face, size=32).reads()
    assert told == "32px-cpu-float32"
    face.pipe.to(torch.bfloat16)
    assert Diffusion("x", face, "cuda").reads() == "16px-cuda-bfloat16"


def test_a_picture_that_is_missing_is_said(folder: Path) -> None:
    next((folder / "pictures").iterdir()).unlink()
    assert work(folder) == "failed"
    assert "missing" in json.loads((folder / "end.json").read_text())["words"]


@pytest.mark.parametrize("wish", ["pause", "stop"])
def test_a_wish_keeps_what_was_learnt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    told = Desk.tell

    def tell(self: Desk, progress: Any) -> None:
        told(self, progress)
        if progress.done == 5 and progress.metrics:
            (folder / "wish").write_text(wish)

    with monkeypatch.context() as early:
        early.setattr(Desk, "tell", tell)
        assert work(folder) == {"pause": "paused", "stop": "stopped"}[wish]
    if wish == "stop":
        assert Adapter.load(folder / "out" / "person-0").card["steps"] == 4
        return
    assert checkpoints.newest(folder / "checkpoints")[1]["step"] == 5
    (folder / "wish").unlink()
    assert work(folder) == "done"
    assert [r["step"] for r in samples(folder)] == [0, 4, 8]


def test_killed_runs_end_in_the_same_numbers(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.engine.kill_worker", str(tmp_path), "5", "3", "pictures"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-800:]
    told = json.loads(made.stdout.splitlines()[-1])
    assert told["kills"] == 5 and told["differ"] == 0


# the verdict


def check(step: int, win: float, **more: float) -> dict[str, float]:
    return {"step": step, "win": win, "sure": win, "winner": 0.0, "distance": 0.1, **more}


def test_by_hand_the_winners_error_and_the_distance() -> None:
    a, b = torch.tensor([[-1.1, -3.0], [-1.1, -3.0]]), torch.tensor([[-1.0, -2.0], [-1.0, -2.0]])
    assert winner(Batch.pairs(a, b, torch.ones(2, 2))) == pytest.approx(0.1)
    assert distance(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]), 4.0) == pytest.approx(0.5)


def test_the_most_liked_sound_step_is_kept() -> None:
    history = [check(1, 0.6), check(2, 0.8), check(3, 0.7), check(4, 0.9, winner=WINNER + 0.01)]
    assert best_step(history) == 2
    said = verdict(history)
    assert said.stop and said.keep == 2 and "worse than before" in said.words
    assert verdict(history[:2]).state == "learning" and not verdict(history[:2]).stop


def test_samples_decide_never_the_accuracy_on_what_was_learnt() -> None:
    """The toy of founding paper 8: implicit accuracy rises while samples get worse."""
    history = [check(k, 0.75 - 0.1 * k, train_accuracy=0.6 + 0.1 * k) for k in range(4)]
    said = verdict(history)
    assert said.stop and said.state == "unlearning" and said.keep == 0


def test_what_moves_nothing_is_not_called_learning() -> None:
    assert verdict([check(k, 0.5) for k in range(3)]).state == "no_signal"
    assert verdict([check(1, 0.5)]).state == "early"
    far = verdict([check(1, 0.6), check(2, 0.9, distance=gauges_pictures.FAR + 0.1)])
    assert far.stop and far.state == "drifting" and far.keep == 1


def test_the_colours_of_the_toy_differ() -> None:
    assert len({picture(c) for c in COLOURS}) == len(COLOURS)
