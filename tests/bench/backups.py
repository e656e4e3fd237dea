"""bench backups: a safety copy every 5 seconds while 200 answers a second come in.

`not_whole` and `lacking` (an answer acknowledged before the copy began) must be 0; `rise` is how
much later the slowest of twenty answers is stored beside copies than without.
"""

import tempfile
from pathlib import Path
from typing import Any

from tests.profiles import backup_load


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """answers, copies, not_whole, lacking, p95_ms, p95_beside_ms, rise."""
    seconds, every = (2.0, 0.5) if quick else (30.0, 5.0)
    with tempfile.TemporaryDirectory() as place:
        return {"figures": backup_load.run(Path(place) / "data", seconds, every), "rows": []}
