"""A GGUF LoRA: names, shapes, alpha and the order of rows; llama.cpp itself where installed."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from engine.exports import EXPORTS
from engine.exports.base import Material, Refused, make, prove
from engine.exports.checks import bindings, llama, text
from tests.engine.exports.materials import lm_folder, material

GGUF = EXPORTS["gguf_lora"].load()


@pytest.fixture
def what(tmp_path: Path) -> Material:
    return material(tmp_path / "lm")


def test_names_alpha_and_numbers_are_right(what: Material, tmp_path: Path) -> None:
    proof = make(GGUF, what, tmp_path / "out", fresh=False)
    assert proof.matched == proof.total == 56
    assert proof.max_diff is not None and proof.max_diff < 1e-3 < (proof.effect or 0)
    reader = gguf.GGUFReader(tmp_path / "out" / "adapter.gguf")
    said = {k: f.contents() for k, f in reader.fields.items()}
    assert said["general.type"] == "adapter" and said["adapter.type"] == "lora"
    assert said["adapter.lora.alpha"] == 4.0 and said["general.architecture"] == "llama"
    assert {"blk.0.attn_q.weight.lora_a", "blk.3.ffn_down.weight.lora_b"} <= {
        t.name for t in reader.tensors
    }


def test_rows_of_q_are_paired_as_llama_cpp_turns_them() -> None:
    """Two heads of width 4: halves (0 1 | 2 3) become neighbours (0 2 1 3)."""
    rows = np.arange(8.0)[:, None]
    told = {"num_attention_heads": 2}
    made = llama.turned("model.layers.0.self_attn.q_proj", rows, told)
    assert made[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert np.array_equal(llama.turned("a.q_proj", made, told, back=True), rows)
    assert llama.turned("model.layers.0.self_attn.v_proj", rows, told) is rows


def _rewritten(path: Path, change: str) -> None:
    """The file again with one tensor left out, misnamed, or with half of alpha."""
    reader = gguf.GGUFReader(path)
    tensors = {t.name: np.array(t.data) for t in reader.tensors}
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    name = "blk.1.attn_q.weight.lora_b"
    taken = tensors.pop(name)
    if change == "misnamed":
        tensors["blk.1.attn_q_norm.weight.lora_b"] = taken
    if change == "halved":
        tensors[name], alpha = taken, alpha / 2
    del reader
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for key, array in tensors.items():
        writer.add_tensor(key, array)
    llama.finish(writer)


@pytest.mark.parametrize("change", ["dropped", "misnamed", "halved"])
def test_a_wrong_file_is_refused(what: Material, tmp_path: Path, change: str) -> None:
    make(GGUF, what, tmp_path / "out", fresh=False)
    _rewritten(tmp_path / "out" / "adapter.gguf", change)
    with pytest.raises(Refused):
        prove(GGUF, what, tmp_path / "out", fresh=False)


def test_other_architectures_are_told_another_way(what: Material, tmp_path: Path) -> None:
    path = what.model / "config.json"
    path.write_text(path.read_text().replace('"model_type": "llama"', '"model_type": "mamba"'))
    with pytest.raises(Refused, match="PEFT folder"):
        make(GGUF, what, tmp_path / "out", fresh=False)


@pytest.mark.skipif(not bindings.installed(), reason="no llama.cpp binding is installed here")
def test_llama_cpp_says_what_ours_says(what: Material, tmp_path: Path) -> None:
    proof = make(GGUF, what, tmp_path / "out")
    assert proof.tick == "loaded there" and proof.max_diff is not None and proof.max_diff < 1e-3


@pytest.mark.skipif(not bindings.installed(), reason="no llama.cpp binding is installed here")
def test_the_base_model_is_the_same_in_llama_cpp(tmp_path: Path) -> None:
    model = lm_folder(tmp_path / "lm")
    theirs, why = llama.said(model, text.tokens(model))
    assert not why
    assert np.abs(theirs - text.outputs(text.load(model), text.tokens(model))).max() < 1e-3
