"""Run a target's `reload` in a fresh process: nothing of ours is in memory there."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from safetensors.numpy import load_file, save_file

from engine.exports.base import Loaded, Probe, Refused

ROOT = Path(__file__).resolve().parents[3]
START = "import sys; from engine.exports.checks.fresh import child; child(sys.argv[1])"
LIMIT = 900.0


def reloaded(reload: Callable[[Path, Probe], Loaded], folder: Path, probe: Probe) -> Loaded:
    """Refused with the last line of what went wrong there."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        job = {
            "function": f"{reload.__module__}:{reload.__qualname__}",
            "folder": str(folder.resolve()),
            "probe": asdict(probe),
        }
        (place / "job.json").write_text(json.dumps(job))
        made = subprocess.run(
            [sys.executable, "-c", START, str(place)], cwd=ROOT, env=_quiet(),
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        if made.returncode:
            said = made.stderr.strip().splitlines() or ["no word"]
            raise Refused(f"the files could not be loaded again: {said[-1]}")
        arrays = load_file(str(place / "out.safetensors"))
        told = json.loads((place / "out.json").read_text())
        return Loaded(**told, outputs=arrays.get("outputs"), base=arrays.get("base"))


def child(name: str) -> None:
    """The other end: read the job, run it, leave the answer beside it."""
    place = Path(name)
    job = json.loads((place / "job.json").read_text())
    module, _, function = job["function"].partition(":")
    ids = tuple(tuple(row) for row in job["probe"].pop("ids"))
    loaded: Loaded = getattr(importlib.import_module(module), function)(
        Path(job["folder"]), Probe(ids=ids, **job["probe"])
    )
    arrays = {"outputs": loaded.outputs, "base": loaded.base}
    save_file({k: v for k, v in arrays.items() if v is not None}, str(place / "out.safetensors"))
    told = {k: v for k, v in vars(loaded).items() if k not in arrays}
    (place / "out.json").write_text(json.dumps(told))


def _quiet() -> dict[str, str]:
    """Our environment, without a network and with threads that do not spin."""
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
