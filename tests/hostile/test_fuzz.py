"""A taste of `python -m tests.fuzz`: every target reads its seeds and a few hundred mutations."""

import random
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz import Tally, mutations
from tests.fuzz_targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_refuses_in_its_own_words_or_reads(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    tally = Tally(target, tmp_path)
    for data in target.seeds():
        target.read(data)
    for data in islice(mutations(target.seeds(), random.Random(5)), 150):
        tally.one(data)
    assert tally.crashes == [] and tally.executions == 150 and not tally.slow


def test_a_crash_is_kept_and_told(tmp_path: Path) -> None:
    """The control."""
    broken = TARGETS["outcome"].__class__(lambda data: 1 / 0, ValueError, lambda: [b"x"], ())
    tally = Tally(broken, tmp_path)
    for _ in range(3):
        tally.one(b"boom")
    assert tally.executions == 3 and len(tally.crashes) == 1
    assert (tmp_path / "crash-1.bin").read_bytes() == b"boom"
