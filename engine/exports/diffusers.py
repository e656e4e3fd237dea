"""pytorch_lora_weights.safetensors, as every diffusers pipeline loads it.

Without metadata a reader takes alpha for the rank (diffusers #6087, #9134, PR #11324); ours is the
rank, and the metadata says so too.
"""

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from engine.exports.base import Export, Loaded, Material, Probe
from engine.exports.checks import picture
from engine.lora import PREFIX

FILE = "pytorch_lora_weights.safetensors"


def write(what: Material, folder: Path) -> None:
    assert what.adapter
    name = picture.part(what.model)
    arrays = {f"{name}.{k.removeprefix(PREFIX)}": np.ascontiguousarray(v, np.float32)
              for k, v in what.adapter.weights.items()}  # fmt: skip
    config = {
        "r": what.adapter.rank, "lora_alpha": what.adapter.rank, "lora_dropout": 0.0,
        "bias": "none", "target_modules": picture.paths(what.adapter.weights),
    }  # fmt: skip
    told = json.dumps({f"{name}.{k}": v for k, v in config.items()}, sort_keys=True)
    metadata = {"format": "pt", "lora_adapter_metadata": told, **what.stamp()}
    save_file(arrays, str(folder / FILE), metadata=metadata)


def reload(folder: Path, probe: Probe) -> Loaded:
    """By the pipeline; and no name of the file may be passed over."""
    read = picture.by_diffusers(folder / FILE, probe, own=True)
    with safe_open(folder / FILE, "np") as opened:
        extra = len(opened.keys()) - read.total
    return Loaded(read.matched, read.total + max(0, extra), read.outputs, why=read.why)


DIFFUSERS = Export(
    write, reload, picture.with_adapter, "diffusers", frozenset({"adapter"}),
    "`pipe.load_lora_weights(\"{slug}\", adapter_name=\"mine\")`, then "
    "`pipe.set_adapters([\"mine\"], [{strength}])`.",
    library="diffusers",
)  # fmt: skip
