"""The starter model as a diffusers pipeline, and sheets of what it draws."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusion3Pipeline
from PIL import Image
from safetensors import SafetensorError

from engine.pipelines import BadModel
from engine.starter.drawer import shape
from engine.starter.drawer.conditions import WHITE, Told, Words, vector
from engine.starter.drawer.data import SIDE, STYLES, lesson
from engine.starter.drawer.whole import CURE

ABSENT = ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2",
          "tokenizer_3")  # fmt: skip
STEPS, GUIDANCE = 8, 3.0
# What damaged files raise, by where they are damaged.
UNREADABLE = (SafetensorError, OSError, ValueError, KeyError, RuntimeError, TypeError,
              AttributeError)  # fmt: skip


def assembled(vae: Any, transformer: Any) -> Any:
    """An SD3 pipeline without text encoders."""
    kind: Any = StableDiffusion3Pipeline
    made = kind(transformer=transformer, scheduler=shape.scheduler(), vae=vae,
                **dict.fromkeys(ABSENT))  # fmt: skip
    made.set_progress_bar_config(disable=True)
    return made


def load(folder: Path) -> Any:
    """From a saved folder, in fp32; BadModel when its files are damaged or do not fit together."""
    kind: Any = StableDiffusion3Pipeline
    try:
        made = kind.from_pretrained(str(folder), local_files_only=True, use_safetensors=True,
                                    dtype=torch.float32, **dict.fromkeys(ABSENT))  # fmt: skip
    except UNREADABLE as wrong:
        why = str(wrong).strip().split("\n")[0][:200] or type(wrong).__name__
        raise BadModel(
            f"the picture model that ships could not be loaded ({why}); {CURE}"
        ) from wrong
    made.set_progress_bar_config(disable=True)
    return made


@torch.inference_mode()
def draw(pipe: Any, words: Words, told: Sequence[Told], seeds: Sequence[int], steps: int = STEPS,
         guidance: float = GUIDANCE) -> list[Image.Image]:  # fmt: skip
    """One picture a row; the same seed is the same noise."""
    states, sentences = words.of([t.text for t in told])
    pooled = vector(told, sentences)
    place = pipe.transformer.device
    found: list[Image.Image] = pipe(
        prompt_embeds=states.to(place), pooled_prompt_embeds=pooled.to(place),
        negative_prompt_embeds=torch.zeros_like(states).to(place),
        negative_pooled_prompt_embeds=torch.zeros_like(pooled).to(place),
        num_inference_steps=steps, guidance_scale=guidance, height=SIDE, width=SIDE,
        generator=[torch.Generator().manual_seed(s) for s in seeds],
    ).images  # fmt: skip
    return found


def sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Pictures side by side with a thin white line between."""
    wide, high = max(map(len, rows)), len(rows)
    page = Image.new("RGB", (wide * (SIDE + 4) + 4, high * (SIDE + 4) + 4), "white")
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            page.paste(picture, (c * (SIDE + 4) + 4, r * (SIDE + 4) + 4))
    return page


def apart_sheet(pipe: Any, words: Words, seed: int = 0, **more: Any) -> Image.Image:
    """Combinations of concept and style that were kept out of training: 10 by 6."""
    lessons, apart = lesson()
    styles = [s for s in STYLES if any(s == a for _, a in apart)]
    rows = []
    for concept in sorted({c for c, _ in apart}):
        told = [Told(lessons[concept][0], {style: 1.0}, WHITE) for style in styles]
        rows.append(draw(pipe, words, told, range(seed, seed + len(told)), **more))
    return sheet(rows)


def known_sheet(pipe: Any, words: Words, seed: int = 0, **more: Any) -> Image.Image:
    """One drawing of every concept, the styles in turn."""
    lessons, _ = lesson()
    told = [
        Told(said[0], {STYLES[k % len(STYLES)]: 1.0}, WHITE)
        for k, said in enumerate(lessons.values())
    ]
    drawn = draw(pipe, words, told, range(seed, seed + len(told)), **more)
    return sheet([drawn[k : k + 10] for k in range(0, len(drawn), 10)])
