"""A tiny Stable Diffusion as people pass it around: one file under its first names (a U-Net of
input_blocks and output_blocks), with the small files of its family in a folder beside it.
"""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1",
          "conv_shortcut": "skip_connection"}  # fmt: skip
EDGES = {"conv_in.": "input_blocks.0.0.", "time_embedding.linear_1.": "time_embed.0.",
         "time_embedding.linear_2.": "time_embed.2.", "conv_norm_out.": "out.0.",
         "conv_out.": "out.2."}  # fmt: skip
VAE = {"mid_block.resnets.0": "mid.block_1", "mid_block.resnets.1": "mid.block_2",
       "mid_block.attentions.0": "mid.attn_1", "conv_norm_out": "norm_out", "group_norm": "norm",
       "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
       "conv_shortcut": "nin_shortcut"}  # fmt: skip


def single_file(pipe: Any, file: Path) -> Path:
    """Write the weights to `file` and everything else to the folder of its name."""
    unet, vae = pipe.unet, pipe.vae
    arrays = {f"model.diffusion_model.{_unet(k, unet.config.layers_per_block)}": v
              for k, v in unet.state_dict().items()}  # fmt: skip
    stages = len(vae.config.block_out_channels)
    for key, value in vae.state_dict().items():
        name = _vae(key, stages)
        # The first autoencoder had its attention as convolutions.
        square = "attn_1" in name and value.ndim == 2
        arrays[f"first_stage_model.{name}"] = value[..., None, None] if square else value
    for key, value in pipe.text_encoder.state_dict().items():
        told = key if key.startswith("text_model.") else f"text_model.{key}"
        arrays[f"cond_stage_model.transformer.{told}"] = value
    folder = file.with_suffix("")
    pipe.save_pretrained(folder)
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    save_file({k: v.clone().contiguous() for k, v in arrays.items()}, str(file))
    return file


def _unet(key: str, layers: int) -> str:
    for ours, theirs in EDGES.items():
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", key)
    if not found:
        part, number, tail = re.fullmatch(r"mid_block\.(\w+)\.(\d+)\.(.+)", key).groups()  # type: ignore[union-attr]
        place = 1 if part == "attentions" else 2 * int(number)
        return f"middle_block.{place}.{_resnet(tail) if part == 'resnets' else tail}"
    way, level, part, number, tail = found.groups()
    first = int(level) * (layers + 1)
    if part == "downsamplers":
        return f"input_blocks.{first + layers + 1}.0.op.{tail.removeprefix('conv.')}"
    if part == "upsamplers":
        return f"output_blocks.{first + layers}.1.{tail}"
    side, start = ("input", first + 1) if way == "down" else ("output", first)
    place = f"{side}_blocks.{start + int(number)}"
    return f"{place}.0.{_resnet(tail)}" if part == "resnets" else f"{place}.1.{tail}"


def _resnet(tail: str) -> str:
    name, _, end = tail.rpartition(".")
    return f"{RESNET[name]}.{end}"


def _vae(key: str, stages: int) -> str:
    found = re.match(r"(encoder|decoder)\.(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.", key)
    if found:
        side, way, level, part, number = found.groups()
        at = int(level) if way == "down" else stages - 1 - int(level)
        what = f"block.{number}." if part == "resnets" else f"{way}sample."
        key = f"{side}.{way}.{at}.{what}{key[found.end() :]}"
    for ours, theirs in VAE.items():
        key = key.replace(f"{ours}.", f"{theirs}.")
    return key


def same(one: Any, other: Any) -> bool:
    """Whether two pipelines hold the same numbers."""
    return all(
        torch.equal(v, getattr(other, part).state_dict()[k])
        for part in ("unet", "vae", "text_encoder")
        for k, v in getattr(one, part).state_dict().items()
    )
