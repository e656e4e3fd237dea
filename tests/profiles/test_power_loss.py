"""A power loss takes nothing that was acknowledged; with a laxer setting it would, and is seen."""

from pathlib import Path

import pytest

from tests.profiles import power_loss
from tests.profiles.disk_shim import available


@pytest.mark.skipif(not available(), reason="sqlite3 is linked into Python itself")
def test_thirty_power_losses_lose_nothing(tmp_path: Path) -> None:
    told = power_loss.run(tmp_path, 30, seed=1, rounds=8, syncs=False)
    assert told["points"] == 30 and told["acknowledged"] > 15
    assert told["lost"] == told["corrupt"] == 0
    assert told["control_lost"] > 0, "the played disk forgets what was not synced"


def test_a_torn_write_leaves_whole_sectors() -> None:
    """Bytes 500 to 1600 written over zeros: sectors come or do not, never a part of one."""
    import random

    seen = set()
    for seed in range(200):
        op = ("write", 500, b"x" * 1100)
        found = power_loss._torn(bytearray(2048), op, 0.5, random.Random(seed))
        parts = [
            bytes(found[a:b]) for a, b in ((500, 512), (512, 1024), (1024, 1536), (1536, 1600))
        ]
        assert all(set(part) in ({0}, {120}) for part in parts)
        seen.add(tuple(part[0] for part in parts))
    assert len(seen) == 16
