"""The steering as a LoRA: the best of its rank, close enough, or refused."""

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from engine.exports import EXPORTS, gguf_direction_lora
from engine.exports.base import Material, Refused, make
from engine.exports.checks import bindings
from tests.engine.exports.materials import direction, material

TWIN = EXPORTS["gguf_direction_lora"].load()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LEARNT", 16), ("MEASURED", 4), ("LONGEST", 96)):
        monkeypatch.setattr(gguf_direction_lora, name, value)
    gguf_direction_lora._fit.cache_clear()


@pytest.fixture
def what(tmp_path: Path) -> Material:
    return material(tmp_path / "lm", adapter=None, direction=direction())


def test_no_rank_one_map_is_nearer_and_its_size_is_right() -> None:
    made = torch.Generator().manual_seed(1)
    x = torch.randn(400, 12, generator=made, dtype=torch.float64) + 0.7
    y = torch.ones(400, 1, dtype=torch.float64) @ torch.randn(1, 6, generator=made).double()
    down, up = (m.double() for m in gguf_direction_lora._best(x, y))
    assert down.shape == (1, 12) and up.shape == (6, 1)
    error = float(((x @ down.T @ up.T - y) ** 2).sum())
    # What rank 1 can do at best is known: y is of rank 1, so it is the plain regression.
    best = float(((x @ torch.linalg.lstsq(x, y).solution - y) ** 2).sum())
    assert best <= error < 1.02 * best and error < 0.3 * float((y**2).sum())
    for _ in range(50):
        other = (x @ (down + 0.1 * torch.randn(1, 12, generator=made)).T @ up.T - y) ** 2
        assert float(other.sum()) > error


def test_it_steers_as_the_studio_does_and_says_how_nearly(what: Material, tmp_path: Path) -> None:
    proof = make(TWIN, what, tmp_path / "out", fresh=False)
    assert proof.matched == proof.total == 4
    assert proof.max_diff is not None and proof.max_diff < 1e-3 < (proof.effect or 0)
    assert "A LoRA cannot add a constant" in proof.why
    assert float(proof.why.split(" does to ")[1].split("%")[0]) >= 95
    reader = gguf.GGUFReader(tmp_path / "out" / "adapter.gguf")
    assert {t.name for t in reader.tensors} == {
        f"blk.{k}.ffn_down.weight.lora_{s}" for k in (1, 2) for s in "ab"
    }
    card = " ".join((tmp_path / "out" / "README.md").read_text().split())
    assert "no control vectors" in card and "--lora-scaled adapter.gguf:0.8`" in card


def test_minus_is_minus(what: Material) -> None:
    plus = gguf_direction_lora.fitted(what)
    minus = gguf_direction_lora.fitted(replace(what, direction=-what.direction))  # type: ignore

    def moved(fit: gguf_direction_lora.Fit) -> dict[str, np.ndarray]:
        weights = fit.adapter.weights
        stems = {k.rpartition(".lora_")[0] for k in weights}
        return {s: weights[f"{s}.lora_B.weight"] @ weights[f"{s}.lora_A.weight"] for s in stems}

    one, other = moved(plus), moved(minus)
    for name, change in one.items():
        cosine = (change * other[name]).sum() / np.linalg.norm(change) / np.linalg.norm(other[name])
        assert cosine < -0.98


def test_what_is_not_close_is_not_offered(
    what: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_direction_lora, "LOST", 1e-9)
    with pytest.raises(Refused, match="use the control vector"):
        make(TWIN, what, tmp_path / "out", fresh=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not bindings.installed(), reason="no llama.cpp binding is installed here")
def test_llama_cpp_says_what_ours_says(what: Material, tmp_path: Path) -> None:
    proof = make(TWIN, what, tmp_path / "out")
    assert proof.tick == "loaded there" and proof.max_diff is not None and proof.max_diff < 1e-3
