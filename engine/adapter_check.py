"""An adapter from elsewhere is data, never code: read with suspicion, rebuilt from what we know.

Takes the zip of a PEFT folder. Names, sizes and shapes must be exactly what the base model allows;
the config is never carried over, only rank, alpha and the base's name are read from it. With our
penchant.json inside, every flipped byte is found by the digest; a folder of another tool has none,
so there a changed number can only be seen when it is not finite or beyond all bounds.
"""

import io
import json
import math
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.adapter import CONFIG, NAME, OURS, WEIGHTS, Adapter, Base

PACKED, UNPACKED, ENTRIES, RATIO = 64 << 20, 256 << 20, 16, 20
HEADER, TENSORS, JSON_BYTES, DEPTH, RANK = 1 << 20, 4096, 1 << 20, 32, 256
LARGEST = 1e3
KNOWN = {CONFIG, WEIGHTS, OURS, "README.md", "proof.json"}
WIDTH = {"F32": 4, "F16": 2, "BF16": 2}
# What PEFT writes beside these must be what it means when it says nothing.
READ = {"peft_type", "task_type", "base_model_name_or_path", "revision", "r", "lora_alpha",
        "target_modules", "inference_mode", "lora_dropout", "peft_version", "init_lora_weights",
        "bias", "fan_in_fan_out"}  # fmt: skip
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "bias": ("none",), "fan_in_fan_out": (False,), "init_lora_weights": (True, False),
}  # fmt: skip
EMPTY: tuple[Any, ...] = (None, False, [], {}, "", 0)
DEFAULTS: dict[str, Any] = {"megatron_core": "megatron.core", "qalora_group_size": 16}
CARD = {"answers": int, "steps": int, "objective": str, "verdict": str, "name": str,
        "preset": str, "medium": str}  # fmt: skip


class BadAdapter(ValueError):
    """It was not taken in; the message says what is wrong."""


def read_adapter(data: bytes, base: Base, shapes: Mapping[str, tuple[int, int]]) -> Adapter:
    """The Adapter in a zip, for this very base. `shapes`: (outputs, inputs) by layer path."""
    try:
        parts = _parts(data)
        if OURS in parts and _zip(parts) != data:
            raise BadAdapter(
                "this file is not what a studio packed; take it home again as 'Penchant file', or "
                "as 'PEFT folder' for a copy that may be repacked"
            )
        weights = _weights(parts[WEIGHTS], shapes)
        alpha = _config(parts[CONFIG], base, weights, OURS in parts)
        card = _ours(parts.get(OURS), base, weights)
    except BadAdapter:
        raise
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, struct.error,
            zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as wrong:  # fmt: skip
        raise BadAdapter(f"this file is damaged or no adapter: {wrong}"[:300]) from None
    made = {k: v * np.float32(alpha) if k.endswith("lora_B.weight") else v
            for k, v in weights.items()}  # fmt: skip
    return Adapter(base, made, card)


def pack_adapter(adapter: Adapter) -> bytes:
    """A zip that `read_adapter` of another studio accepts: stored, the same bytes each time."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as name:
        folder = adapter.save(Path(name) / "adapter")
        return _zip({path.name: path.read_bytes() for path in folder.iterdir()})


def _zip(parts: Mapping[str, bytes]) -> bytes:
    """One way to pack: so a single flipped byte anywhere in the file can be told."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in sorted(parts):
            packed.writestr(zipfile.ZipInfo(name), parts[name])
    return out.getvalue()


def _parts(data: bytes) -> dict[str, bytes]:
    """The known files of the zip, after every count and name was looked at."""
    if len(data) > PACKED:
        raise BadAdapter("the file is larger than 64 MB; an adapter of one person is smaller")
    if data[:4] != b"PK\x03\x04":
        raise BadAdapter("this is no zip of an adapter; export one as 'PEFT folder' first")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        entries = packed.infolist()
        folder = _names(entries)
        _sizes(entries, len(data))
        if packed.comment:
            raise BadAdapter("the zip carries a comment; it was not made by a studio")
        found = {e.filename.removeprefix(folder): _entry(packed, e) for e in entries}
    for name in (CONFIG, WEIGHTS):
        if name not in found:
            raise BadAdapter(f"{name} is missing; export the adapter again as 'PEFT folder'")
    return found


def _names(entries: list[zipfile.ZipInfo]) -> str:
    """The one folder all lie in, or ''."""
    if not 0 < len(entries) <= ENTRIES:
        raise BadAdapter(f"the zip holds {len(entries)} files; an adapter has two to five")
    names = [e.filename for e in entries]
    folder = names[0].rpartition("/")[0]
    folder = f"{folder}/" if folder else ""
    for entry in entries:
        name = entry.filename.removeprefix(folder)
        odd = entry.orig_filename != entry.filename or (
            entry.external_attr >> 16
        ) & 0o170000 not in (0, 0o100000)  # noqa: E501
        if (
            odd
            or name not in KNOWN
            or folder.count("/") > 1
            or ".." in folder
            or ":" in folder
            or folder.startswith("/")
        ):  # noqa: E501
            raise BadAdapter(f"the zip holds {entry.filename[:80]!r}, which no adapter has")
    if len(set(names)) != len(names):
        raise BadAdapter("a file comes twice in the zip")
    return folder


def _sizes(entries: list[zipfile.ZipInfo], length: int) -> None:
    """Totals, ratio and overlap before a byte is unpacked."""
    total = sum(e.file_size for e in entries)
    packed = sum(e.compress_size for e in entries)
    if total > UNPACKED or total > RATIO * max(packed, 1):
        raise BadAdapter("the zip unpacks to far more than an adapter holds")
    if any(e.flag_bits & 0x1 for e in entries) or any(
        e.compress_type not in (0, 8) for e in entries
    ):  # noqa: E501
        raise BadAdapter("the zip is encrypted or packed in a way that is not read")
    spans = sorted((e.header_offset, e.header_offset + 30 + e.compress_size) for e in entries)
    ends = [end for _, end in spans]
    starts = [start for start, _ in spans[1:]]
    if (
        spans[0][0] != 0
        or ends[-1] > length
        or any(s < e for s, e in zip(starts, ends, strict=False))
    ):  # noqa: E501
        raise BadAdapter("files of the zip overlap; it is damaged or a trap")


def _entry(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with packed.open(entry) as stream:
        body = stream.read(entry.file_size + 1)
    if len(body) != entry.file_size:
        raise BadAdapter("a file of the zip is not as long as it says")
    return body


def _weights(data: bytes, shapes: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.float32]]:
    """Every tensor by name, float32, after names, shapes and values were checked."""
    header, start = _header(data)
    found: dict[str, NDArray[np.float32]] = {}
    spans = []
    for name, told in header.items():
        low, high = told["data_offsets"]
        kind, shape = told["dtype"], told["shape"]
        if kind not in WIDTH or set(told) != {"dtype", "shape", "data_offsets"}:
            raise BadAdapter(f"{name[:120]} is stored as {kind!r:.20}; only floats are read")
        if not all(type(x) is int and x >= 0 for x in (low, high, *shape)) or len(shape) != 2:
            raise BadAdapter(f"{name[:120]} has no sensible shape")
        if high - low != math.prod(shape) * WIDTH[kind] or start + high > len(data):
            raise BadAdapter(f"{name[:120]} is cut off or longer than its shape")
        spans.append((low, high))
        found[name] = _values(name, data[start + low : start + high], kind, tuple(shape))
    _contiguous(sorted(spans), len(data) - start)
    _fit(found, shapes)
    return found


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The safetensors header, read by ourselves before any library sees the file."""
    if len(data) < 10:
        raise BadAdapter("the weights are empty")
    length = int(struct.unpack_from("<Q", data)[0])
    if length > HEADER or 8 + length > len(data) or data[8:9] != b"{":
        raise BadAdapter("the weights are no safetensors file")
    header = _json(data[8 : 8 + length])
    about = header.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise BadAdapter("the weights carry metadata that is no text")
    if not 0 < len(header) <= TENSORS or not all(isinstance(v, dict) for v in header.values()):
        raise BadAdapter(f"the weights hold {len(header)} tensors; at most {TENSORS} are read")
    return header, 8 + length


def _values(name: str, raw: bytes, kind: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if kind == "BF16":
        half = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        made = half.view(np.float32)
    else:
        made = np.frombuffer(raw, "<f4" if kind == "F32" else "<f2").astype(np.float32)
    if not np.isfinite(made).all() or (made.size and float(np.abs(made).max()) > LARGEST):
        raise BadAdapter(f"{name[:120]} holds numbers that no training gives")
    return made.reshape(shape)


def _contiguous(spans: list[tuple[int, int]], length: int) -> None:
    at = 0
    for low, high in spans:
        if low != at or high < low:
            raise BadAdapter("tensors of the file overlap or leave gaps")
        at = high
    if at != length:
        raise BadAdapter("the file goes on after its last tensor")


def _fit(found: Mapping[str, Any], shapes: Mapping[str, tuple[int, int]]) -> None:
    """Both halves of each layer, of one rank, in the shapes of the base model."""
    ranks: dict[str, dict[str, int]] = {}
    for name, array in found.items():
        named = NAME.fullmatch(name)
        if named is None or named["path"] not in shapes:
            raise BadAdapter(f"{name[:120]} names no layer of this model; it is for another one")
        outputs, inputs = shapes[named["path"]]
        down = named["side"] == "A"
        if array.shape[1 if down else 0] != (inputs if down else outputs):
            raise BadAdapter(f"{name[:120]} has shape {array.shape}; this model needs another")
        ranks.setdefault(named["path"], {})[named["side"]] = array.shape[0 if down else 1]
    sizes = {r for sides in ranks.values() for r in sides.values()}
    if any(set(sides) != {"A", "B"} for sides in ranks.values()) or len(sizes) != 1:
        raise BadAdapter("a layer has only one of its two halves, or another rank")
    if not 1 <= sizes.pop() <= RANK:
        raise BadAdapter(f"the rank is not between 1 and {RANK}")


def _config(data: bytes, base: Base, weights: Mapping[str, Any], ours: bool) -> float:
    """alpha / rank, to be folded into the weights; everything else must mean nothing."""
    told = _json(data)
    if told.get("peft_type") != "LORA":
        raise BadAdapter(f"this adapter is of type {told.get('peft_type')!r:.40}; LORA is read")
    for key, value in told.items():
        # A key we do not know may stand there as long as it says nothing.
        allowed = NEUTRAL.get(key) or ((DEFAULTS[key], None) if key in DEFAULTS else EMPTY)
        if (key not in READ or key in NEUTRAL) and value not in allowed:
            raise BadAdapter(f"the config sets {key[:60]!r} to {value!r:.60}; that is not read")
    rank = len(next(v for k, v in weights.items() if k.endswith("lora_A.weight")))
    alpha = told.get("lora_alpha")
    if ours and alpha != rank:
        raise BadAdapter("the config was changed since a studio wrote it")
    if told.get("r") != rank or type(told.get("r")) is not int:
        raise BadAdapter(f"the config says rank {told.get('r')!r:.20}, the weights have {rank}")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha <= 1e4:
        raise BadAdapter(f"lora_alpha is {alpha!r:.20}; it must be a number above 0")
    paths = {m["path"].rpartition(".")[2] for m in map(NAME.fullmatch, weights) if m}
    targets = told.get("target_modules")
    if not isinstance(targets, list) or not paths <= {str(t).rpartition(".")[2] for t in targets}:
        raise BadAdapter("the config names other layers than the weights")
    named = told.get("base_model_name_or_path")
    if not ours and named != base.upstream:
        raise BadAdapter(
            f"this adapter is for {named!r:.80}, the model here is {base.upstream!r:.80}"
        )
    return float(alpha) / rank


def _ours(data: bytes | None, base: Base, weights: Mapping[str, Any]) -> dict[str, Any]:
    """The card of another studio, cleaned; its digest must be that of the weights."""
    if data is None:
        return {"origin": "elsewhere"}
    told = _json(data)
    if set(told) != {"base", "card", "digest"} or not isinstance(told["card"], dict):
        raise BadAdapter(f"{OURS} has other fields than a studio writes")
    if not isinstance(told["base"], dict) or told["base"].get("name") != base.name:
        name = told["base"].get("name") if isinstance(told["base"], dict) else None
        raise BadAdapter(f"this adapter was tuned on {name!r:.80}, the model is {base.name!r:.80}")
    if Adapter(base, weights).digest() != told["digest"]:
        raise BadAdapter("the weights are not those that were saved; copy the file again")
    known = {k: v for k, v in told["card"].items() if k in CARD and type(v) is CARD[k]}
    words = {k: v[:200] for k, v in known.items() if isinstance(v, str)}
    counts = {k: min(abs(v), 10**9) for k, v in known.items() if isinstance(v, int)}
    return {**words, **counts, "origin": "another studio"}


def _json(data: bytes) -> dict[str, Any]:
    """An object of limited size and depth, no name twice, no NaN."""
    if len(data) > JSON_BYTES or _depth(data) > DEPTH:
        raise BadAdapter("a JSON part is too large or too deep")
    found = json.loads(
        data.decode("utf-8"), object_pairs_hook=_once, parse_constant=lambda c: _never(c)
    )
    if not isinstance(found, dict):
        raise BadAdapter("a JSON part is no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadAdapter("a name comes twice in a JSON part")
    return made


def _never(constant: str) -> Any:
    raise BadAdapter(f"a JSON part holds {constant}")


def _depth(data: bytes) -> int:
    """An upper bound, without reading it as JSON."""
    deep = most = 0
    for byte in data:
        if byte in b"[{":
            deep += 1
            most = max(most, deep)
        elif byte in b"]}":
            deep -= 1
    return most
