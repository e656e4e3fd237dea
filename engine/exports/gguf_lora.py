"""A LoRA file for llama.cpp and all that is built on it (convert_lora_to_gguf.py restated).

alpha is the rank, so that llama.cpp's scale alpha / rank is 1. Rows of lora_b of q and k follow the
base model's order there. Adapters on embeddings or the head are refused (llama.cpp #11554).
"""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from engine.adapter import NAME
from engine.exports.base import Export, Loaded, Material, Probe, Refused
from engine.exports.checks import llama, text
from engine.lora import PREFIX

FILE = "adapter.gguf"
Rows = NDArray[Any]


def write(what: Material, folder: Path) -> None:
    assert what.adapter
    told = llama.config(what.model)
    writer = gguf.GGUFWriter(str(folder / FILE), llama.ARCHITECTURES[told["model_type"]])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name(what.name)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(what.adapter.rank))
    for key, value in what.stamp().items():
        writer.add_string(key, value)
    for name, array in sorted(what.adapter.weights.items()):
        found = NAME.fullmatch(name)
        if not found:
            raise Refused(f"{name} is no LoRA tensor that llama.cpp takes")
        path, up = found["path"], found["side"] == "B"
        rows = llama.turned(path, array, told) if up else array
        tensor = f"{llama.place(path, told)}.lora_{'b' if up else 'a'}"
        writer.add_tensor(tensor, np.ascontiguousarray(rows, np.float32))
    llama.finish(writer)


def reload(folder: Path, probe: Probe) -> Loaded:
    """Every tensor belongs to a layer of the base model and fits it; then llama.cpp itself."""
    told, file = llama.config(probe.model), folder / FILE
    reader = gguf.GGUFReader(file)
    tensors = {t.name: t.data for t in reader.tensors}
    shapes = llama.layers(Path(probe.model))
    paths = {llama.place(path, told): path for path in shapes}
    matched = sum(_fits(name, tensors, {k: shapes[p] for k, p in paths.items()})
                  for name in tensors)  # fmt: skip
    total = max(len(tensors), probe.extra["tensors"])
    if matched < total:
        return Loaded(matched, total, own=False)
    outputs, why = llama.said(Path(probe.model), probe.ids, lora=file)
    if outputs is not None:
        return Loaded(matched, total, outputs)
    alpha = float(reader.get_field(gguf.Keys.Adapter.LORA_ALPHA).contents())  # type: ignore
    rank = max(len(v) for k, v in tensors.items() if k.endswith("lora_a"))
    weights = {_peft(name, paths): _back(name, array, paths, told)
               for name, array in tensors.items()}  # fmt: skip
    read = text.adapted(text.load(probe.model), weights, probe.ids, alpha / rank)
    return Loaded(matched, total, read, own=False, why=why)


def _peft(name: str, paths: dict[str, str]) -> str:
    layer, _, side = name.rpartition(".")
    return f"{PREFIX}{paths[layer]}.lora_{'A' if side == 'lora_a' else 'B'}.weight"


def _back(name: str, array: Rows, paths: dict[str, str], told: dict[str, Any]) -> Rows:
    layer, _, side = name.rpartition(".")
    return llama.turned(paths[layer], array, told, back=True) if side == "lora_b" else array


def _fits(name: str, tensors: dict[str, Rows], shapes: dict[str, tuple[int, ...]]) -> bool:
    layer, _, side = name.rpartition(".")
    a, b = tensors.get(f"{layer}.lora_a"), tensors.get(f"{layer}.lora_b")
    if layer not in shapes or side not in ("lora_a", "lora_b") or a is None or b is None:
        return False
    return len(a) == b.shape[1] and (len(b), a.shape[1]) == shapes[layer]


GGUF_LORA = Export(
    write, reload, text.with_adapter, "GGUF LoRA", frozenset({"adapter"}),
    "`llama-server -m BASE.gguf --lora-scaled adapter.gguf:{strength}`",
    library="gguf",
)  # fmt: skip
