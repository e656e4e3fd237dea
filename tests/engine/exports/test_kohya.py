"""One file for ComfyUI and A1111: names, alpha, header, and diffusers draws with it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from engine.exports import EXPORTS
from engine.exports.base import Refused, make, prove
from engine.exports.checks import keymaps
from tests.engine.exports.pictures import flux, material, sd3, sd15, sdxl

KOHYA = EXPORTS["kohya"].load()
UNET = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
SHAPES: dict[str, Any] = {
    "sd15": (sd15, UNET, "stable-diffusion-v1/lora", "sd_v1"),
    "sdxl": (sdxl, UNET, "stable-diffusion-xl-v1-base/lora", "sdxl_base_v1-0"),
    "sd3": (sd3, ("to_q", "to_out.0", "ff.net.2"), "stable-diffusion-3/lora", "sd3"),
    "flux": (flux, ("to_q", "add_k_proj", "proj_mlp", "ff.net.2"), "flux-1/lora", "flux1"),
}


def opened(folder: Path) -> tuple[Path, dict[str, str]]:
    (file,) = folder.glob("*.safetensors")
    with safe_open(file, "np") as stream:
        return file, stream.metadata()


@pytest.mark.parametrize("shape", SHAPES)
def test_diffusers_draws_with_the_file_and_every_name_is_known(shape: str, tmp_path: Path) -> None:
    build, ends, architecture, version = SHAPES[shape]
    what = material(build(tmp_path / "base"), ends)
    proof = make(KOHYA, what, tmp_path / "out", fresh=shape == "sd15")
    assert what.adapter
    assert proof.tick == "keys checked" and proof.matched == proof.total == len(
        what.adapter.weights
    )
    assert proof.max_diff is not None and proof.max_diff < 1e-4 < (proof.effect or 0)
    assert "ComfyUI and A1111 were not run" in proof.why
    file, told = opened(tmp_path / "out")
    assert told["modelspec.architecture"] == architecture
    assert told["ss_base_model_version"] == version and told["ss_network_dim"] == "4"
    names = load_file(str(file)).keys()
    start = "lora_unet_" if shape in ("sd15", "sdxl") else "transformer."
    assert all(n.startswith(start) for n in names)


def test_every_alpha_is_the_rank(tmp_path: Path) -> None:
    make(KOHYA, material(sd15(tmp_path / "base")), tmp_path / "out", fresh=False)
    arrays = load_file(str(opened(tmp_path / "out")[0]))
    alphas = [v for k, v in arrays.items() if k.endswith(".alpha")]
    assert len(alphas) * 3 == len(arrays)
    assert all(a.shape == () and a.dtype == np.float32 and a == 4 for a in alphas)
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0"
    assert f"{name}.lora_down.weight" in arrays


def test_the_header_tells_no_name_and_the_sidecar_the_strength(tmp_path: Path) -> None:
    what = material(sd15(tmp_path / "base"), preview=tmp_path / "p.png")
    (tmp_path / "p.png").write_bytes(b"picture")
    make(KOHYA, what, tmp_path / "out", fresh=False)
    file, told = opened(tmp_path / "out")
    assert float(told["ss_training_started_at"]) % 86400 == 0
    assert told["ss_output_name"] == file.stem == what.slug and told["ss_v2"] == "False"
    assert not {"ss_tag_frequency", "ss_dataset_dirs", "ss_bucket_info"} & told.keys()
    assert not any("Anna" in v for v in told.values())
    assert told["modelspec.hash_sha256"] == f"0x{told['sshs_model_hash']}"
    beside = json.loads((tmp_path / "out" / f"{file.stem}.json").read_text())
    assert beside["preferred weight"] == 0.8 and beside["sd version"] == "SD1"
    assert (tmp_path / "out" / f"{file.stem}.png").read_bytes() == b"picture"
    assert f"<lora:{what.slug}:0.8>" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("change", ["dropped", "renamed", "halved"])
def test_a_wrong_file_is_refused(change: str, tmp_path: Path) -> None:
    what = material(sd15(tmp_path / "base"))
    make(KOHYA, what, tmp_path / "out", fresh=False)
    file, told = opened(tmp_path / "out")
    arrays = load_file(str(file))
    first = next(k for k in arrays if k.endswith("to_q.lora_down.weight")).split(".")[0]
    taken = {k: arrays.pop(k) for k in list(arrays) if k.split(".")[0] == first}
    if change == "renamed":
        arrays |= {k.replace("to_q", "to_x"): v for k, v in taken.items()}
    if change == "halved":
        arrays |= taken
        arrays = {k: np.asarray(v / 2) if k.endswith(".alpha") else v for k, v in arrays.items()}
    save_file(arrays, str(file), metadata=told)
    with pytest.raises(Refused):
        prove(KOHYA, what, tmp_path / "out", fresh=False)


# Names from files that are in use, with the layers that both programs take them for.
KNOWN = {
    "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k":
        "diffusion_model_input_blocks_4_1_transformer_blocks_0_attn2_to_k",
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj":
        "diffusion_model_middle_block_1_transformer_blocks_0_ff_net_0_proj",
    "lora_unet_up_blocks_3_attentions_2_proj_in": "diffusion_model_output_blocks_11_1_proj_in",
    "lora_unet_down_blocks_2_resnets_1_time_emb_proj":
        "diffusion_model_input_blocks_8_0_emb_layers_1",
}  # fmt: skip
SD15 = {"_class_name": "UNet2DConditionModel", "layers_per_block": 2,
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_both_programs_take_a_name_for_the_same_layer(name: str) -> None:
    assert keymaps.a1111(name) == KNOWN[name]
    there = keymaps.comfy(SD15)[name]
    assert f"diffusion_model_{there.replace('.', '_')}" == KNOWN[name]


def test_sd15_has_as_many_layers_as_the_programs_know_and_no_stranger() -> None:
    known = keymaps.comfy(SD15)
    # 16 attentions of 2 + 10 matrices, 22 resnets of 4: input 8, middle 2, output 12.
    assert len(known) == 16 * 12 + 22 * 4 and len(set(known.values())) == len(known)
    assert keymaps.lost(known, SD15) == []
    odd = {**SD15, "layers_per_block": 1}
    assert keymaps.lost(["lora_unet_down_blocks_1_attentions_0_proj_in"], odd)


def test_an_sd3_whose_width_comfyui_cannot_cut_is_refused(tmp_path: Path) -> None:
    what = material(sd3(tmp_path / "base", width=32))
    with pytest.raises(Refused, match="ComfyUI"):
        make(KOHYA, what, tmp_path / "out", fresh=False)
    assert make(EXPORTS["diffusers"].load(), what, tmp_path / "ok", fresh=False).matched
