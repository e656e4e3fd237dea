"""What `launch.py train-starter` was given reaches what it asks for: the device, the pack."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.device import Device
from engine.starter.drawer import known, personal, pipeline, recipe, shape

# The GPU of this test: tensors have a place and no numbers.
META = "meta"


def given(out: Path, **more: Any) -> Any:
    asked = {"pack": None, "gather": None, "device": META, "personal": False, "minutes": 1.0,
             "out": str(out), "pairs": 2, "shipped": False, "vae_minutes": 1.0, "resume": False,
             "batch": 2, "layers": 1, "copies": 2, "crops": 2, "decoder_minutes": 0.0,
             "style_minutes": 0.0}  # fmt: skip
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


def test_the_adapter_is_taught_on_the_device_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packed: list[Any]
) -> None:
    asked: list[Any] = []

    plans: list[Any] = []

    def learn(plan: Any, out: Path, _say: Any, words: Any, device: str) -> Path:
        asked.append((words, device))
        plans.append(plan)
        return out

    monkeypatch.setattr(personal, "learn", learn)
    recipe.run(given(tmp_path, personal=True))
    recipe.run(given(tmp_path, personal=True, pack="icons.npz"))
    assert asked[0] == (None, META)
    assert asked[1][1] == META and asked[1][0].encoder.device == META
    recipe.run(given(tmp_path, personal=True, shipped=True))
    first, on = plans[0], plans[2]
    assert on.rate < first.rate and on.seed != first.seed, "going on is gentler, with other people"


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
