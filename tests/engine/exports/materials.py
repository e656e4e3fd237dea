"""Something to export: a tiny model in a folder, an adapter that bends it, a person's answers."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.adapter import Adapter, Base
from engine.exports.base import Facts, Material
from engine.lora import Lora
from engine.steering.activation import Direction
from tests.tiny import tiny_lm

TITLE = "Anna's quiet evenings"
FACTS = Facts(answers=60, agreement=(0.71, 0.6, 0.8), strength=0.8, range=(0.0, 1.2),
              method="rpo", profile="p-7f3a")  # fmt: skip


def lm_folder(folder: Path, layers: int = 4) -> Path:
    """The tiny model with its tokenizer, as transformers saves it."""
    made = tiny_lm(layers=layers)
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder


def adapter(model: Any, size: float = 0.3, rank: int = 4) -> Adapter:
    """Random numbers large enough to be seen."""
    lora = Lora(model, rank=rank, seed=3)
    rng = torch.Generator().manual_seed(5)
    for up in lora.up.values():
        up.copy_(torch.randn(up.shape, generator=rng) * size)
    base = Base("tiny-lm", upstream="someone/tiny-lm", revision="abc", licence="apache-2.0")
    return Adapter(base, {k: v.numpy().astype(np.float32) for k, v in lora.named().items()})


def material(folder: Path, **changes: Any) -> Material:
    made = {"title": TITLE, "model": lm_folder(folder), "facts": FACTS} | changes
    if "adapter" not in made:
        made["adapter"] = adapter(tiny_lm(layers=4).model)
    return Material(**made)


def direction(width: int = 32, layers: tuple[int, ...] = (1, 2)) -> Direction:
    rng = np.random.default_rng(7)
    made = rng.normal(size=(len(layers), width))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return Direction(
        "tiny-lm", {k: v.astype(np.float32) for k, v in zip(layers, made, strict=True)}
    )
