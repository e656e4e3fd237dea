"""A studio with a study, and browsers at its door."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.accounts import Accounts
from app.main import build
from app.security import Gate

Door = Callable[..., Any]


@pytest.fixture
def door(studio: Any, tmp_path: Path) -> Iterator[Door]:
    """Browsers of a studio with a study; every call is another one."""
    gates: dict[str, Any] = {}

    def another(path: Path, auth: dict[str, str] | None = None) -> Any:
        if "gate" not in gates:
            accounts = Accounts(studio.store, auth)
            app = build(studio, accounts, Namespace(study=[str(path)], auth=auth or {}))
            gates["gate"] = Gate(app, accounts)
        return TestClient(gates["gate"], base_url="http://localhost")

    yield another
    studio.ahead.settle()
