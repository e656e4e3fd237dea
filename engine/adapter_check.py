"""An adapter from elsewhere is data, never code: read with suspicion, rebuilt from what we know.

Takes a PEFT folder or the zip of one. Names, sizes and shapes must be exactly what the base model
allows; the config is never carried over, only rank, alpha and the base's name are read from it. In
what `pack_adapter` wrote every flipped byte is found. A folder of another tool has no digest: there
a changed number is only seen when it is not finite or beyond all bounds, and the card says
`origin: elsewhere`. Does not tell who made a file: a digest is no signature.
"""

import json
import math
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.adapter import CONFIG, NAME, OURS, WEIGHTS, Adapter, Base
from engine.adapter_files import (
    PACKED,
    SUMS,
    BadAdapter,
    pack_files,
    read_files,
    read_json,
    sums,
)

__all__ = ["BadAdapter", "pack_adapter", "read_adapter", "shows_pictures"]

HEADER, TENSORS, RANK, LARGEST = 1 << 20, 4096, 256, 1e3
WIDTH = {"F32": 4, "F16": 2, "BF16": 2}
# What is read of a config, and what may be said beside it because it changes nothing here.
READ = {"peft_type", "r", "lora_alpha", "target_modules", "base_model_name_or_path"}
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "bias": ("none",), "fan_in_fan_out": (False,), "init_lora_weights": (True, False),
    "task_type": (None, "CAUSAL_LM"), "inference_mode": (True, False),
    "megatron_core": (None, "megatron.core"), "qalora_group_size": (None, 16),
}  # fmt: skip
DAMAGED = (ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, EOFError, OSError,
           struct.error, zlib.error, zipfile.BadZipFile)  # fmt: skip
EMPTY: tuple[Any, ...] = (None, False, [], {}, "", 0)
CARD = {"answers": int, "steps": int, "objective": str, "verdict": str, "name": str,
        "preset": str, "medium": str}  # fmt: skip


class Tensor(NamedTuple):
    """One line of the safetensors header, checked."""

    kind: str
    shape: tuple[int, int]
    low: int
    high: int


def read_adapter(data: bytes | Path, base: Base, shapes: Mapping[str, tuple[int, int]]) -> Adapter:
    """The Adapter in a zip (bytes or its path) or a folder, for this very base.

    `shapes`: (outputs, inputs) by layer path. BadAdapter unless everything holds.
    """
    try:
        parts = read_files(data)
        weights = _weights(parts[WEIGHTS], shapes)
        scale = _config(parts[CONFIG], base, weights, OURS in parts)
        card = _ours(parts.get(OURS), base, weights)
        return Adapter(base, _folded(weights, scale), card)
    except BadAdapter:
        raise
    except DAMAGED as wrong:
        text = f"this file is damaged or no adapter ({wrong}); copy or export it again"
        raise BadAdapter(text[:300]) from None


def shows_pictures(data: bytes | Path) -> bool:
    """Whether the layers are those of a picture model; what is wrong with it is said later."""
    try:
        header, _ = _header(read_files(data)[WEIGHTS])
    except (BadAdapter, *DAMAGED):
        return False
    return any("transformer_blocks." in name for name in header)


def pack_adapter(adapter: Adapter) -> bytes:
    """A zip that `read_adapter` of another studio accepts: stored, the same bytes each time, with
    the sha256 of every file in it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = adapter.save(Path(name) / "adapter")
        parts = {path.name: path.read_bytes() for path in folder.iterdir()}
    parts[SUMS] = json.dumps(sums(parts), indent=2, sort_keys=True).encode()
    data = pack_files(parts)
    if len(data) > PACKED:
        raise BadAdapter("the adapter is larger than 64 MB; tune one of a smaller rank to carry it")
    return data


# the numbers


def _weights(data: bytes, shapes: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.float32]]:
    """Every tensor by name, float32; nothing is made before all names and places are checked."""
    header, start = _header(data)
    told = {name: _tensor(name, value) for name, value in header.items()}
    at = 0
    for low, high in sorted((t.low, t.high) for t in told.values()):
        if low != at or high < low:
            raise BadAdapter("tensors of the file overlap or leave gaps; save it again")
        at = high
    if start + at != len(data):
        raise BadAdapter(
            "the weights are cut off or go on after their last tensor; copy them again"
        )
    _fit(told, shapes)
    body = memoryview(data)[start:]
    return {name: _values(name, body[t.low : t.high], t) for name, t in told.items()}


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The safetensors header, read by ourselves: no library sees the file."""
    length = struct.unpack_from("<Q", data)[0] if len(data) >= 10 else 0
    if not 2 <= length <= HEADER or 8 + length > len(data) or data[8:9] != b"{":
        if data[:4] == b"PK\x03\x04" or (data[:1] == b"\x80" and data[-1:] == b"."):
            raise BadAdapter(f"{WEIGHTS} is a pickle, which can hold code; save as safetensors")
        raise BadAdapter(f"{WEIGHTS} is cut off or no safetensors file; copy or save it again")
    header = read_json(data[8 : 8 + length])
    about = header.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise BadAdapter("the weights carry metadata that is no text; save them without")
    if not 0 < len(header) <= TENSORS:
        raise BadAdapter(f"the weights hold {len(header)} tensors; 1 to {TENSORS} are read")
    return header, 8 + length


def _tensor(name: str, told: Any) -> Tensor:
    if not isinstance(told, dict) or set(told) != {"dtype", "shape", "data_offsets"}:
        raise BadAdapter(f"{name!r:.120} is not described as a tensor is; save it again")
    kind, shape, (low, high) = told["dtype"], told["shape"], told["data_offsets"]
    if kind not in WIDTH:
        raise BadAdapter(f"{name!r:.120} is stored as {kind!r:.20}; save it as float32 or float16")
    if len(shape) != 2 or not all(type(x) is int and x >= 0 for x in (low, high, *shape)):
        raise BadAdapter(f"{name!r:.120} has no sensible shape; save it again")
    if high - low != math.prod(shape) * WIDTH[kind]:
        raise BadAdapter(f"{name!r:.120} is shorter or longer than its shape; save it again")
    return Tensor(kind, (shape[0], shape[1]), low, high)


def _fit(found: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, int]]) -> None:
    """Both halves of each layer, of one rank, in the shapes of the base model."""
    ranks: dict[str, dict[str, int]] = {}
    for name, tensor in found.items():
        named = NAME.fullmatch(name)
        if named is None or named["path"] not in shapes:
            raise BadAdapter(f"{name!r:.120} names no layer of this model; it is for another one")
        outputs, inputs = shapes[named["path"]]
        down = named["side"] == "A"
        if tensor.shape[1 if down else 0] != (inputs if down else outputs):
            raise BadAdapter(f"{name!r:.120} is {tensor.shape}; it is for another model")
        ranks.setdefault(named["path"], {})[named["side"]] = tensor.shape[0 if down else 1]
    sizes = {r for sides in ranks.values() for r in sides.values()}
    if any(set(sides) != {"A", "B"} for sides in ranks.values()) or len(sizes) != 1:
        raise BadAdapter("a layer has only one of its two halves, or another rank; save it again")
    if not 1 <= min(sizes) <= RANK:
        raise BadAdapter(f"the rank is not between 1 and {RANK}; train one that is")
    ends = {_end(path) for path in ranks}
    for path in shapes:
        if _end(path) in ends and path not in ranks:
            raise BadAdapter(f"{path} is left out; train all layers called {_end(path)}, or none")


def _end(path: str) -> str:
    return path.rpartition(".")[2]


def _values(name: str, raw: memoryview, told: Tensor) -> NDArray[np.float32]:
    if told.kind == "BF16":
        made = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        made = np.frombuffer(raw, "<f4" if told.kind == "F32" else "<f2").astype(np.float32)
    return _bounded(name, made).reshape(told.shape)


def _bounded(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not (np.abs(values) <= LARGEST).all():  # NaN is not
        raise BadAdapter(f"{name!r:.120} holds numbers that no training gives; save it again")
    return values


def _folded(
    weights: Mapping[str, NDArray[np.float32]], scale: float
) -> dict[str, NDArray[np.float32]]:
    """alpha / rank goes into B, so that alpha is the rank."""
    if scale == 1:
        return dict(weights)
    return {k: _bounded(k, v * np.float32(scale)) if k.endswith("lora_B.weight") else v
            for k, v in weights.items()}  # fmt: skip


# the words


def _config(data: bytes, base: Base, weights: Mapping[str, Any], ours: bool) -> float:
    """alpha / rank, to be folded into the weights; everything else must mean nothing."""
    told = read_json(data)
    if told.get("peft_type") != "LORA":
        raise BadAdapter(f"this adapter is of type {told.get('peft_type')!r:.40}; LORA is read")
    _neutral(told)
    rank = len(next(v for k, v in weights.items() if k.endswith("lora_A.weight")))
    if told.get("r") != rank or type(told.get("r")) is not int:
        raise BadAdapter(f"the config says rank {told.get('r')!r:.20}, the weights have {rank}")
    alpha: Any = told.get("lora_alpha")
    if type(alpha) not in (int, float) or not 0 < alpha <= 1e4 or (ours and alpha != rank):
        raise BadAdapter(
            f"lora_alpha is {alpha!r:.20}; this adapter was made with another; save it again"
        )
    paths = {_end(m["path"]) for m in map(NAME.fullmatch, weights) if m}
    targets = told.get("target_modules")
    if not isinstance(targets, list) or not paths <= {_end(t) for t in targets if type(t) is str}:
        raise BadAdapter("the config names other layers than the weights; save the adapter again")
    named, here = told.get("base_model_name_or_path"), base.upstream or base.name
    if not ours and named != here:
        raise BadAdapter(
            f"this adapter is for {named!r:.80}, the model here is {here!r:.80}; start the studio "
            "with that model, or correct base_model_name_or_path if it is the same one"
        )
    return float(alpha) / rank


def _neutral(told: Mapping[str, Any]) -> None:
    """A key that is not read, known or not, may stand there as long as it says nothing."""
    for key, value in told.items():
        if key in ("peft_version", "revision"):
            fine = value is None or (isinstance(value, str) and len(value) <= 100)
        elif key == "lora_dropout":
            fine = type(value) in (int, float) and 0 <= value <= 1
        else:
            fine = key in READ or value in NEUTRAL.get(key, EMPTY)
        if not fine:
            raise BadAdapter(
                f"the config sets {key!r:.60} to {value!r:.60}; that is not read, train without it"
            )


def _ours(data: bytes | None, base: Base, weights: Mapping[str, Any]) -> dict[str, Any]:
    """The card of another studio, cleaned; its digest must be that of the weights."""
    if data is None:
        return {"origin": "elsewhere"}
    told = read_json(data)
    if set(told) != {"base", "card", "digest"} or not isinstance(told["card"], dict):
        raise BadAdapter(f"{OURS} has other fields than a studio writes; leave it out")
    theirs, known = told["base"], {f.name for f in fields(Base)}
    if not isinstance(theirs, dict) or not set(theirs) <= known:
        raise BadAdapter(f"{OURS} has other fields than a studio writes; leave it out")
    if theirs.get("name") != base.name:
        raise BadAdapter(
            f"this adapter was tuned on {theirs.get('name')!r:.80}, the model here is "
            f"{base.name!r:.80}; start the studio with that model"
        )
    if Adapter(base, weights).digest() != told["digest"]:
        raise BadAdapter("the weights are not those that were saved; copy the file again")
    return {**_card(told["card"]), "origin": "another studio"}


def _card(told: Mapping[str, Any]) -> dict[str, Any]:
    """Known fields of their types, short, and only what can be printed."""
    known: dict[str, Any] = {k: v for k, v in told.items() if type(v) is CARD.get(k)}
    words = {k: _line(v) for k, v in known.items() if isinstance(v, str)}
    counts = {k: v for k, v in known.items() if isinstance(v, int) and 0 <= v <= 10**9}
    return {**words, **counts}


def _line(text: str) -> str:
    return "".join(c for c in " ".join(text[:1000].split()) if c.isprintable())[:200]
