"""bench faults: every call of the studio's SQLite to the disk fails in turn.

No space (once, and until room is made), half of a write, a failed fsync, a failed truncate; at work
and while opening. `unclear` (not told in words), `lost` (acknowledged and gone, or there twice),
`torn` (a file that is not whole) and `stuck` (reads that stop) must be 0.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

from tests.profiles import faults
from tests.profiles.disk_shim import available


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """runs, hit, refused, unclear, lost, torn, stuck."""
    if not available():
        raise SystemExit("the sqlite3 of this Python is not linked to a library ctypes can reach")
    logging.getLogger("penchant").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as place:
        return faults.run(Path(place), 60 if quick else 1)
