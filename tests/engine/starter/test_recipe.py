"""What `launch.py train-starter` was given reaches what it asks for: the device, the pack."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.device import Device
from engine.starter.drawer import known, personal, pipeline, recipe, shape
from engine.starter.drawer.autoencoder import teach

# The GPU of this test: tensors have a place and no numbers.
META = "meta"


def given(out: Path, **more: Any) -> Any:
    asked = {"pack": None, "gather": None, "device": META, "personal": False, "minutes": 1.0,
             "out": str(out), "pairs": 2, "shipped": False, "vae_minutes": 1.0, "resume": False,
             "batch": 2, "layers": 1, "copies": 2, "crops": 2, "decoder_minutes": 0.0}  # fmt: skip
    return SimpleNamespace(**{**asked, **more})


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A pack of one grey picture; what it was asked to build."""
    asked: list[Any] = []

    def build(copies: int, seed: int, device: str) -> Any:
        asked.append((copies, seed, device))
        return SimpleNamespace(pixels=np.full((copies, 96, 96, 3), 77, np.uint8))

    pack = SimpleNamespace(build=build, words=lambda device: SimpleNamespace(device=device))
    monkeypatch.setattr(recipe.Pack, "load", lambda _path: pack)
    return asked


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where the decoder and its pictures lay while it was taught, and the pictures' mean."""
    seen: list[Any] = []

    def watched(model: Any, pixels: Any, *_: Any) -> Any:
        grey = None if pixels.is_meta else float(pixels.float().mean())
        seen.append((model.device.type, pixels.device.type, grey))
        seen.append([p.requires_grad for p in model.encoder.parameters()])
        yield from ()

    monkeypatch.setattr(recipe.small, "teach", watched)
    return seen


def test_the_adapter_is_taught_on_the_device_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packed: list[Any]
) -> None:
    asked: list[Any] = []

    def learn(_plan: Any, out: Path, _say: Any, words: Any, device: str) -> Path:
        asked.append((words, device))
        return out

    monkeypatch.setattr(personal, "learn", learn)
    recipe.run(given(tmp_path, personal=True))
    recipe.run(given(tmp_path, personal=True, pack="icons.npz"))
    assert asked[0] == (None, META)
    assert asked[1][1] == META and asked[1][0].encoder.device == META


def test_the_shipped_model_is_put_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    pipe = pipeline.assembled(shape.autoencoder(8), shape.transformer(1, 1))
    monkeypatch.setattr(type(pipe), "to", lambda made, device: asked.append(device) or made)
    monkeypatch.setattr(pipeline, "load", lambda _folder: pipe)
    monkeypatch.setattr("engine.device.choose", lambda *_: Device("mps", "float32", "a test"))
    words = SimpleNamespace()
    assert known.starter(words=words).device == "mps"
    assert known.starter(words=words, device="cuda").device == "cuda"
    assert asked == ["mps", "cuda"]


@pytest.mark.parametrize("pack", [None, "icons.npz"])
def test_the_decoder_learns_where_and_from_what_was_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packed: list[Any], taught: list[Any],
    pack: str | None,
) -> None:  # fmt: skip
    shape.autoencoder(8).save_pretrained(tmp_path / "vae")
    pool = SimpleNamespace(pixels=np.full((2, 96, 96, 3), 200, np.uint8))
    monkeypatch.setattr(recipe.data, "build", lambda *_: pool)
    saved: list[Any] = []
    monkeypatch.setattr(recipe.AutoencoderTiny, "save_pretrained",
                        lambda _made, place: saved.append(place))  # fmt: skip
    for device in (META, "cpu"):
        recipe.run(given(tmp_path, decoder_minutes=1.0, pack=pack, device=device))
    assert taught[0][:2] == (META, META) and taught[2][:2] == ("cpu", "cpu")
    assert taught[2][2] == (77 if pack else 200)
    assert not any(taught[1]), "the encoder stays, and with it what the latents mean"
    assert packed == ([(2, 2, META), (2, 2, "cpu")] if pack else [])
    assert saved == [tmp_path / "vae"] * 2


def test_a_decoder_that_is_not_there_is_not_taught_from_nothing(
    tmp_path: Path, taught: list[Any]
) -> None:
    with pytest.raises(FileNotFoundError, match="--shipped"):
        recipe.run(given(tmp_path, decoder_minutes=1.0))
    assert not taught


def test_more_time_moves_the_decoder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    vae = shape.autoencoder(8)
    before = {k: v.clone() for k, v in vae.state_dict().items()}
    pool = SimpleNamespace(pixels=np.full((2, 96, 96, 3), 200, np.uint8))
    monkeypatch.setattr(recipe.data, "build", lambda *_: pool)
    monkeypatch.setattr(recipe.small, "teach", teach)
    recipe.finer(vae, recipe.Wanted(tmp_path, steps=2, copies=2), 0.0, lambda _: None)
    moved = {k.split(".")[0] for k, v in vae.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {"decoder"} and (tmp_path / "vae" / "config.json").exists()
