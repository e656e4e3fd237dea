"""Whether the files of the shipped picture model are whole, asked before torch is loaded.

A disk that was full, a download or a checkout that was cut off leave files that are too short.
Headers and small files are read, and again only when a file changed.
"""

import json
from functools import lru_cache
from pathlib import Path

from engine.pipelines import BadModel, header

WEIGHTS = "diffusion_pytorch_model.safetensors"
FILES = ("lesson.json", "model_index.json", "scheduler/scheduler_config.json",
         "transformer/config.json", f"transformer/{WEIGHTS}", "vae/config.json",
         f"vae/{WEIGHTS}")  # fmt: skip
CURE = "get the program again, or type `git checkout -- engine/starter/drawer` in its folder"


def torn(folder: Path) -> str:
    """The first file of the model that is damaged or missing; empty when all are whole."""
    return next((name for name in FILES if not whole(folder / name)), "")


def whole(file: Path) -> bool:
    """Whether a file is there and as long as it says, or holds JSON to its end."""
    try:
        seen = file.stat()
    except OSError:
        return False
    return _whole(file, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=64)
def _whole(file: Path, _changed: int, _size: int) -> bool:
    try:
        if file.suffix == ".safetensors":
            header(file)
        else:
            json.loads(file.read_text())
    except (BadModel, OSError, ValueError):
        return False
    return True
