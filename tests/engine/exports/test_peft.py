"""A PEFT folder is loaded by PEFT and says what ours says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from engine.adapter import WEIGHTS
from engine.exports import EXPORTS
from engine.exports.base import Material, Refused, make, prove
from tests.engine.exports.materials import TITLE, material

PEFT = EXPORTS["peft"].load()


@pytest.fixture
def what(tmp_path: Path) -> Material:
    return material(tmp_path / "lm")


def test_a_fresh_process_with_peft_says_what_ours_says(what: Material, tmp_path: Path) -> None:
    proof = make(PEFT, what, tmp_path / "out")
    assert proof.tick == "loaded there" and proof.matched == proof.total == 56
    assert proof.max_diff is not None and proof.max_diff < 1e-4
    assert proof.effect is not None and proof.effect > 0.1 and proof.differs_from_base
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["lora_alpha"] == config["r"] == 4
    assert config["base_model_name_or_path"] == "someone/tiny-lm" and config["revision"] == "abc"


def test_only_numbers_leave_unless_asked(what: Material, tmp_path: Path) -> None:
    make(PEFT, what, tmp_path / "out", fresh=False)
    for file in (tmp_path / "out").iterdir():
        assert b"Anna" not in file.read_bytes() and b"quiet" not in file.read_bytes()
    with safe_open(tmp_path / "out" / WEIGHTS, "np") as opened:
        assert opened.metadata()["penchant.answers"] == "60"
    full = replace(what, facts=replace(what.facts, privacy="full"))
    make(PEFT, full, tmp_path / "full", fresh=False)
    assert f"# {TITLE}" in (tmp_path / "full" / "README.md").read_text()


def test_a_card_tells_counts_agreement_strength_and_licence(what: Material, tmp_path: Path) -> None:
    make(PEFT, what, tmp_path / "out", fresh=False)
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith('---\nbase_model: "someone/tiny-lm"\nlicense: apache-2.0\n')
    for said in ("60 answers", "71%", "60% to 80%", "Recommended 0.8", "56 of 56", "vector only"):
        assert said in card, said


@pytest.mark.parametrize("change", ["dropped", "renamed", "halved"])
def test_a_wrong_file_is_refused(what: Material, tmp_path: Path, change: str) -> None:
    out = tmp_path / "out"
    make(PEFT, what, out, fresh=False)
    arrays = load_file(str(out / WEIGHTS))
    name = next(k for k in arrays if "lora_B" in k)
    taken = arrays.pop(name)
    if change == "renamed":
        arrays[name.replace("_proj", "_prog")] = taken
    if change == "halved":
        arrays[name] = taken
        arrays = {k: v * 0.5 if "lora_B" in k else v for k, v in arrays.items()}
    save_file(arrays, str(out / WEIGHTS))
    with pytest.raises(Refused):
        prove(PEFT, what, out, fresh=False)


def test_nothing_is_left_of_a_refused_export(what: Material, tmp_path: Path) -> None:
    assert what.adapter
    still = {k: v * 0 if "lora_B" in k else v for k, v in what.adapter.weights.items()}
    same = replace(what, adapter=replace(what.adapter, weights=still))
    with pytest.raises(Refused, match="changes nothing"):
        make(PEFT, same, tmp_path / "there" / "out", fresh=False)
    assert not list((tmp_path / "there").iterdir())
    with pytest.raises(Refused, match="needs adapter"):
        make(PEFT, replace(what, adapter=None), tmp_path / "out")
