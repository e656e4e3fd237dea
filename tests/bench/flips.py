"""bench flips: a thousand changed bits in the database file and its log, one at a time.

Each time a copy of a whole data folder (closed, killed at work, killed while idle) is opened and
every row read. `wrong` must be 0: a value that is not what was written, and nobody said so. Then
300 bits under a running store: `running_wrong` must be 0 as well, flips after which a read gave
what was never written; `running_told` is what the look-over of every five minutes notices.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

from tests.profiles import flips, flips_running


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """flips, detected, mended, harmless, wrong; running, _noticed, _same, _wrong, _told."""
    logging.getLogger("penchant").setLevel(logging.ERROR)  # each mended log is told
    with tempfile.TemporaryDirectory() as place:
        told = flips.run(Path(place), 60 if quick else 1000, seed)
        more, wrong = flips_running.run(Path(place) / "running", 20 if quick else 300, seed)
    bad = [{"read": name, "wrong": n} for name, n in wrong.most_common()]
    return {"figures": {**told["figures"], **more}, "rows": [*told["rows"], *bad]}
