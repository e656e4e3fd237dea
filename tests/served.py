"""A studio served in its own process, for tests that need the real thing."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(folder: Path, *flags: str, page: bool = True) -> Iterator[str]:
    """The address of a running studio; `page` waits for Gradio's page too."""
    port = free_port()
    words = [sys.executable, "-m", "app.cli", "run", "--no-browser", "--port", str(port)]
    words += ["--data-dir", str(folder), *flags]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "server.log", "wb") as log:
        process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait(address + "/api/v1/health", process)
        if page:
            wait(address + "/config", process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def wait(url: str, process: "subprocess.Popen[bytes]", seconds: float = 60.0) -> None:
    """Until the address answers 200; an ended process is an error at once."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the studio ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {seconds} s")


def call(address: str, path: str, body: Any = None) -> Any:
    """A route of the API as a program calls it."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/v1/{path}", data, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.loads(reply.read())
