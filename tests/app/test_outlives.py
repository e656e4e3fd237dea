"""A tuning outlives its studio: kill the server, kill the worker, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engine.kill_worker import save_tiny
from tests.served import ROOT, free_port, wait
from tests.test_keep_page import answered, call

SLOW = {"preset": "quick", "settings": {"steps": 4000, "rate": 1e-6, "batch": 2}}


class Server:
    """A studio whose process can be killed."""

    def __init__(self, data: Path, model: Path) -> None:
        port = free_port()
        words = [sys.executable, "-m", "app.cli", "run", "--no-browser", "--port", str(port),
                 "--data-dir", str(data), "--offline", "--cpu", "--lm", str(model)]  # fmt: skip
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PENCHANT_SAVE_EVERY": "0.5"}
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=quiet, stderr=quiet)
        self.address = f"http://127.0.0.1:{port}"
        wait(f"{self.address}/api/v1/health", self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `look` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError("it did not come")


def test_a_tuning_outlives_its_studio_and_its_process(tmp_path: Path) -> None:
    model, data = save_tiny(tmp_path / "model"), tmp_path / "data"
    first = Server(data, model)
    profile = answered(first.address)
    job = call(first.address, f"profiles/{profile}/tune", SLOW)["id"]
    until(lambda: len(call(first.address, f"jobs/{job}")["curve"]) > 3, 120.0)
    first.kill()
    heart = data / "jobs" / str(job) / "heart.json"
    before = json.loads(heart.read_text())["done"]
    until(lambda: json.loads(heart.read_text())["done"] > before)

    second = Server(data, model)
    try:

        def state() -> dict[str, Any]:
            return dict(call(second.address, f"jobs/{job}"))

        assert state()["state"] == "running"
        os.kill(json.loads(heart.read_text())["pid"], signal.SIGKILL)
        lost = until(lambda: state() if state()["state"] == "interrupted" else None)
        assert "resume" in lost["can"]
        call(second.address, f"jobs/{job}/wish", {"wish": "resume"})
        # Steps, for what is counted before them (the passes of the base model) leaves no adapter.
        taken = len(lost["curve"])
        until(lambda: state()["state"] == "running" and len(state()["curve"]) > taken, 120.0)
        call(second.address, f"jobs/{job}/wish", {"wish": "stop"})
        over = until(lambda: state() if state()["state"] == "stopped" else None)
        (made,) = call(second.address, f"profiles/{profile}/adapters")["adapters"]
        assert made["id"] == over["adapter"]
        steps = [row["step"] for row in over["curve"]]
        assert steps == list(range(1, len(steps) + 1)), "no step is missing or done twice"
    finally:
        second.kill()
