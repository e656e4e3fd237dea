"""A control vector: names as repeng writes them, a scale that is said, llama.cpp where it is."""

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from engine.exports import EXPORTS
from engine.exports.base import Material, Refused, make, prove
from engine.exports.checks import bindings, llama, text
from engine.steering.activation import UNIT
from tests.engine.exports.materials import direction, material

VECTOR = EXPORTS["gguf_control_vector"].load()


@pytest.fixture
def what(tmp_path: Path) -> Material:
    return material(tmp_path / "lm", adapter=None, direction=direction())


def test_names_and_scale_are_right(what: Material, tmp_path: Path) -> None:
    proof = make(VECTOR, what, tmp_path / "out", fresh=False)
    assert proof.matched == proof.total == 2
    assert proof.max_diff is not None and proof.max_diff < 1e-3 and (proof.effect or 0) > 1e-3
    reader = gguf.GGUFReader(tmp_path / "out" / "direction.gguf")
    said = {k: f.contents() for k, f in reader.fields.items()}
    assert said["general.architecture"] == "controlvector"
    assert said["controlvector.model_hint"] == "llama"
    tensors = {t.name: np.array(t.data) for t in reader.tensors}
    assert tensors.keys() == {"direction.1", "direction.2"}
    model = text.load(what.model)
    ids = text.tokens(what.model)
    with torch.inference_mode():
        rows = [model(torch.tensor([list(r)]), output_hidden_states=True).hidden_states[2][0, 1:]
                for r in ids]  # fmt: skip
    mean = np.mean([float(r.norm(dim=-1).mean()) for r in rows])
    assert what.direction
    assert np.allclose(tensors["direction.1"], what.direction.layers[1] * UNIT * mean, rtol=1e-4)


def test_it_steers_as_the_studio_does(what: Material, tmp_path: Path) -> None:
    proof = make(VECTOR, what, tmp_path / "out", fresh=False)
    share = int(proof.why.split(" alike to ")[1].split("%")[0])
    assert share > 80
    turned = replace(what, direction=-what.direction)  # type: ignore[operator]
    again = make(VECTOR, turned, tmp_path / "minus", fresh=False)
    assert again.max_diff is not None and again.max_diff < 1e-3


def test_the_first_block_and_lost_layers_are_refused(what: Material, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="first block"):
        make(VECTOR, replace(what, direction=direction(layers=(0, 1))), tmp_path / "a", fresh=False)
    make(VECTOR, what, tmp_path / "out", fresh=False)
    writer = gguf.GGUFWriter(str(tmp_path / "out" / "direction.gguf"), "controlvector")
    writer.add_tensor("direction.1", np.ones(32, np.float32))
    llama.finish(writer)
    with pytest.raises(Refused, match="1 of 2"):
        prove(VECTOR, what, tmp_path / "out", fresh=False)


@pytest.mark.skipif(
    not bindings.installed(directions=True), reason="llama-cpp-python is not installed here"
)
def test_llama_cpp_says_what_ours_says(what: Material, tmp_path: Path) -> None:
    proof = make(VECTOR, what, tmp_path / "out")
    assert proof.tick == "loaded there" and proof.max_diff is not None and proof.max_diff < 1e-3


def test_the_card_says_what_scale_one_is_of_the_slider(what: Material, tmp_path: Path) -> None:
    facts = replace(what.facts, strength=2.0, range=(-2.0, 2.0), full=2.0)
    make(VECTOR, replace(what, facts=facts), tmp_path / "out", fresh=False)
    card = " ".join((tmp_path / "out" / "README.md").read_text().split())
    assert "direction.gguf:2`" in card
    assert "scale 2 is the slider at full, scale 1 is 50% of that" in card
