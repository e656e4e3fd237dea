"""A PEFT folder: what transformers, vLLM and most trainers read (docs of peft 0.21, checkpoint.md).

alpha is the rank, so the scale is 1 in every reader. vLLM takes ranks 8, 16, 32, 64 and no
modules_to_save; ours are of one rank and never touch embeddings or the head.
"""

import json
from pathlib import Path

import numpy as np
from peft import PeftModel, get_peft_model_state_dict
from safetensors.numpy import load_file, save_file

from engine.adapter import CONFIG, WEIGHTS
from engine.exports.base import Export, Loaded, Material, Probe
from engine.exports.checks import text


def write(what: Material, folder: Path) -> None:
    assert what.adapter
    arrays = {k: np.ascontiguousarray(v, np.float32) for k, v in what.adapter.weights.items()}
    save_file(arrays, str(folder / WEIGHTS), metadata={"format": "pt", **what.stamp()})
    config = json.dumps(what.adapter.peft_config(), indent=2, sort_keys=True)
    (folder / CONFIG).write_text(config + "\n")


def reload(folder: Path, probe: Probe) -> Loaded:
    """By PeftModel: every name of the file must be a tensor there, with the same numbers."""
    model = PeftModel.from_pretrained(text.load(probe.model), str(folder)).eval()
    tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    there = {k: v.detach().numpy() for k, v in tensors.items()}
    file = load_file(str(folder / WEIGHTS))
    matched = sum(k in there and np.array_equal(v, there[k]) for k, v in file.items())
    return Loaded(matched, len(file.keys() | there.keys()), text.outputs(model, probe.ids))


PEFT = Export(
    write, reload, text.with_adapter, "PEFT folder", frozenset({"adapter"}),
    "`PeftModel.from_pretrained(base, \"{slug}\")` in Python, or `vllm serve BASE --enable-lora "
    "--lora-modules mine={slug}`.",
    library="peft",
)  # fmt: skip
