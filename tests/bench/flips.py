"""bench flips: a thousand changed bits in the database file and its log, one at a time.

Each time a copy of a whole data folder (closed, killed at work, killed while idle) is opened and
every row read. `wrong` must be 0: a value that is not what was written, and nobody said so.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

from tests.profiles import flips


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """flips, detected, mended, harmless, wrong."""
    logging.getLogger("penchant").setLevel(logging.ERROR)  # each mended log is told
    with tempfile.TemporaryDirectory() as place:
        return flips.run(Path(place), 60 if quick else 1000, seed)
