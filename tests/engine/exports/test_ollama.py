"""An Ollama folder holds what its Modelfile names, at the recommended strength."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from engine.exports import EXPORTS
from engine.exports.base import Material, Refused, make, prove
from engine.exports.checks import llama
from tests.engine.exports.materials import lm_folder, material

OLLAMA = EXPORTS["ollama"].load()


@pytest.fixture
def what(tmp_path: Path) -> Material:
    llama.write_base(lm_folder(tmp_path / "small"), tmp_path / "base.gguf")
    return material(tmp_path / "lm", gguf=tmp_path / "base.gguf")


def test_the_strength_is_built_in(what: Material, tmp_path: Path) -> None:
    proof = make(OLLAMA, what, tmp_path / "out", fresh=False)
    assert proof.tick == "keys checked" and proof.matched == proof.total == 56
    assert proof.max_diff is not None and proof.max_diff < 1e-3 < (proof.effect or 0)
    assert what.adapter
    reader = gguf.GGUFReader(tmp_path / "out" / "adapter.gguf")
    up = next(t.data for t in reader.tensors if t.name == "blk.0.attn_v.weight.lora_b")
    name = "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight"
    assert np.allclose(up, what.adapter.weights[name] * 0.8)


def test_a_modelfile_that_points_elsewhere_is_refused(what: Material, tmp_path: Path) -> None:
    make(OLLAMA, what, tmp_path / "out", fresh=False)
    assert "ADAPTER ./adapter.gguf" in (tmp_path / "out" / "Modelfile").read_text()
    (tmp_path / "out" / "base.gguf").unlink()
    with pytest.raises(Refused, match="not beside it"):
        prove(OLLAMA, what, tmp_path / "out", fresh=False)
