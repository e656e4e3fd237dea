"""The parts of the starter picture model, as diffusers builds them.

A small autoencoder (4 x smaller, 8 channels) and an SD3-shaped transformer over a 12 by 12 grid
of tokens, so that the SD3 pipeline, its schedulers and its adapters take it as it is. The text
encoders are absent: conditions come from conditions.py.
"""

from typing import Any

from diffusers import AutoencoderTiny, SD3Transformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)

from engine.starter.drawer.conditions import WIDTH, WORDS
from engine.starter.drawer.data import SIDE

CHANNELS, SMALLER, PATCH = 8, 4, 2


def autoencoder(width: int = 32) -> Any:
    """About 0.2 million weights."""
    kind: Any = AutoencoderTiny
    made: Any = kind(
        encoder_block_out_channels=(width,) * 3, decoder_block_out_channels=(width,) * 3,
        num_encoder_blocks=(1, 1, 2), num_decoder_blocks=(3, 2, 1), latent_channels=CHANNELS,
    )  # fmt: skip
    return made


def transformer(heads: int = 6, layers: int = 6) -> Any:
    """`heads` x 32 wide. The last projection starts at zero, so that a fresh model says nothing."""
    kind: Any = SD3Transformer2DModel
    made: Any = kind(
        sample_size=SIDE // SMALLER, patch_size=PATCH, in_channels=CHANNELS, out_channels=CHANNELS,
        num_layers=layers, attention_head_dim=32, num_attention_heads=heads,
        joint_attention_dim=WORDS, caption_projection_dim=32 * heads, pooled_projection_dim=WIDTH,
        pos_embed_max_size=SIDE // SMALLER // PATCH, qk_norm="rms_norm",
    )  # fmt: skip
    made.proj_out.weight.data.zero_()
    made.proj_out.bias.data.zero_()
    return made


def scheduler() -> Any:
    """The straight path from noise to picture (founding paper 62), by Euler's steps."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)
