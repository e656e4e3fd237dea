"""A person's vector with the adapter that draws for it (PPD), on the model it was taught on.

Two files: what was learnt from many simulated people, the same for everybody, and the one vector
that is this person's. No other program reads this format; the studio's own reader does, in a few
lines (engine/steering/cross_attention.py), on any diffusers pipeline of the same weights.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from engine.exports.base import Expected, Export, Loaded, Material, Probe, Refused
from engine.exports.checks import picture
from engine.steering.cross_attention import Personal, attentions

ADAPTER, PERSON = "personal_adapter.safetensors", "person.safetensors"


def write(what: Material, folder: Path) -> None:
    assert what.personal is not None
    what.personal.save(folder / ADAPTER)
    told = {"format": "penchant-person-1", "space": what.personal.space,
            "base": what.personal.base, "strength": f"{what.facts.full:g}",
            **what.stamp()}  # fmt: skip
    save_file({"vector": np.array(what.vector, np.float32)}, str(folder / PERSON), metadata=told)


def expect(what: Material) -> Expected:
    assert what.personal is not None
    bent = picture.load(what.model)
    base = picture.outputs(bent)
    people = torch.tensor([what.vector], dtype=torch.float32) * what.facts.full
    with what.personal.on(bent, people):
        ours = picture.outputs(bent)
    return Expected(Probe(str(what.model.resolve())), base, ours)


def reload(folder: Path, probe: Probe) -> Loaded:
    """Both files read again, every name of the adapter at its attention, and no other."""
    bent = picture.load(probe.model)
    try:
        adapter = Personal.load(folder / ADAPTER)
    except ValueError as wrong:
        raise Refused(str(wrong)) from None
    with safe_open(folder / PERSON, "pt") as opened:
        told, vector = opened.metadata() or {}, opened.get_tensor("vector").float()
    read = adapter.weights["read"]
    if told.get("space") != adapter.space or vector.shape != read.shape[:1]:
        raise Refused("the vector does not belong to this adapter; export both again")
    wanted = {f"{path}.{side}" for path in attentions(bent) for side in "kv"}
    wanted |= {"read", "tell"}
    matched = len(wanted & adapter.weights.keys())
    total = len(wanted | adapter.weights.keys())
    if matched < total:
        return Loaded(matched, total, why="the adapter is for another model")
    with adapter.on(bent, float(told["strength"]) * vector[None]):
        return Loaded(matched, total, picture.outputs(bent), why="No other program reads it.")


PPD = Export(
    write, reload, expect, "Personal vector (PPD)", frozenset({"personal", "vector"}),
    "`adapter = Personal.load(\"personal_adapter.safetensors\")` of engine/steering/"
    "cross_attention.py, `vector = load_file(\"person.safetensors\")[\"vector\"]` of "
    "safetensors.torch, for n pictures `rows = torch.tensor([-1] * n + [0] * n)`, and then `with "
    "adapter.on(pipe.transformer, {full} * vector[None], rows): images = pipe(...).images`. -1 is "
    "nobody: guidance draws each picture also without its prompt, and those rows, the first n, are "
    "not told of the person. Without guidance, and with Flux, leave `rows` out.",
)  # fmt: skip
