"""Where ComfyUI and A1111 look for the layers that an adapter file names.

Both pass over names they do not know with a line in their log, so every name is looked up here
first. Facts of two programs restated as data, no code of theirs: ComfyUI comfy/lora.py
(model_lora_keys_unet) and comfy/utils.py (unet_to_diffusers, mmdit_to_diffusers,
flux_to_diffusers); A1111 extensions-builtin/Lora/networks.py (convert_diffusers_name_to_compvis).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

RESNET = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1",
          "conv_shortcut": "skip_connection"}  # fmt: skip
ATTENTION = ("proj_in", "proj_out")
TRANSFORMER = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q",
               "attn2.to_k", "attn2.to_v", "attn2.to_out.0", "ff.net.0.proj",
               "ff.net.2")  # fmt: skip
EDGES = ("proj_out", "norm_out.linear", "context_embedder",
         *(f"time_text_embed.{part}_embedder.linear_{n}"
           for part in ("timestep", "text") for n in (1, 2)))  # fmt: skip
JOINT = ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "attn.add_q_proj",
         "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out", "ff.net.0.proj", "ff.net.2",
         "ff_context.net.0.proj", "ff_context.net.2", "norm1.linear",
         "norm1_context.linear")  # fmt: skip
SINGLE = ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp", "proj_out", "norm.linear")
# ComfyUI cuts the joint matrix of q, k and v of an SD3 at 64 times its number of blocks.
SD3_WIDTH = 64


def comfy(config: Mapping[str, Any]) -> dict[str, str]:
    """ComfyUI's name of a layer in a file -> its place in the model, by the part's config.json."""
    kind = config["_class_name"]
    if kind == "UNet2DConditionModel":
        return {f"lora_unet_{ours.replace('.', '_')}": there for ours, there in _unet(config)}
    blocks = [f"transformer_blocks.{i}.{tail}"
              for i in range(config["num_layers"]) for tail in JOINT]  # fmt: skip
    if kind == "SD3Transformer2DModel":
        width = config["num_attention_heads"] * config["attention_head_dim"]
        return _named(blocks + list(EDGES)) if width == SD3_WIDTH * config["num_layers"] else {}
    if kind == "FluxTransformer2DModel":
        single = [f"single_transformer_blocks.{i}.{tail}"
                  for i in range(config["num_single_layers"]) for tail in SINGLE]  # fmt: skip
        guidance = [f"time_text_embed.guidance_embedder.linear_{n}" for n in (1, 2)]
        return _named(blocks + single + list(EDGES) + guidance + ["x_embedder"])
    return {}


def _named(paths: Iterable[str]) -> dict[str, str]:
    return {f"transformer.{path}": path for path in paths}


def _unet(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path in diffusers, path in the first Stable Diffusion) of every matrix but the edges."""
    layers, blocks = config["layers_per_block"], len(config["block_out_channels"])
    for x in range(blocks):
        for i in range(layers):
            there = f"input_blocks.{1 + (layers + 1) * x + i}"
            yield from _block(f"down_blocks.{x}", i, there, config["down_block_types"][x], config)
        for i in range(layers + 1):
            there = f"output_blocks.{(layers + 1) * x + i}"
            yield from _block(f"up_blocks.{x}", i, there, config["up_block_types"][x], config)
    yield from _block("mid_block", 0, "middle_block", "CrossAttn", config)


def _block(path: str, i: int, there: str, kind: str,
           config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:  # fmt: skip
    middle = path == "mid_block"
    for place, number in ((0, 0), (1, 2)) if middle else ((i, 0),):
        for ours, theirs in RESNET.items():
            yield f"{path}.resnets.{place}.{ours}", f"{there}.{number}.{theirs}"
    if "CrossAttn" not in kind:
        return
    tails = [*ATTENTION, *(f"transformer_blocks.{t}.{tail}"
                           for t in range(_depth(config)) for tail in TRANSFORMER)]  # fmt: skip
    for tail in tails:
        yield f"{path}.attentions.{i}.{tail}", f"{there}.1.{tail}"


def _depth(config: Mapping[str, Any]) -> int:
    """The deepest stack of any block: names of layers that are not there do no harm."""
    told = config.get("transformer_layers_per_block") or 1
    return max(told) if isinstance(told, list) else int(told)


def a1111(name: str) -> str:
    """The module that A1111 takes a name of lora_unet_ for, or nothing; always 3 blocks a level."""
    found = re.fullmatch(
        r"lora_unet_(?:(down|up)_blocks_(\d+)|(mid)_block)_(attentions|resnets)_(\d+)_(.+)", name
    )
    if not found:
        return ""
    way, level, middle, kind, number, tail = found.groups()
    if kind == "resnets":
        tail = RESNET.get(tail, tail).replace(".", "_")
    if middle:
        block = f"middle_block_{1 if kind == 'attentions' else 2 * int(number)}"
        return f"diffusion_model_{block}_{tail}"
    side, first = ("input", 1) if way == "down" else ("output", 0)
    place = first + 3 * int(level) + int(number)
    return f"diffusion_model_{side}_blocks_{place}_{1 if kind == 'attentions' else 0}_{tail}"


def lost(names: Iterable[str], config: Mapping[str, Any]) -> list[str]:
    """Names that ComfyUI would pass over, or that A1111 would take for another layer."""
    known = comfy(config)
    unet = config["_class_name"] == "UNet2DConditionModel"
    return sorted(
        n for n in names
        if n not in known
        or (unet and a1111(n) != f"diffusion_model_{known[n].replace('.', '_')}")
    )  # fmt: skip
