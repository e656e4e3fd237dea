"""bench jobkills: kill -9 of a training at random moments, a checkpoint after every step.

Two hundred kills; after each the newest complete checkpoint is taken up. `differ` counts runs whose
final weights are not bit-equal to those of the run nobody killed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """kills, runs, differ, inside_checkpoints."""
    with tempfile.TemporaryDirectory() as place:
        words = [sys.executable, "-m", "tests.engine.kill_worker", place,
                 "20" if quick else "200", str(seed)]  # fmt: skip
        made = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    figures = json.loads(made.stdout.splitlines()[-1])
    return {"figures": figures, "rows": []}
