"""One studio with something of everything in it for all tests of hostile input."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.world import World, world


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory, stocked: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("crowded")
    shutil.copytree(stocked, folder / "data")
    with world(folder / "data") as made:
        yield made
