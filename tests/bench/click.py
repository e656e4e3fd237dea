"""bench click: 200 people who vote once a second on one studio, each answer durable before its 200.

The load comes from a process of its own on raw sockets (tests/bench/click_load.py). `floor` is the
median of a bare route with the same group commit, without update and next question, measured before
and after; the peer is the same insert as a queued Gradio event, by Gradio's defaults and at its
best. The studio was started with --preload, as one for many people is.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.served import ROOT, call, free_port, served, wait

FLAGS = ("--preload", "--limits", "comparisons=0,profiles=0")
CLIENTS, CLOSED = 200, 16


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; docs/evidence.md says what each means and what it should be."""
    clients, seconds = (20, 5) if quick else (CLIENTS, 60)
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        before = _floor(folder / "before", clients, seconds / 3, seed)
        with served(folder / "studio" / "data", *FLAGS) as address:
            port = int(address.rsplit(":", 1)[1])
            with watched(port) as seen:
                paced = loaded(port, "studio", clients, seconds, 1.0, seed)
            ahead = call(address, "system")["ahead"]
            full = loaded(port, "studio", CLOSED, seconds / 6, 0.0, seed + 1)
        lost, twice = checked(folder / "studio" / "data", [paced, full])
        after = _floor(folder / "after", clients, seconds / 3, seed)
        queues = {kind: _queue(folder / kind, kind, seconds / 6, seed)
                  for kind in ("queue", "queue-wide")}  # fmt: skip
    times = np.array(paced["ms"])
    bare = float(np.mean([before, after]))
    figures = {
        "p50_ms": np.percentile(times, 50), "p95_ms": np.percentile(times, 95),
        "p99_ms": np.percentile(times, 99), "per_s": paced["per_s"],
        "saturation_per_s": full["per_s"], "floor_ms": bare,
        "ratio_floor": np.percentile(times, 50) / bare,
        "ratio_gradio_queue": full["per_s"] / max(queues.values()),
        "lost": lost, "duplicated": twice, "prefetch_hit": ahead["prepared"] / ahead["votes"],
        "answers": len(paced["told"]) + len(full["told"]),
        "rss_mb": seen[-1][1] / 1e6, "generator_cpu": paced["generator_cpu"],
    }  # fmt: skip
    rows = [{"peer": k, "per_s": v} for k, v in queues.items()]
    rows += [{"floor_before_ms": before, "floor_after_ms": after}]
    return {"figures": figures, "rows": rows}


def loaded(  # noqa: PLR0913 - a load is made of these
    port: int, kind: str, clients: int, seconds: float, rate: float, seed: int
) -> Any:
    """The report of the process that makes the load."""
    words = {"port": port, "kind": kind, "clients": clients, "seconds": seconds, "rate": rate,
             "seed": seed, "warm": min(5.0, seconds / 4)}  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-m", "tests.bench.click_load", json.dumps(words)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"the load ended: {made.stderr[-1500:]}")
    return json.loads(made.stdout.splitlines()[-1])


@contextmanager
def watched(port: int) -> Iterator[list[tuple[float, int]]]:
    """(seconds, resident bytes) of the server at this port, once a second."""
    seen: list[tuple[float, int]] = []
    found = next(c.pid for c in psutil.net_connections("tcp")
                 if c.status == "LISTEN" and c.laddr.port == port)  # fmt: skip
    process, begun, done = psutil.Process(found), time.monotonic(), threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append((time.monotonic() - begun, process.memory_info().rss))
            done.wait(1.0)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def checked(data: Path, loads: list[Any]) -> tuple[int, int]:
    """Acknowledged answers that are not in the log, and keys that are there twice."""
    db = sqlite3.connect(data / "penchant.db")
    try:
        stored = Counter(
            (key, seq) for key, seq in db.execute("SELECT key, seq FROM answers WHERE act='answer'")
            if key.startswith("click")
        )  # fmt: skip
    finally:
        db.close()
    told = Counter((k, seq) for load in loads for k, seq in load["told"].items())
    return sum((told - stored).values()), sum((stored - told).values())


def _floor(folder: Path, clients: int, seconds: float, seed: int) -> float:
    with _peer("floor", folder, "/openapi.json") as port:
        return float(np.median(loaded(port, "floor", clients, seconds, 1.0, seed)["ms"]))


def _queue(folder: Path, kind: str, seconds: float, seed: int) -> float:
    with _peer(kind, folder, "/config") as port:
        return float(loaded(port, "queue", CLOSED, seconds, 0.0, seed)["per_s"])


@contextmanager
def _peer(kind: str, folder: Path, ready: str) -> Iterator[int]:
    port = free_port()
    words = [sys.executable, "-m", "tests.bench.click_peers", kind, str(port), str(folder)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait(f"http://127.0.0.1:{port}{ready}", process)
        yield port
    finally:
        process.kill()
        process.wait()
