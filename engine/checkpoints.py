"""Checkpoints that are whole or not there: a folder, its hashes written last, then a rename.

A kill at any moment leaves at most a hidden half-made folder, which the next start clears away.
A checkpoint whose files do not match its manifest is passed over for the one before it.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT = 2
MANIFEST, TENSORS, NUMBERS = "manifest.json", "tensors.safetensors", "numbers.json"


def write_atomic(path: Path, text: str) -> None:
    """The file holds all of the new text or all of the old, also after a power cut."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with open(part, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """fsync of a file or a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def save(place: Path, step: int, tensors: Mapping[str, Any], numbers: Mapping[str, Any]) -> Path:
    """Write the checkpoint of `step` under `place`; older ones beyond KEPT are removed after."""
    from safetensors.torch import save_file

    place.mkdir(parents=True, exist_ok=True)
    part = place / f".part-{uuid.uuid4().hex[:8]}"
    part.mkdir()
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part / TENSORS)
    (part / NUMBERS).write_text(json.dumps({"step": step, **numbers}))
    sync(part / TENSORS)
    sync(part / NUMBERS)
    hashes = {name: digest(part / name) for name in (TENSORS, NUMBERS)}
    (part / MANIFEST).write_text(json.dumps(hashes))
    sync(part / MANIFEST)
    sync(part)
    target = place / f"{step:08d}"
    if target.exists():
        shutil.rmtree(target)
    os.replace(part, target)
    sync(place)
    for old in folders(place)[:-KEPT]:
        shutil.rmtree(old)
    return target


def newest(place: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(tensors, numbers) of the newest complete checkpoint, or None."""
    from safetensors.torch import load_file

    if not place.exists():
        return None
    for half in place.glob(".part-*"):
        shutil.rmtree(half)
    for folder in reversed(folders(place)):
        if whole(folder):
            return load_file(folder / TENSORS), json.loads((folder / NUMBERS).read_text())
    return None


def folders(place: Path) -> list[Path]:
    """Finished checkpoint folders, oldest first."""
    return sorted(p for p in place.iterdir() if p.is_dir() and p.name.isdigit())


def whole(folder: Path) -> bool:
    """Every file is there and holds what the manifest says."""
    try:
        hashes = json.loads((folder / MANIFEST).read_text())
        return set(hashes) == {TENSORS, NUMBERS} and all(
            digest(folder / name) == value for name, value in hashes.items()
        )
    except (OSError, ValueError):
        return False


def digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
