"""A diffusers file is loaded by a pipeline and draws what ours draws."""

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from engine.backbones.diffusion import Diffusion
from engine.exports import EXPORTS
from engine.exports.base import Refused, make, prove
from tests.engine.exports.pictures import material, sd3, sd15

DIFFUSERS = EXPORTS["diffusers"].load()
FILE = "pytorch_lora_weights.safetensors"


def test_a_fresh_pipeline_draws_what_ours_draws(tmp_path: Path) -> None:
    what = material(sd3(tmp_path / "sd3"))
    proof = make(DIFFUSERS, what, tmp_path / "out")
    assert proof.tick == "loaded there" and proof.matched == proof.total == 8
    assert proof.max_diff is not None and proof.max_diff < 1e-4 < (proof.effect or 0)


def test_a_unet_too_and_nothing_personal_in_the_header(tmp_path: Path) -> None:
    proof = make(DIFFUSERS, material(sd15(tmp_path / "sd15")), tmp_path / "out", fresh=False)
    assert proof.tick == "loaded there" and proof.matched == proof.total
    with safe_open(tmp_path / "out" / FILE, "np") as opened:
        told = opened.metadata()
    assert "lora_adapter_metadata" in told and told["penchant.privacy"] == "vector only"
    assert not any("Anna" in v for v in told.values())
    card = (tmp_path / "out" / "README.md").read_text()
    assert "license: creativeml-openrail-m" in card and "pipeline_tag: text-to-image" in card


@pytest.mark.parametrize("change", ["dropped", "renamed", "rank without metadata"])
def test_a_wrong_file_is_refused(tmp_path: Path, change: str) -> None:
    what = material(sd3(tmp_path / "sd3"))
    make(DIFFUSERS, what, tmp_path / "out", fresh=False)
    file = tmp_path / "out" / FILE
    arrays = load_file(str(file))
    with safe_open(file, "np") as opened:
        told = opened.metadata()
    if change == "rank without metadata":
        # What diffusers #6087 did: half of alpha.
        told["lora_adapter_metadata"] = told["lora_adapter_metadata"].replace(
            '"transformer.lora_alpha": 4', '"transformer.lora_alpha": 2'
        )
    else:
        name = next(k for k in arrays if "to_q" in k)
        taken = arrays.pop(name)
        if change == "renamed":
            arrays[name.replace("to_q", "to_x")] = taken
    save_file(arrays, str(file), metadata=told)
    with pytest.raises(Refused):
        prove(DIFFUSERS, what, tmp_path / "out", fresh=False)


@pytest.mark.parametrize("parts", [("transformer",), ("transformer", "vae")])
def test_a_model_that_comes_in_16_bits_alone(tmp_path: Path, parts: tuple[str, ...]) -> None:
    """It was drawn with, and its adapter could not be exported."""
    model = sd3(tmp_path / "sd3")
    for part in parts:
        (file,) = (model / part).glob("*.safetensors")
        half = {k: v.astype(np.float16) for k, v in load_file(str(file)).items()}
        save_file(half, str(file.with_suffix(".fp16.safetensors")), metadata={"format": "pt"})
        file.unlink()
    assert Diffusion.load(str(model), cpu=True).name.startswith("sd3-")
    proof = make(DIFFUSERS, material(model), tmp_path / "out", fresh=False)
    assert proof.tick == "loaded there" and proof.matched == proof.total == 8
