"""A steering direction as llama.cpp's control vector, with the names that repeng writes.

direction.k is added to every token at the output of block k, counted from 0; block 0 cannot be
reached. The studio's steering is relative: it adds a share of each token's own length and keeps
that length. llama.cpp adds the same numbers everywhere, so what is exported at scale 1 is
strength 1 for a token of average length: direction x UNIT x mean length after that block. How
alike the two steer is measured and told. The studio's slider at full is strength 2 of the model
that ships (Facts.full for another), so scale 1 here is half of it: the card says so. Its
twin for programs without control vectors is gguf_direction_lora.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer

from engine.backbones.causal_lm import CausalLM
from engine.exports.base import Expected, Export, Loaded, Material, Probe, Refused
from engine.exports.checks import llama, text
from engine.steering.activation import UNIT, activation

FILE, ARCHITECTURE = "direction.gguf", "controlvector"
Layers = Mapping[int, NDArray[np.float32]]


def write(what: Material, folder: Path) -> None:
    told = llama.config(what.model)
    layers = constant(what, _backbone(what))
    writer = gguf.GGUFWriter(str(folder / FILE), ARCHITECTURE)
    writer.add_string(f"{ARCHITECTURE}.model_hint", told["model_type"])
    writer.add_uint32(f"{ARCHITECTURE}.layer_count", len(layers))
    for key, value in what.stamp().items():
        writer.add_string(key, value)
    for layer, vector in sorted(layers.items()):
        writer.add_tensor(f"direction.{layer}", np.ascontiguousarray(vector, np.float32))
    llama.finish(writer)


def constant(what: Material, backbone: CausalLM) -> dict[int, NDArray[np.float32]]:
    """Strength 1 for a token of average length, by block."""
    assert what.direction
    if 0 in what.direction.layers:
        raise Refused("llama.cpp cannot steer after the first block; make the direction deeper")
    lengths = _lengths(backbone)
    return {k: np.asarray(v * UNIT * lengths[k], np.float32)
            for k, v in what.direction.layers.items()}  # fmt: skip


@torch.inference_mode()
def _lengths(backbone: CausalLM) -> list[float]:
    """Mean length of a token after each block; the first position is a sink and left out."""
    found = []
    for row in (list(backbone.tokenizer(p)["input_ids"]) for p in text.PROMPTS):
        states = backbone.model(torch.tensor([row]), output_hidden_states=True).hidden_states
        # The last of them has gone through the final norm; the block before it will do.
        found.append([float(s[0, 1:].norm(dim=-1).mean()) for s in (*states[1:-1], states[-2])])
    return [float(x) for x in np.mean(found, 0)]


def _backbone(what: Material) -> CausalLM:
    assert what.direction
    tokenizer = AutoTokenizer.from_pretrained(what.model, local_files_only=True)
    return CausalLM(what.direction.model, text.load(what.model), tokenizer)


@contextmanager
def added(backbone: CausalLM, layers: Layers, strength: float) -> Iterator[None]:
    """What llama.cpp does: the same numbers for every token."""
    blocks, handles = backbone.blocks(), []
    try:
        for layer, vector in layers.items():
            size = torch.from_numpy(np.array(vector * strength, np.float32))
            handles.append(blocks[layer].register_forward_hook(_adding(size)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _adding(size: torch.Tensor) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (output[0] + size, *output[1:])
        return output + size

    return hook


def expect(what: Material) -> Expected:
    """Ours with the constant addition, and how like the studio's own steering that is."""
    assert what.direction
    backbone, strength = _backbone(what), what.facts.strength
    ids, layers = text.tokens(what.model), constant(what, backbone)
    base = text.outputs(backbone.model, ids)
    with added(backbone, layers, strength):
        ours = text.outputs(backbone.model, ids)
    with activation(backbone, what.direction, strength):
        studio = text.outputs(backbone.model, ids)
    alike = _cosine(ours - base, studio - base)
    note = (f"llama.cpp adds the same to every token where the studio adds a share of each "
            f"token's length; the two change the next word alike to {alike:.0%}.")  # fmt: skip
    extra = {"tensors": len(layers), "strength": strength}
    return Expected(Probe(str(what.model.resolve()), ids, extra), base, ours, note)


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Of two changes of log-probabilities; what moves all words alike is left out."""
    a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    return float((a * b).sum() / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12))


def reload(folder: Path, probe: Probe) -> Loaded:
    told, strength = llama.config(probe.model), probe.extra["strength"]
    tensors = {t.name: np.array(t.data) for t in gguf.GGUFReader(folder / FILE).tensors}
    places = {f"direction.{k}": k for k in range(1, told["num_hidden_layers"])}
    layers = {places[n]: v for n, v in tensors.items()
              if n in places and v.shape == (told["hidden_size"],)}  # fmt: skip
    total = max(len(tensors), probe.extra["tensors"])
    if len(layers) < total:
        return Loaded(len(layers), total, own=False)
    scaled = {k: np.asarray(v * strength, np.float32) for k, v in layers.items()}
    outputs, why = llama.said(Path(probe.model), probe.ids, directions=scaled)
    if outputs is not None:
        return Loaded(len(layers), total, outputs)
    backbone = CausalLM("read", text.load(probe.model), None)
    with added(backbone, layers, strength):
        read = text.outputs(backbone.model, probe.ids)
    return Loaded(len(layers), total, read, own=False, why=why)


GGUF_CONTROL_VECTOR = Export(
    write, reload, expect, "GGUF control vector", frozenset({"direction"}),
    "`llama-server -m BASE.gguf --control-vector-scaled direction.gguf:{strength}`. llama.cpp's "
    "scale is not the studio's slider: scale {full} is the slider at full, scale 1 is {share} of "
    "that. vLLM has no control vectors.",
    library="gguf",
)  # fmt: skip
