"""Every family of picture models through one Backbone: seeds, looks, cancelling, scores, safety."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.backbones.diffusion import BadModel, Diffusion
from engine.data import Draw
from engine.denoising import Unsupported, family
from tests.tiny_pictures import KINDS, tiny_face, tiny_pictures


@pytest.fixture(scope="module", params=KINDS)
def drawn(request: Any) -> Diffusion:
    return Diffusion(request.param, tiny_face(request.param), size=16)


def ask(n: int = 2, **more: Any) -> Draw:
    settings = {"steps": 2, "guidance": 3.0, "size": (16, 16), "seed": 5} | more
    return Draw("a cat", n=n, **settings)


def pictures(backbone: Diffusion, request: Draw) -> list[np.ndarray]:
    return [s.pixels for s in backbone.generate(request) if s.done and s.pixels is not None]


def test_the_same_seed_is_the_same_picture_whatever_is_beside_it(drawn: Diffusion) -> None:
    alone, both = pictures(drawn, ask(1)), pictures(drawn, ask(2))
    assert len(both) == 2 and both[0].shape == (16, 16, 3) and both[0].dtype == np.uint8
    assert np.abs(alone[0].astype(int) - both[0]).max() <= 1
    assert (both[0] != both[1]).any()


def test_every_step_is_told_and_a_cancel_stops_between_steps(drawn: Diffusion) -> None:
    seen: list[str] = []
    request = ask(1, steps=6, cancelled=lambda: len(seen) >= 2)
    for sample in drawn.generate(request):
        assert not sample.done
        seen.append(sample.label)
    assert 2 <= len(seen) < 6
    assert len(pictures(drawn, ask(1))) == 1, "it goes on after a cancel"


def test_a_reader_that_goes_away_leaves_the_model_free(drawn: Diffusion) -> None:
    next(iter(drawn.generate(ask(1, steps=4))))
    assert len(pictures(drawn, ask(1))) == 1


def test_score_is_the_same_for_the_same_picture_and_swaps_with_its_sides(drawn: Diffusion) -> None:
    rng = np.random.default_rng(0)
    a, b = (Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)) for _ in range(2))
    one = drawn.score(["a cat"], [a], [b])
    other = drawn.score(["a cat"], [b], [a])
    same = drawn.score(["a cat"], [a], [a])
    assert one.shape == (1, 2) and np.allclose(one[0], other[0, ::-1], rtol=1e-4)
    assert same[0, 0] == pytest.approx(same[0, 1]) and (one < 0).all()


def test_the_error_is_the_mean_squared_distance_to_the_target(drawn: Diffusion) -> None:
    face = drawn.face
    clean = drawn.encode([Image.new("RGB", (16, 16), "red")])
    noise, t = torch.randn(clean.shape), torch.tensor([0.5])
    told = face.conditions(["a cat"])
    with torch.inference_mode():
        mixed, steps, target = face.noised(clean, noise, t)
        by_hand = (face.predict(mixed, steps, told) - target).square().mean()
        assert face.errors(clean, noise, t, told).item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_a_straight_path_ends_at_noise_and_begins_at_the_picture() -> None:
    face = tiny_face("sd3")
    x, n = torch.ones(1, 4, 2, 2), torch.full((1, 4, 2, 2), 3.0)
    for t, wanted in ((0.0, 1.0), (1.0, 3.0), (0.25, 1.5)):
        mixed, steps, target = face.noised(x, n, torch.tensor([t]))
        assert torch.allclose(mixed, torch.full_like(x, wanted)) and steps.item() == 1000 * t
        assert torch.allclose(target, torch.full_like(x, 2.0))


@pytest.mark.parametrize("sign", [torch.OutOfMemoryError("no room"), RuntimeError(
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")])  # fmt: skip
def test_little_memory_takes_a_rung_and_says_so(
    drawn: Diffusion, monkeypatch: Any, sign: Exception
) -> None:
    whole, sizes = Diffusion._run, []

    def scarce(self: Any, prompts: Any, seeds: Any, part: list[int], *rest: Any) -> Any:
        sizes.append(len(part))
        if len(part) > 1:
            raise sign
        return whole(self, prompts, seeds, part, *rest)

    monkeypatch.setattr(Diffusion, "_run", scarce)
    mine = Diffusion("x", drawn.face)
    made = [s for s in mine.generate(ask(4)) if s.done]
    assert len(made) == 4 and sizes[:2] == [4, 2] and "one picture at a time" in made[-1].label
    monkeypatch.setattr(Diffusion, "_run", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(MemoryError, match="smaller size"):
        list(Diffusion("x", drawn.face).generate(ask(1)))
    monkeypatch.setattr(Diffusion, "_run", lambda *_: (_ for _ in ()).throw(RuntimeError("odd")))
    with pytest.raises(RuntimeError, match="odd"):
        list(Diffusion("x", drawn.face).generate(ask(1)))


def test_no_room_to_load_a_model_is_not_called_a_broken_model(
    tmp_path: Path, monkeypatch: Any
) -> None:
    tiny_pictures("sd15").save_pretrained(tmp_path / "mine")

    def full(*_: Any, **__: Any) -> Any:
        return torch.empty(1 << 50, dtype=torch.uint8)

    monkeypatch.setattr("diffusers.StableDiffusionPipeline.from_pretrained", full)
    with pytest.raises(MemoryError, match="smaller model"):
        Diffusion.load(str(tmp_path / "mine"), cpu=True)


def test_what_is_to_be_avoided_is_heeded_or_refused_never_passed_over(drawn: Diffusion) -> None:
    """Flux took it and drew as without it."""
    if type(drawn.face.pipe).__name__ == "FluxPipeline":
        with pytest.raises(Unsupported, match="leave it empty"):
            pictures(drawn, ask(1, negative="a dog"))
        assert len(pictures(drawn, ask(1))) == 1, "it goes on"
        return
    plain, without = pictures(drawn, ask(1)), pictures(drawn, ask(1, negative="a dog"))
    assert (plain[0] != without[0]).any()


def test_a_saved_folder_draws_the_same(tmp_path: Path) -> None:
    pipe = tiny_pictures("sd15")
    pipe.save_pretrained(tmp_path / "mine")
    loaded = Diffusion.load(str(tmp_path / "mine"), cpu=True)
    before = pictures(Diffusion("x", family(pipe)), ask(1))
    assert np.array_equal(pictures(loaded, ask(1))[0], before[0])
    assert loaded.name.startswith("mine-")


def test_files_that_can_run_code_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    tiny_pictures("sd15").save_pretrained(folder)
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(BadModel, match="run code"):
        Diffusion.load(str(folder), cpu=True)
    told = json.loads((folder / "model_index.json").read_text())
    told["unet"] = ["my_pipeline", "Mine"]
    (folder / "model_index.json").write_text(json.dumps(told))
    with pytest.raises(BadModel, match="code of its own"):
        Diffusion.load(str(folder), cpu=True)


@pytest.mark.parametrize("name", ["missing", "empty", "torn", "a.ckpt"])
def test_what_is_no_model_is_refused_in_words(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    if name == "empty":
        place.mkdir()
    elif name == "torn":
        tiny_pictures("sd15").save_pretrained(place)
        weights = next((place / "unet").glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:1000])
    elif name == "a.ckpt":
        place.write_bytes(b"x")
    with pytest.raises(BadModel):
        Diffusion.load(str(place), cpu=True)


def test_too_large_a_picture_is_refused(drawn: Diffusion) -> None:
    with pytest.raises(BadModel, match="pixels"):
        list(drawn.generate(ask(1, size=(16, 9000))))


def test_an_unknown_pipeline_names_the_known_ones() -> None:
    with pytest.raises(Unsupported, match="FluxPipeline"):
        family(object())
