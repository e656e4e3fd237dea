"""The base model with the taste added to its weights: one folder that needs no adapter at all.

W' = W + B A (Hu et al. 2021, eq. 3), in 32 bits: rounded to 16 bits, a gentle adapter of the 135 M
model lost up to a third of its effect. The largest export by far, so it is offered last.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from engine.exports.base import Export, Loaded, Material, Probe
from engine.exports.checks import text
from engine.lora import PREFIX

# What a tokenizer needs, copied as it is.
BESIDE = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
          "chat_template.jinja", "vocab.json", "merges.txt", "LICENSE")  # fmt: skip


def write(what: Material, folder: Path) -> None:
    assert what.adapter
    model = text.load(what.model)
    places = dict(model.named_modules())
    weights = what.adapter.weights
    with torch.no_grad():
        for name in (n for n in weights if n.endswith(".lora_A.weight")):
            path = name.removesuffix(".lora_A.weight")
            down, up = weights[name], weights[f"{path}.lora_B.weight"]
            places[path.removeprefix(PREFIX)].weight += torch.from_numpy(up @ down)
    model.save_pretrained(folder)
    for name in BESIDE:
        if (what.model / name).exists():
            shutil.copy(what.model / name, folder / name)


def reload(folder: Path, probe: Probe) -> Loaded:
    """By transformers, which draws missing weights at random and only warns: names are counted."""
    read: Any = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, trust_remote_code=False,
        dtype=torch.float32, output_loading_info=True,
    )  # fmt: skip
    model, told = read
    wanted = set(dict(model.named_parameters()))
    lost = set(told["missing_keys"]) | {name for name, *_ in told["mismatched_keys"]}
    total = len(wanted | set(told["unexpected_keys"]))
    return Loaded(len(wanted - lost), total, text.outputs(model.eval(), probe.ids))


MERGED = Export(
    write, reload, text.with_adapter, "Merged model", frozenset({"adapter"}),
    "`AutoModelForCausalLM.from_pretrained(\"{slug}\")`; no adapter is needed. Its strength is "
    "fixed at 1.",
    library="transformers",
)  # fmt: skip
