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
# Products of a small model are too small for that speed: a quick tuning took 2.6 to 2.8 minutes,
# where a plain product, on one thread as the studio has it, did 80e9 multiply-adds a second.
SMALL, SLOWER = 5e9, 0.48
# Bytes that the samples of a check and their judge take.
JUDGED = 0.58e9


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
    """What a model that draws costs: `forward` multiply-adds of one picture through what is bent,
    `row` bytes of activations that one picture in training keeps, `numbers` of all its weights.
    """

    forward: float
    row: float
    numbers: float

    @classmethod
    def of(cls, model: Path, side: int | None = None) -> "PictureShape":
        """`side`: pixels of a picture; else what the model draws. BadModel when the folder is no
        picture model we can count. UNets are guessed from their size, within a factor of two for
        SD 1.5 and SDXL.
        """
        from engine.pipelines import BadModel, look

        try:
            found = look(model)
            told = found.settings()
            latent = side // scale(found.config) if side else int(told.get("sample_size") or 128)
            all_of_it, bent = (float(n) for n in found.numbers)
            if found.part == "unet":
                area = float(latent * latent)
                return cls(bent * area / 12, 4e-4 * bent * area, all_of_it)
            width = int(told["num_attention_heads"]) * int(told["attention_head_dim"])
            # Flux has its patches of two packed before the transformer sees them.
            patch = 2 if int(told["patch_size"]) == 1 else int(told["patch_size"])
            layers = int(told["num_layers"]) + int(told.get("num_single_layers") or 0)
            tokens = (latent // patch) ** 2 + WORDS
        except (OSError, KeyError, ValueError) as wrong:
            raise BadModel(f"{model} has no picture model that can be counted: {wrong}") from None
        forward = layers * (12.0 * width * width * (tokens + 1) + 2.0 * tokens * tokens * width)
        return cls(forward, layers * tokens * 24 * width * 4.0, all_of_it)


def scale(config: Path) -> int:
    """Pixels a side of one latent, by the stages of the autoencoder."""
    told = json.loads((config / "vae" / "config.json").read_text())
    stages = told.get("block_out_channels") or told.get("encoder_block_out_channels") or [0] * 4
    return int(2 ** (len(stages) - 1))


def picture_cost(
    shape: PictureShape, plan: tuple[int, int, int, int], speed: float, room: "Room"
) -> Cost:
    """plan: (steps, pairs a step, pairs at once, checks). A step sees two pictures of a pair at two
    draws each, forward and backward, and the reference once; a check measures and draws what it
    shows.
    """
    steps, batch, micro, checks = plan
    seen = steps * batch * 4
    rows = seen * 3.3 + WATCHED + checks * (WATCHED + SAMPLED) + SAMPLED
    share = SLOWER if shape.forward < SMALL else DRAWN
    minutes = rows * shape.forward / (speed * share) / 60 + LOADED / 60
    memory = LIBRARIES + JUDGED + (shape.numbers * 4 + 4 * micro * shape.row) * room.width / 4
    fits = memory + SPARE <= room.memory
    why = f"needs {memory / 1e9:.1f} GB of memory, {room.memory / 1e9:.1f} GB are free"
    return Cost(minutes, memory, ROOM, fits, "" if fits else why)


@dataclass(frozen=True)
class Room:
    """Bytes that are free now, and how many a number takes there."""

    memory: float
    disk: float
    width: int = 4

    @classmethod
    def now(cls, folder: Path, device: Any = None) -> "Room":
        """`device` (engine.device): its own memory where that is a GPU's."""
        import psutil

        free = float(shutil.disk_usage(folder).free)
        if device is not None and device.name == "cuda":
            import torch

            width = 2 if device.dtype == "bfloat16" else 4
            return cls(float(torch.cuda.mem_get_info()[0]), free, width)
        return cls(float(psutil.virtual_memory().available), free)


def speed(device: Any = None) -> float:
    """Multiply-adds a second of a plain product, now: float32 on this machine's processor, or the
    numbers of a `device` (engine.device) that is a GPU.
    """
    if device is not None and device.name == "cuda":
        return _on_gpu(device.dtype)
    a = np.ones((768, 768), np.float32)
    a @ a
    best = min(_once(a) for _ in range(5))
    return float(a.shape[0] ** 3 / best)


def _on_gpu(dtype: str) -> float:
    import torch

    a = torch.ones(4096, 4096, dtype=getattr(torch, dtype), device="cuda")
    times = []
    for _ in range(5):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        a @ a
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    return float(a.shape[0] ** 3 / min(times))


def _once(a: Any) -> float:
    begun = time.perf_counter()
    a @ a
    return time.perf_counter() - begun
