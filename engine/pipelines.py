"""A picture model on the disk, looked at without loading it: what it is, and why it cannot be used.

Takes a folder of a diffusers pipeline, or one .safetensors file with a folder of its configs beside
it (the same name without the ending). Only headers are read. What can run code when it is read
(pickles, Python files, parts from other libraries) is refused here, before anything is loaded.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Where a part's class may come from; stable_diffusion is diffusers' own name of its checker.
LIBRARIES = ("diffusers", "transformers", "stable_diffusion", None)
# The pipelines that engine/denoising.py has a face for.
KINDS = ("StableDiffusionPipeline", "StableDiffusionXLPipeline", "StableDiffusion3Pipeline",
         "FluxPipeline")  # fmt: skip
INDEX, SAMPLED = "model_index.json", 256
# Bytes of a small file, of a header, and its tensors: the largest families need a tenth of these.
SMALL, LONGEST, MOST = 16_000_000, 10_000_000, 65_536
# Number types by safetensors' names; half of a bfloat16 is missing in numpy.
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
# Bytes of a number of the types a file may hold; of others half a byte is the least there is.
WIDTHS = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2,
          "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}  # fmt: skip


class BadModel(ValueError):
    """This folder or file cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Found:
    """`path`: the folder or file; `config`: where model_index.json lies; `part`: unet or
    transformer; `absent`: parts that are left out; `numbers`: how many the weights hold in all and
    in that part; `variant`: what the weights are called beside their name, fp16 or nothing.
    """

    path: Path
    config: Path
    kind: str
    part: str
    absent: tuple[str, ...]
    numbers: tuple[int, int]
    variant: str | None = None

    @property
    def single(self) -> bool:
        return self.path.is_file()

    def settings(self) -> dict[str, Any]:
        """config.json of the part that is bent; BadModel when it is torn."""
        return read(self.config / self.part / "config.json")


def read(file: Path) -> dict[str, Any]:
    """A small file of a model; BadModel with the cure when it is torn or holds something else."""
    try:
        if file.stat().st_size > SMALL:
            raise ValueError("it is far too long")
        told = json.loads(file.read_text())
        if not isinstance(told, dict):
            raise ValueError("it holds no names with values")
    except (ValueError, OSError, RecursionError) as wrong:
        raise BadModel(f"{file} cannot be read: {wrong}; get this model again") from None
    return told


def look(where: Path) -> Found:
    """What lies there; BadModel when it cannot be used here."""
    if not where.exists():
        raise BadModel(
            f"{where} is not there; give the folder of a diffusers pipeline, one .safetensors "
            "file, or hub:OWNER/NAME@REVISION"
        )
    config = where if where.is_dir() else _beside(where)
    parts = _parts(config)
    kind = str(parts.pop("_class_name"))
    if kind not in KINDS:
        raise BadModel(f"{kind or 'this kind of model'} cannot be used here; one of "
                       f"{', '.join(KINDS)} can")  # fmt: skip
    absent = tuple(k for k, v in parts.items() if v[1] is None)
    part = next((p for p in ("transformer", "unet") if p in parts and p not in absent), "")
    if not part or not (config / part / "config.json").exists():
        raise BadModel(f"{where.name} has no unet and no transformer; get the whole model again")
    numbers = _numbers(where, part, absent, parts)
    named = variant(where / part) if where.is_dir() else None
    found = Found(where, config, kind, part, absent, numbers, named)
    found.settings()
    return found


def _beside(file: Path) -> Path:
    """The folder of configs of a single file."""
    if file.suffix != ".safetensors":
        raise BadModel(f"{file.name} is not a .safetensors file; only those are read here, because "
                       "others can run code when they are read")  # fmt: skip
    config = file.with_suffix("")
    if not (config / INDEX).exists():
        raise BadModel(
            f"{file.name} needs the small files of its family (model_index.json, and the configs "
            f"and word lists of its parts, without weights); put them into {config}"
        )
    return config


def _parts(folder: Path) -> dict[str, Any]:
    """Parts by name as model_index.json has them, with _class_name; BadModel for code."""
    index = folder / INDEX
    if not index.exists():
        words = "; it holds a model that writes: use --lm" if _writes(folder) else ""
        raise BadModel(f"{folder} holds no {INDEX}: it is no folder of a diffusers pipeline{words}")
    told = read(index)
    parts = {k: v for k, v in told.items() if isinstance(v, list) and len(v) == 2}
    # Some values are settings that happen to be lists; a part names a library and a class.
    odd = [k for k, v in told.items() if isinstance(v, list) and len(v) != 2]
    odd += [k for k, v in parts.items() if v[0] not in LIBRARIES or not _named(v[1])]
    if odd or any(folder.rglob("*.py")):
        what = f"{odd[0]} of this model" if odd else "this model"
        raise BadModel(f"{what} brings code of its own, which is never run here")
    return {"_class_name": told.get("_class_name", ""), **parts}


def _named(value: Any) -> bool:
    """A class of a library by its bare name, or none."""
    return value is None or (isinstance(value, str) and value.isidentifier() and value[0] != "_")


def _writes(folder: Path) -> bool:
    return (folder / "config.json").exists()


def _numbers(
    where: Path, part: str, absent: tuple[str, ...], parts: Mapping[str, Any]
) -> tuple[int, int]:
    """Weights in all and in the part; BadModel for a pickle, a missing or a torn file."""
    if where.is_file():
        every = sum(math.prod(t["shape"]) for t in header(where).values())
        return every, every
    counted = {}
    for name in parts:
        if name in absent or not (where / name).is_dir():
            continue
        files = weights(where / name)
        old = [p for e in ("bin", "ckpt", "pt", "pkl") for p in (where / name).glob(f"*.{e}")]
        if old and not files:
            raise BadModel(f"{name} comes as {old[0].name}, a file that can run code when it is "
                           "read; get this model as .safetensors")  # fmt: skip
        _whole(where / name, files)
        counted[name] = sum(math.prod(t["shape"]) for f in files for t in header(f).values())
    if not counted.get(part):
        raise BadModel(f"{where.name} has no weights in {part}/; get the whole model again")
    return sum(counted.values()), counted[part]


def weights(folder: Path) -> list[Path]:
    """The .safetensors of one part that are read: the plain ones, else those in 16 bits."""
    every = sorted(folder.glob("*.safetensors"))
    plain = [p for p in every if p.name.count(".") == 1]
    return plain or [p for p in every if ".fp16" in p.name]


def variant(folder: Path) -> str | None:
    """What the weights of a part are called beside their name: fp16 where there are no others."""
    found = weights(folder)
    return "fp16" if found and all(p.name.count(".") > 1 for p in found) else None


def _whole(folder: Path, files: list[Path]) -> None:
    """Every file that an index of shards names is there."""
    for index in folder.glob("*.safetensors.index.json"):
        if (".fp16." in index.name) != any(".fp16" in p.name for p in files):
            continue
        named = read(index).get("weight_map")
        if not isinstance(named, dict):
            raise BadModel(f"{folder.name}/{index.name} names no files; get this model again")
        missing = {str(n) for n in named.values()} - {p.name for p in files}
        if missing:
            raise BadModel(f"{folder.name}/{min(missing)} is missing; get this model again")


def header(file: Path) -> dict[str, Any]:
    """Names, types, shapes and places of the tensors of a file; BadModel when it is torn."""
    try:
        with open(file, "rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if size > LONGEST:
                raise ValueError("its header is too long")
            told = json.loads(stream.read(size))
        told.pop("__metadata__", None)
        if len(told) > MOST:
            raise ValueError("it has too many tensors")
        ends = max((_sized(tensor) for tensor in told.values()), default=0)
        if 8 + size + ends != os.path.getsize(file):
            raise ValueError("it is cut short, or longer than it says")
    except (ValueError, TypeError, LookupError, AttributeError, OSError, RecursionError) as wrong:
        raise BadModel(
            f"{file.name} is damaged ({str(wrong)[:80]}); get this model again"
        ) from None
    return {k: {**t, "start": 8 + size + t["data_offsets"][0]} for k, t in told.items()}


def _sized(tensor: Mapping[str, Any]) -> int:
    """Where the bytes of a tensor end; ValueError unless its shape fills them."""
    kind, shape, (low, high) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    if any(type(n) is not int or n < 0 for n in (low, high, *shape)) or not isinstance(kind, str):
        raise ValueError("a tensor has no size")
    count = math.prod(shape)
    fits = count * WIDTHS[kind] == high - low if kind in WIDTHS else count <= 2 * (high - low)
    if not fits:
        raise ValueError("a tensor is not as large as its shape")
    return int(high)


def identity(found: Found, title: str) -> str:
    """`title` and 8 hex digits of the weights that are bent, the same in 16 and in 32 bits."""
    files = [found.path] if found.single else weights(found.path / found.part)
    made = hashlib.sha256()
    for name, shape, some in sorted(_sampled(files), key=lambda t: t[0]):
        made.update(f"{name}{shape}".encode() + some)
    return f"{title.lower()}-{made.hexdigest()[:8]}"


def _sampled(files: list[Path]) -> Iterator[tuple[str, list[int], bytes]]:
    """Evenly spaced numbers of every tensor, rounded to 16 bits (bfloat16)."""
    for file in files:
        for name, told in header(file).items():
            count = math.prod(told["shape"])
            if told["dtype"] not in TYPES or not count:
                continue
            flat = np.memmap(file, TYPES[told["dtype"]], "r", told["start"], (count,))
            some = np.array(flat[:: max(1, count // SAMPLED)])
            yield name, told["shape"], _rounded(some, told["dtype"]).tobytes()


def _rounded(some: Any, kind: str) -> Any:
    if kind == "BF16":
        return some
    bits = np.ascontiguousarray(some, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
