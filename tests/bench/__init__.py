"""Benchmarks: `launch.py bench NAME`. One file each; nothing here is asserted in a test."""

import importlib
import importlib.util
import inspect
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BENCHES = {
    "click": "tests.bench.click:run",
    "load": "tests.bench.load:run",
    "taste": "tests.bench.taste:run",
    "steer": "tests.bench.steer:run",
    "starter": "tests.bench.starter:run",
    "draws": "tests.bench.draws:run",
    "untrained": "tests.bench.untrained:run",
    "ppd": "tests.bench.ppd:run",
    "reach": "tests.bench.reach:run",
    "pictures": "tests.bench.pictures:run",
    "people": "tests.bench.people:run",
    "update": "tests.bench.update:run",
    "preference": "tests.bench.preference:run",
    "newuser": "tests.bench.newuser:run",
    "neighbours": "tests.bench.neighbours:run",
    "pick": "tests.bench.pick:run",
    "retrieve": "tests.bench.retrieve:run",
    "start": "tests.bench.start:run",
    "kills": "tests.bench.kills:run",
    "flips": "tests.bench.flips:run",
    "powerloss": "tests.bench.powerloss:run",
    "faults": "tests.bench.faults:run",
    "backups": "tests.bench.backups:run",
    "study": "tests.bench.study:run",
    "train": "tests.bench.train:run",
    "serve": "tests.bench.serve:run",
    "tuned": "tests.bench.tuned:run",
    "jobkills": "tests.bench.jobkills:run",
    "overload": "tests.bench.overload:run",
    "results": "tests.bench.results:run",
    "hostile": "tests.bench.hostile:run",
}
ROOT = Path(__file__).resolve().parent.parent.parent


def bench(given: Any) -> int:
    """Run one bench and print it: a table for people, one JSON object as the last line."""
    if given.name not in BENCHES:
        known = ", ".join(BENCHES)
        print(f"launch.py: no bench called {given.name!r}; known: {known}", file=sys.stderr)
        return 2
    module, _, name = BENCHES[given.name].partition(":")
    people = _people(given.people) if given.people else None
    function = getattr(importlib.import_module(module), name)
    words = {"quick": given.quick, "seed": given.seed, "people": people}
    if given.data and "data" not in inspect.signature(function).parameters:
        print(
            f"bench {given.name} needs no data of real people; --data is not read", file=sys.stderr
        )
    elif given.data:
        words["data"] = Path(given.data).absolute()
    control = alike()
    begun = time.monotonic()
    made = function(**words)
    answer = {
        "bench": given.name,
        "commit": _commit(),
        "machine": machine(),
        "control": control,
        "seconds": round(time.monotonic() - begun, 1),
        "seed": given.seed,
        "quick": given.quick,
        "figures": {k: round(float(v), 5) for k, v in made["figures"].items()},
        "rows": made["rows"],
    }
    for key, value in answer["figures"].items():
        print(f"{key:<28} {value:>12.4f}")
    print(f"control {control:.3f}, {answer['seconds']} s", flush=True)
    if given.json:
        print(json.dumps(answer))
    return 0


def alike(rounds: int = 9) -> float:
    """A/A: the same work twice, interleaved; comparisons count when within 0.95 to 1.05."""
    import numpy as np

    a = np.random.default_rng(0).standard_normal((160, 160))

    def work() -> float:
        begun = time.perf_counter()
        for _ in range(60):
            a @ a
        return time.perf_counter() - begun

    work()
    return float(np.median([work() / work() for _ in range(rounds)]))


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines()
             if line.startswith("model name")] if info.exists() else []  # fmt: skip
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "cpu": names[0] if names else platform.processor(),
        "memory_gb": round(memory / 1e9, 1),
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _commit() -> str:
    """The commit that was measured; `+` when files differ from it."""
    words = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return made.stdout.strip() or "unknown"


def _people(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("bench_people", path)
    if spec is None or spec.loader is None or not Path(path).exists():
        raise SystemExit(f"launch.py: --people {path}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, "people", None)):
        raise SystemExit(f"launch.py: {path} has no people(rng) -> objects with utility(candidate)")
    return module.people
