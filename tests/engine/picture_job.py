"""A job folder that tunes a tiny picture model, as the studio writes it."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

PROMPTS = ("a cat", "a dog")
COLOURS = {"red": (220, 30, 30), "blue": (30, 40, 220), "green": (20, 160, 60),
           "white": (250, 250, 250)}  # fmt: skip
STEPS = 24


def save_tiny(folder: Path, kind: str = "sd3") -> Path:
    """A tiny pipeline as a folder that the worker loads; Stable Diffusion with its three blocks a
    level, as A1111 counts them.
    """
    from tests.tiny_pictures import tiny_pictures, tiny_unet

    made = tiny_pictures(kind)
    if kind == "sd15":
        made.register_modules(unet=tiny_unet(layers_per_block=2))
    if kind == "sdxl":
        made.register_modules(unet=tiny_unet(
            layers_per_block=2, cross_attention_dim=64, attention_head_dim=(2, 4),
            transformer_layers_per_block=(1, 2), use_linear_projection=True,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), addition_embed_type="text_time",
            addition_time_embed_dim=8, projection_class_embeddings_input_dim=80,
        ))  # fmt: skip
    made.save_pretrained(folder)
    return folder


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), COLOURS[colour]).save(out, "PNG")
    return out.getvalue()


def order(folder: Path, model: Path, cache: Path, steps: int = STEPS, **more: Any) -> Path:
    """Somebody who likes red; the belief is that of nobody in particular."""
    from engine.objectives.base import Example
    from engine.starter.prior import prior
    from engine.tuning import write_examples

    (folder / "pictures").mkdir(parents=True)
    names = {}
    for colour in COLOURS:
        body = picture(colour)
        names[colour] = hashlib.sha256(body).hexdigest()
        (folder / "pictures" / names[colour]).write_bytes(body)
    rest = [n for c, n in names.items() if c != "red"]
    pairs = [Example(f"a {w}", (names["red"], other)) for w in ("cat", "dog", "cup", "hat", "pen")
             for other in rest]  # fmt: skip
    (folder / "examples.json").write_text(write_examples([pairs]))
    blank = prior("picture")
    size = len(blank.mean)
    save_file({"mean": np.r_[np.linspace(-1, 1, size), 0, 0], "cov": np.eye(size + 2) * 0.1,
               "knobs": np.array([1.0, 1.0])}, folder / "belief.safetensors")  # fmt: skip
    settings = {"objective": "diffusion_dpo", "steps": steps, "rate": 1e-3, "held_out": 0.2,
                "check_every": 8, "batch": 2, "rank": 2, **more}  # fmt: skip
    job = {"what": "tune_pictures", "model": str(model), "cpu": True, "settings": settings,
           "base": {}, "prompts": PROMPTS, "cache": str(cache),
           "latents": str(cache.with_suffix("")), "draw": {"steps": 2, "guidance": 2.0},
           "judge": {"method": "bradley_terry", "space": blank.space,
                     "encoder": "starter-picture"},
           "card": {"name": "t"}}  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job))
    return folder
