"""bench powerloss: the power goes at every sync and at 3,000 random moments of a recorded run.

The studio's own SQLite writes through a played disk (tests/profiles/disk_shim.py). `lost` and
`corrupt` must be 0; `control_lost` is the same with synchronous=NORMAL and must not be.
"""

import tempfile
from pathlib import Path
from typing import Any

from tests.profiles import power_loss
from tests.profiles.disk_shim import available


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """points, acknowledged, lost, corrupt, control_points, control_lost."""
    if not available():
        raise SystemExit("the sqlite3 of this Python is not linked to a library ctypes can reach")
    points, rounds = (30, 6) if quick else (3000, 60)
    with tempfile.TemporaryDirectory() as place:
        figures = power_loss.run(Path(place), points, seed, rounds, syncs=not quick)
    return {"figures": figures, "rows": []}
