"""Whole text-to-image pipelines built in code, with random weights: SD 1.5, SDXL, SD3 and Flux."""

import string
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from engine.denoising import family

df: Any = diffusers
hf: Any = transformers
KINDS = ("sd15", "sdxl", "sd3", "flux")


def tiny_pictures(kind: str) -> Any:
    """A pipeline of one family; pictures are 16 or 32 pixels wide."""
    torch.manual_seed(0)
    made = {"sd15": _sd15, "sdxl": _sdxl, "sd3": _sd3, "flux": _flux}[kind]()
    made.set_progress_bar_config(disable=True)
    return made


def tiny_face(kind: str) -> Any:
    """The same behind the face of its family, with short prompts."""
    face = family(tiny_pictures(kind))
    if kind == "flux":
        face.longest = 16
    return face


def _tokenizer() -> Any:
    letters = string.ascii_lowercase + " ,."
    vocabulary = {"<start>": 0, "<end>": 1, **{c: k + 2 for k, c in enumerate(letters)}, "?": 60}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<start>", eos_token="<end>", pad_token="<end>",
        unk_token="?", model_max_length=16,
    )  # fmt: skip


def _clip(projected: bool = False) -> Any:
    config = hf.CLIPTextConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=16, projection_dim=32, bos_token_id=0,
        eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    kind = hf.CLIPTextModelWithProjection if projected else hf.CLIPTextModel
    return kind(config).eval()


def _t5() -> Any:
    return hf.T5EncoderModel(hf.T5Config(
        vocab_size=64, d_model=32, d_ff=48, d_kv=8, num_layers=1, num_heads=4, pad_token_id=1,
        eos_token_id=1,
    )).eval()  # fmt: skip


def _vae(channels: int = 4, blocks: int = 2, **more: Any) -> Any:
    return df.AutoencoderKL(
        block_out_channels=(8,) * blocks, norm_num_groups=4, latent_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks, sample_size=16, **more,
    ).eval()  # fmt: skip


def tiny_unet(**more: Any) -> Any:
    settings = {
        "sample_size": 8, "block_out_channels": (16, 32), "layers_per_block": 1,
        "cross_attention_dim": 32, "attention_head_dim": 4, "norm_num_groups": 8,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }  # fmt: skip
    return df.UNet2DConditionModel(**(settings | more)).eval()


def _sd15() -> Any:
    return df.StableDiffusionPipeline(
        unet=tiny_unet(), vae=_vae(), text_encoder=_clip(), tokenizer=_tokenizer(),
        scheduler=df.DDIMScheduler(steps_offset=1, clip_sample=False), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def _sdxl() -> Any:
    unet = tiny_unet(cross_attention_dim=64, addition_embed_type="text_time",
                 addition_time_embed_dim=8, projection_class_embeddings_input_dim=80)  # fmt: skip
    return df.StableDiffusionXLPipeline(
        unet=unet, vae=_vae(), text_encoder=_clip(), text_encoder_2=_clip(True),
        tokenizer=_tokenizer(), tokenizer_2=_tokenizer(),
        scheduler=df.EulerDiscreteScheduler(), add_watermarker=False,
    )  # fmt: skip


def _sd3() -> Any:
    transformer = df.SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, out_channels=4, num_layers=2,
        attention_head_dim=8, num_attention_heads=4, joint_attention_dim=64,
        caption_projection_dim=32, pooled_projection_dim=64, pos_embed_max_size=8,
    ).eval()  # fmt: skip
    return df.StableDiffusion3Pipeline(
        transformer=transformer, vae=_vae(shift_factor=0.1),
        scheduler=df.FlowMatchEulerDiscreteScheduler(),
        text_encoder=_clip(True), text_encoder_2=_clip(True), text_encoder_3=None,
        tokenizer=_tokenizer(), tokenizer_2=_tokenizer(), tokenizer_3=None,
    )  # fmt: skip


def _flux() -> Any:
    transformer = df.FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8), guidance_embeds=False,
    ).eval()  # fmt: skip
    return df.FluxPipeline(
        transformer=transformer,
        vae=_vae(shift_factor=0.1, use_quant_conv=False, use_post_quant_conv=False),
        scheduler=df.FlowMatchEulerDiscreteScheduler(), text_encoder=_clip(),
        tokenizer=_tokenizer(), text_encoder_2=_t5(), tokenizer_2=_tokenizer(),
    )  # fmt: skip
