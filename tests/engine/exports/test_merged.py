"""A merged folder is the tuned model with no adapter beside it."""

from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine.exports import EXPORTS
from engine.exports.base import Material, Refused, make, prove
from tests.engine.exports.materials import material

MERGED = EXPORTS["merged"].load()


@pytest.fixture
def what(tmp_path: Path) -> Material:
    return material(tmp_path / "lm")


def test_transformers_alone_says_what_ours_says(what: Material, tmp_path: Path) -> None:
    proof = make(MERGED, what, tmp_path / "out", fresh=False)
    assert proof.tick == "loaded there" and proof.matched == proof.total == 39
    assert proof.max_diff is not None and proof.max_diff < 1e-4 < (proof.effect or 0)
    assert (tmp_path / "out" / "tokenizer.json").exists()


@pytest.mark.parametrize("change", ["dropped", "renamed"])
def test_a_missing_tensor_is_not_drawn_at_random(
    what: Material, tmp_path: Path, change: str
) -> None:
    make(MERGED, what, tmp_path / "out", fresh=False)
    file = tmp_path / "out" / "model.safetensors"
    arrays = load_file(file)
    name = next(k for k in arrays if "q_proj" in k)
    taken = arrays.pop(name)
    if change == "renamed":
        arrays[name + "_"] = taken
    save_file(arrays, file, metadata={"format": "pt"})
    with pytest.raises(Refused, match="names found their place"):
        prove(MERGED, what, tmp_path / "out", fresh=False)


def test_nothing_personal_is_in_the_header(what: Material, tmp_path: Path) -> None:
    make(MERGED, what, tmp_path / "out", fresh=False)
    with safe_open(tmp_path / "out" / "model.safetensors", "np") as opened:
        assert opened.metadata() == {"format": "pt"}
    assert "Anna" not in (tmp_path / "out" / "README.md").read_text()
