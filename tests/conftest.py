"""Shared by all tests: quiet threads, no network but loopback, a studio, a served studio."""

import os

from app import doctor, flags

# Before torch can be imported by anything below.
flags.quiet(os.environ)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil  # noqa: E402
import socket  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402

from tests.served import CHROMIUM  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
LM = ROOT / ".models" / "SmolLM2-135M-Instruct"


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere else is a failure, not a wait."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the starter pools in it and nothing else; copied for each test."""
    from app.studio import Studio

    folder = tmp_path_factory.mktemp("stocked") / "data"
    with Studio.open(folder, models=ROOT / ".models") as opened:
        opened.shelves.starter("picture")
        opened.shelves.starter("text")
    return folder


@pytest.fixture
def studio(tmp_path: Path, stocked: Path) -> Iterator[Any]:
    """A Studio on a fresh data folder."""
    from app.studio import Studio

    shutil.copytree(stocked, tmp_path / "data")
    with Studio.open(tmp_path / "data", models=ROOT / ".models") as opened:
        yield opened


@pytest.fixture
def user(studio: Any) -> int:
    return int(studio.store.local_user())


@pytest.fixture
def client(studio: Any) -> Iterator[Any]:
    """An HTTP client of the guarded application, without Gradio."""
    from fastapi.testclient import TestClient

    from app.accounts import Accounts
    from app.main import build
    from app.security import Gate

    accounts = Accounts(studio.store, None)
    with TestClient(Gate(build(studio, accounts), accounts), base_url="http://localhost") as made:
        yield made


@pytest.fixture(scope="session")
def browser_path() -> str:
    """A Chromium; missing is a visible skip, with CI=true a failure."""
    found = doctor.browser()
    if found:
        return found
    text = "no Chromium found; install it (Debian: apt install chromium) to run the journey"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Any]:
    """A browser for the tests of one file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=browser_path, args=CHROMIUM)
        yield made
        made.close()


@pytest.fixture
def key() -> Callable[[], str]:
    """A new idempotency key each time."""
    numbers = iter(range(10**6))
    return lambda: f"test-key-{next(numbers):06d}"


@pytest.fixture(autouse=True)
def no_warming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are loaded where a test asks for them: a load that outlives its test would race."""
    monkeypatch.setattr("app.making.Maker.warm", lambda self, kind: None)


@pytest.fixture(autouse=True)
def no_drawing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn behind a test's back; a test of it draws where it asks."""
    monkeypatch.setattr("app.fresh.Fresh.after", lambda self, user, profile: None)
