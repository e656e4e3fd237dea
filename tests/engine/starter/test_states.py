"""Hidden states in eight bits a number: what comes back, and what a direction loses by it."""

import types

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.starter import states
from engine.starter.pool import passages


def made(rng: np.random.Generator) -> np.ndarray:
    """(n, 16) with one dimension a hundred times as large as the rest, and one that is still."""
    x = rng.normal(size=(len(passages()), 16)).astype(np.float32)
    x[:, 3] *= 100.0
    x[:, 5] = 2.0
    return x


def test_every_number_comes_back_within_half_a_step(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    x = made(np.random.default_rng(0))
    save_file(states.packed("m:layer1", x), str(tmp_path / "s.safetensors"))
    monkeypatch.setattr(states, "FILE", tmp_path / "s.safetensors")
    back = states.passage_states(types.SimpleNamespace(space=lambda k: f"m:layer{k}"), [1])[:, 0]
    step = np.ptp(x, axis=0) / 254
    assert (np.abs(back - x) <= 0.51 * step + 1e-5).all()
    assert (back[:, 5] == 2.0).all()
    likes = (x[:, 3] > 0) - 0.5
    told, lost = likes @ x, likes @ back
    assert told @ lost / np.linalg.norm(told) / np.linalg.norm(lost) == pytest.approx(1, abs=1e-6)


def test_of_another_model_they_are_computed(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    x = made(np.random.default_rng(1))
    save_file(states.packed("m:layer1", x[:100]), str(tmp_path / "s.safetensors"))
    monkeypatch.setattr(states, "FILE", tmp_path / "s.safetensors")
    asked = []
    model = types.SimpleNamespace(
        space=lambda k: f"m:layer{k}",
        hidden=lambda texts, layers: asked.append(len(texts)) or x[:, None],
    )
    assert (states.passage_states(model, [1])[:, 0] == x).all()  # the file holds too few rows
    assert asked == [len(passages())]
