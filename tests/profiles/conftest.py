"""A store in a temporary folder, and a desk over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.store import Store
from tests.profiles.desk import Desk, new_desk


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as made:
        yield made


@pytest.fixture
def desk(store: Store) -> Desk:
    return new_desk(store)
