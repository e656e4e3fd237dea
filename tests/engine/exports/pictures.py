"""Tiny picture models in folders, as diffusers saves them, and adapters that bend them."""

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch

from engine.adapter import Adapter, Base
from engine.exports.base import Material
from engine.exports.checks import picture
from tests.engine.exports.materials import FACTS, TITLE

df: Any = diffusers
BASE = Base("tiny-pictures", upstream="someone/tiny-pictures", licence="creativeml-openrail-m")


def _vae() -> Any:
    return df.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, latent_channels=4,
                            down_block_types=("DownEncoderBlock2D",),
                            up_block_types=("UpDecoderBlock2D",))  # fmt: skip


def sd3(folder: Path, width: int = 64) -> Path:
    """One block of width 64, as wide as ComfyUI takes SD3 to be, without text encoders."""
    torch.manual_seed(0)
    transformer = df.SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, out_channels=4, num_layers=1,
        attention_head_dim=8, num_attention_heads=width // 8, joint_attention_dim=32,
        caption_projection_dim=width, pooled_projection_dim=16, pos_embed_max_size=8,
    )  # fmt: skip
    names = ("text_encoder", "text_encoder_2", "text_encoder_3",
             "tokenizer", "tokenizer_2", "tokenizer_3")  # fmt: skip
    df.StableDiffusion3Pipeline(
        transformer=transformer, vae=_vae(), scheduler=df.FlowMatchEulerDiscreteScheduler(),
        **dict.fromkeys(names),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def sd15(folder: Path, layers: int = 2) -> Path:
    torch.manual_seed(0)
    unet = df.UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 32), layers_per_block=layers, cross_attention_dim=32,
        attention_head_dim=4, norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    df.StableDiffusionPipeline(
        unet=unet, vae=_vae(), text_encoder=None, tokenizer=None,
        scheduler=df.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def sdxl(folder: Path) -> Path:
    torch.manual_seed(0)
    unet = df.UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 32), layers_per_block=2, cross_attention_dim=64,
        attention_head_dim=(2, 4), norm_num_groups=8, transformer_layers_per_block=(1, 2),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), use_linear_projection=True,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=80,
    )  # fmt: skip
    names = ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
    df.StableDiffusionXLPipeline(
        unet=unet, vae=_vae(), scheduler=df.EulerDiscreteScheduler(), **dict.fromkeys(names),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def flux(folder: Path) -> Path:
    torch.manual_seed(0)
    transformer = df.FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=16,
        axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    names = ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
    df.FluxPipeline(
        transformer=transformer, vae=_vae(), scheduler=df.FlowMatchEulerDiscreteScheduler(),
        **dict.fromkeys(names),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def adapter(model: Path, ends: tuple[str, ...], rank: int = 4) -> Adapter:
    """Random numbers for every linear layer whose path ends so."""
    rng, weights = np.random.default_rng(3), {}
    for path, layer in picture.load(model).named_modules():
        if isinstance(layer, torch.nn.Linear) and path.endswith(ends):
            name = f"base_model.model.{path}"
            weights[f"{name}.lora_A.weight"] = rng.normal(size=(rank, layer.in_features)) * 0.2
            weights[f"{name}.lora_B.weight"] = rng.normal(size=(layer.out_features, rank)) * 0.2
    return Adapter(BASE, {k: v.astype(np.float32) for k, v in weights.items()})


def material(model: Path, ends: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0"),
             **changes: Any) -> Material:  # fmt: skip
    made = {"title": TITLE, "model": model, "facts": FACTS} | changes
    return Material(adapter=adapter(model, ends), **made)
