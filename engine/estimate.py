"""What a training will cost here, before it starts: minutes, memory, disk, and whether it fits.

Arithmetic counts from the model's own config; how fast this machine multiplies is measured in a
fifth of a second. Figures are for causal language models in float32 on a CPU, bfloat16 on a GPU.
"""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Share of a plain product's speed that a training step reaches; measured with bench train.
EFFICIENCY = 0.55
CHARACTERS = 4.2
PROMPT = 32
LIBRARIES, SPARE = 0.7e9, 0.3e9
ROOM = 200e6
# Pictures: tokens of a prompt, passes of a check for its figures and for its samples, the share of
# a plain product's speed, and the seconds until the first step; all measured on two cores.
WORDS, WATCHED, SAMPLED, DRAWN, LOADED = 12, 576, 384, 0.9, 15


@dataclass(frozen=True)
class Cost:
    """minutes, memory and disk in bytes; `fits` with the reason in words when it does not."""

    minutes: float
    memory: float
    disk: float
    fits: bool
    why: str = ""


@dataclass(frozen=True)
class Shape:
    """The numbers of a config.json that cost anything."""

    layers: int
    width: int
    inner: int
    vocabulary: int
    kv: int

    @classmethod
    def of(cls, model: Path) -> "Shape":
        """ValueError when the folder is no causal language model we can count."""
        try:
            found = json.loads((model / "config.json").read_text())
            width, heads = int(found["hidden_size"]), int(found["num_attention_heads"])
            kv = int(found.get("num_key_value_heads") or heads) * width // heads
            inner = int(found.get("intermediate_size") or 4 * width)
            return cls(int(found["num_hidden_layers"]), width, inner, int(found["vocab_size"]), kv)
        except (OSError, KeyError, ValueError) as wrong:
            raise ValueError(f"{model} has no config.json that can be counted: {wrong}") from None

    @property
    def block(self) -> int:
        """Parameters of all blocks."""
        return self.layers * (2 * self.width**2 + 2 * self.width * self.kv
                              + 3 * self.width * self.inner)  # fmt: skip

    @property
    def head(self) -> int:
        return self.width * self.vocabulary


def tokens(texts: Any) -> float:
    """Mean tokens of a group: the prompt once and its texts."""
    return PROMPT + float(np.mean([sum(map(len, t)) / CHARACTERS for t in texts]))


def cost(
    shape: Shape, per_group: float, plan: tuple[int, int, int], speed: float, room: "Room"
) -> Cost:
    """plan: (steps, groups a step, groups at once). speed: multiply-adds a second."""
    steps, batch, micro = plan
    seen = per_group - PROMPT
    forward = shape.block * per_group
    # Blocks forward and backward (the frozen weights need no gradient), head likewise; the
    # reference pass comes once for about every third group seen.
    work = steps * batch * (2 * forward + 2 * shape.head * seen) * 1.15
    minutes = work / (speed * EFFICIENCY) / 60
    each = shape.layers * (14 * shape.width + 8 * shape.inner) * 4
    memory = LIBRARIES + 4 * (shape.block + shape.head) * 1.15 + each * per_group * micro + 0.2e9
    disk = ROOM
    why = ""
    if memory + SPARE > room.memory:
        why = f"needs {memory / 1e9:.1f} GB of memory, {room.memory / 1e9:.1f} GB are free"
    elif disk > room.disk:
        why = f"needs {disk / 1e6:.0f} MB on the disk, {room.disk / 1e6:.0f} MB are free"
    return Cost(minutes, memory, disk, not why, why)


@dataclass(frozen=True)
class PictureShape:
    """What of a transformer that draws costs anything: `tokens` of one picture and its words."""

    layers: int
    width: int
    tokens: int
    weights: float

    @classmethod
    def of(cls, model: Path) -> "PictureShape":
        """ValueError when the folder is no picture model we can count."""
        try:
            folder = model / "transformer"
            found = json.loads((folder / "config.json").read_text())
            width = int(found["num_attention_heads"]) * int(found["attention_head_dim"])
            side = int(found["sample_size"]) // int(found["patch_size"])
            size = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
            return cls(int(found["num_layers"]), width, side * side + WORDS, 2.0 * size)
        except (OSError, KeyError, ValueError) as wrong:
            raise ValueError(f"{model} has no picture model that can be counted: {wrong}") from None

    @property
    def forward(self) -> float:
        """Multiply-adds of one picture through the transformer."""
        w, t = self.width, self.tokens
        return self.layers * (12 * w * w * (t + 1) + 2 * t * t * w)


def picture_cost(
    shape: PictureShape, plan: tuple[int, int, int], speed: float, room: "Room"
) -> Cost:
    """plan: (steps, pairs a step, checks). A step sees two pictures of a pair at two draws each,
    forward and backward, and the reference once; a check measures and draws what it shows.
    """
    steps, batch, checks = plan
    seen = steps * batch * 4
    rows = seen * 3.3 + WATCHED + checks * (WATCHED + SAMPLED) + SAMPLED
    minutes = rows * shape.forward / (speed * DRAWN) / 60 + LOADED / 60
    memory = (
        LIBRARIES
        + shape.weights * 2
        + 16 * batch * shape.layers * shape.tokens * (24 * shape.width) * 4.0
    )
    fits = memory + SPARE <= room.memory
    why = f"needs {memory / 1e9:.1f} GB of memory, {room.memory / 1e9:.1f} GB are free"
    return Cost(minutes, memory, ROOM, fits, "" if fits else why)


@dataclass(frozen=True)
class Room:
    """Bytes that are free now."""

    memory: float
    disk: float

    @classmethod
    def now(cls, folder: Path) -> "Room":
        import psutil

        free = shutil.disk_usage(folder).free
        return cls(float(psutil.virtual_memory().available), float(free))


def speed() -> float:
    """Multiply-adds a second of a plain float32 product on this machine, now."""
    a = np.ones((768, 768), np.float32)
    a @ a
    best = min(_once(a) for _ in range(5))
    return float(a.shape[0] ** 3 / best)


def _once(a: Any) -> float:
    begun = time.perf_counter()
    a @ a
    return time.perf_counter() - begun
