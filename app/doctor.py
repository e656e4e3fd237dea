"""launch.py doctor: what is there, what is missing and how to get it. No prompts, no answers."""

import json
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.flags import ROOT, Options
from app.making import MODEL

PACKAGES = ("torch", "gradio", "transformers", "diffusers", "peft", "faiss-cpu", "sqlite-utils")


def doctor(options: Options, as_json: bool) -> int:
    """Print the report; 0 when nothing is wrong."""
    rows = [{"what": name, **check(options)} for name, check in CHECKS.items()]
    if as_json:
        print(json.dumps({"ok": all(r["ok"] for r in rows), "checks": rows}))
    else:
        for row in rows:
            print(f"{'ok  ' if row['ok'] else 'MISS'}  {row['what']:<14} {row['found']}")
            if row.get("cure"):
                print(f"      {'':<14} -> {row['cure']}")
    return 0 if all(r["ok"] for r in rows) else 1


def found(text: str, ok: bool = True, cure: str = "") -> dict[str, Any]:
    return {"ok": ok, "found": text, **({"cure": cure} if cure and not ok else {})}


def _python(_: Options) -> dict[str, Any]:
    return found(f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}")


def _packages(_: Options) -> dict[str, Any]:
    have, missing = [], []
    for name in PACKAGES:
        try:
            have.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return found(", ".join(have + missing), not missing, "run `python3 launch.py` once")


def _disk(options: Options) -> dict[str, Any]:
    folder = Path(options.data_dir)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    return found(f"{free:.0f} GB free", free > 1, "free at least 1 GB where the data folder lies")


def _memory(_: Options) -> dict[str, Any]:
    import psutil

    seen = psutil.virtual_memory()
    text = f"{seen.available / 1e9:.1f} of {seen.total / 1e9:.1f} GB free"
    return found(text, seen.available > 2e9, "close other programs: 2 GB are needed to write text")


def _device(options: Options) -> dict[str, Any]:
    from engine.device import likely

    device = likely(options.cpu)
    return found(f"{device.name}: {device.reason}")


def _model(options: Options) -> dict[str, Any]:
    manifest = Path(options.models_dir) / MODEL / "manifest.json"
    if options.lm:
        there = Path(options.lm).exists()
        return found(options.lm, there, "give --lm a folder that holds a causal language model")
    if not manifest.exists():
        return found("not in place", False, "run `python3 launch.py` once")
    import hashlib

    for name, digest in json.loads(manifest.read_text())["files"].items():
        with open(manifest.parent / name, "rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                cure = f"remove {manifest.parent} and run `python3 launch.py`"
                return found(f"{name} is damaged", False, cure)
    return found(f"{MODEL}, every file as it was made")


def _data(options: Options) -> dict[str, Any]:
    """Looked at read-only: a running studio is not disturbed."""
    folder = Path(options.data_dir)
    file = folder / "penchant.db"
    if not file.exists():
        return found(f"{folder} (new: nothing kept yet)")
    if not os.access(folder, os.W_OK):
        return found(str(folder), False, "make the folder writable, or use --data-dir")
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        state = db.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as wrong:
        state = str(wrong)
    finally:
        db.close()
    cure = "put back the newest file of the folder backups/"
    return found(f"{folder}: {state}", state == "ok", cure)


def _browser(_: Options) -> dict[str, Any]:
    names = ("chromium", "chromium-browser", "google-chrome")
    there = next((n for n in names if shutil.which(n)), None)
    return found(there or "no Chromium (only the tests need one)")


def _settings(options: Options) -> dict[str, Any]:
    given = [f"{k} from {v}" for k, v in options.sources.items() if v != "default"]
    return found(", ".join(given) or "all defaults")


def _place(_: Options) -> dict[str, Any]:
    return found(str(ROOT))


CHECKS: dict[str, Callable[[Options], dict[str, Any]]] = {
    "folder": _place,
    "python": _python,
    "packages": _packages,
    "disk": _disk,
    "memory": _memory,
    "device": _device,
    "language model": _model,
    "data": _data,
    "browser": _browser,
    "settings": _settings,
}
