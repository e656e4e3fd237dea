"""Device and dtype, chosen once, with the reason in words."""

import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Device:
    """`name` as torch spells it, `dtype` by name, `reason` for a person."""

    name: str
    dtype: str
    reason: str


@cache
def choose(cpu: bool = False) -> Device:
    """CUDA, then Apple's GPU, then the CPU. PENCHANT_CPU=1 or `cpu` forces the last."""
    if cpu or os.environ.get("PENCHANT_CPU"):
        return Device("cpu", "float32", "The CPU was asked for.")
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Device("cuda", "bfloat16", f"{name} was found; 16-bit numbers are fast on it.")
        return Device("cuda", "float32", f"{name} was found; it has no fast 16-bit numbers.")
    if torch.backends.mps.is_available():
        return Device("mps", "float32", "The GPU of this Mac was found.")
    return Device("cpu", "float32", "No GPU was found; 32-bit numbers are fastest on this CPU.")


def likely(cpu: bool = False) -> Device:
    """What `choose` will say, without importing torch where it is not loaded yet."""
    if cpu or os.environ.get("PENCHANT_CPU") or "torch" in sys.modules:
        return choose(cpu)
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return Device("mps", "float32", "The GPU of this Mac will be used.")
    if Path("/proc/driver/nvidia/version").exists():
        return Device("cuda", "bfloat16", "An NVIDIA GPU was found.")
    return Device("cpu", "float32", "No GPU was found; 32-bit numbers are fastest on this CPU.")
