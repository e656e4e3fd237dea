"""What a person takes away: the trained numbers, the base they belong to, and how they were learnt.

A folder in PEFT's own layout (adapter_config.json, adapter_model.safetensors) with our
penchant.json beside it, so that it is useful to other tools before anything is exported. alpha is
the rank: the scale is 1, and no tool can get it wrong.
"""

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

CONFIG, WEIGHTS, OURS = "adapter_config.json", "adapter_model.safetensors", "penchant.json"
NAME = re.compile(r"^base_model\.model\.(?P<path>[A-Za-z0-9_.]+)\.lora_(?P<side>[AB])\.weight$")


@dataclass(frozen=True)
class Base:
    """The model an adapter belongs to. `name` is our name of its spaces, with the fingerprint of
    its weights; `upstream` and `revision` are what other tools call it.
    """

    name: str
    upstream: str = ""
    revision: str = ""
    licence: str = ""
    architecture: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Adapter:
    """`weights` by PEFT name: lora_A (rank, inputs) and lora_B (outputs, rank), float32."""

    base: Base
    weights: Mapping[str, NDArray[Any]]
    card: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Adapter)
            and self.base == other.base
            and self.weights.keys() == other.weights.keys()
            and all(np.array_equal(v, other.weights[k]) for k, v in self.weights.items())
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def rank(self) -> int:
        return max(len(v) for k, v in self.weights.items() if k.endswith("lora_A.weight"))

    @property
    def targets(self) -> list[str]:
        """Last names of the layers that are changed, sorted; a place in a list is no name."""
        paths = (NAME.fullmatch(k) for k in self.weights)
        return sorted({_last(m["path"]) for m in paths if m})

    def digest(self) -> str:
        """sha256 of names, shapes and numbers."""
        made = hashlib.sha256()
        for name in sorted(self.weights):
            array = np.ascontiguousarray(self.weights[name])
            made.update(f"{name}{array.dtype}{array.shape}".encode())
            made.update(array.data)
        return made.hexdigest()

    def peft_config(self) -> dict[str, Any]:
        """adapter_config.json, rebuilt from what we know and from nothing else."""
        return {
            "peft_type": "LORA",
            "task_type": None if self.card.get("medium") == "picture" else "CAUSAL_LM",
            "base_model_name_or_path": self.base.upstream or self.base.name,
            "revision": self.base.revision or None,
            "r": self.rank,
            "lora_alpha": self.rank,
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": self.targets,
            "inference_mode": True,
        }

    def save(self, folder: Path) -> Path:
        """Write the folder whole or not at all; what stood there before is replaced."""
        made = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
        made.mkdir(parents=True)
        arrays = {k: np.ascontiguousarray(v, np.float32) for k, v in self.weights.items()}
        save_file(arrays, str(made / WEIGHTS), metadata={"format": "pt"})
        _write(made / CONFIG, self.peft_config())
        _write(made / OURS, {"base": asdict(self.base), "card": dict(self.card),
                             "digest": self.digest()})  # fmt: skip
        for file in made.iterdir():
            _sync(file)
        _sync(made)
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
        _sync(folder.parent)
        return folder

    @classmethod
    def load(cls, folder: Path) -> "Adapter":
        """What `save` wrote. Folders from elsewhere go through adapter_check first."""
        if not (folder / WEIGHTS).exists():
            raise ValueError(f"no adapter in {folder}; tune one on the Keep page or import one")
        ours = json.loads((folder / OURS).read_text())
        made = cls(Base(**ours["base"]), load_file(str(folder / WEIGHTS)), ours["card"])
        if made.digest() != ours["digest"]:
            raise ValueError(f"the adapter in {folder} is damaged; tune or import it again")
        return made


def _last(path: str) -> str:
    """`q_proj`, `to_out.0`, `net.0.proj`: a number or a bare `proj` names nothing alone."""
    parts = path.split(".")
    start = len(parts) - 1
    while start and (parts[start].isdigit() or parts[start] == "proj"):
        start -= 1
    return ".".join(parts[start:])


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
