"""bench kills: kill -9 of the whole studio while clients vote over HTTP.

After every kill the file is checked, and every acknowledged answer must be in the log, once. A
client that got no reply asks again with the same key after the restart, as the card does.
"""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tests.served import ROOT, free_port, wait

CLIENTS = 4


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; 50 rounds."""
    rounds = 3 if quick else 50
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as temp:
        data = Path(temp) / "data"
        clients = [Client(k) for k in range(CLIENTS)]
        ready, rows = [], []
        for number in range(rounds):
            seconds = _round(data, clients, float(rng.uniform(0.05, 1.5)))
            ready.append(seconds)
            rows.append({"round": number, "ready_s": seconds, **_check(data, clients)})
    total = Counter[str]()
    for row in rows:
        total.update({k: row[k] for k in ("corrupt",)})
    return {
        "figures": {
            "rounds": rounds,
            "acknowledged": sum(len(c.told) for c in clients),
            "lost": rows[-1]["lost"],
            "duplicated": rows[-1]["duplicated"],
            "corrupt": total["corrupt"],
            "ready_s": float(np.median(ready)),
        },
        "rows": rows,
    }


class Client:
    """Votes as fast as replies come; remembers what was acknowledged."""

    def __init__(self, number: int) -> None:
        self.number, self.profile = number, 0
        self.told: dict[str, int] = {}
        self.pending: dict[str, Any] | None = None
        self.sent = 0

    def vote(self, address: str) -> None:
        """Until the server is gone."""
        try:
            if not self.profile:
                self.profile = int(_ask(address, "profiles", {})["id"])
            while True:
                body = self.pending or self._next(address)
                self.pending = body
                reply = _ask(address, "answers", body)
                self.told[body["idempotency_key"]] = reply["seq"]
                self.pending = None
        except (http.client.HTTPException, OSError, json.JSONDecodeError):
            return

    def _next(self, address: str) -> dict[str, Any]:
        asked = _ask(address, f"profiles/{self.profile}/question?medium=picture")
        self.sent += 1
        return {
            "question_id": asked["id"],
            "outcome": {"picks": [asked["items"][self.sent % len(asked["items"])]["id"]]},
            "idempotency_key": f"client{self.number}-{self.sent:06d}",
        }


def _round(data: Path, clients: list[Client], alive: float) -> float:
    port = free_port()
    words = [sys.executable, "-m", "app.cli", "run", "--no-browser", "--port", str(port),
             "--data-dir", str(data)]  # fmt: skip
    begun = time.perf_counter()
    with open(data.parent / "server.log", "ab") as log:
        process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    wait(address + "/api/v1/health", process)
    ready = time.perf_counter() - begun
    threads = [threading.Thread(target=c.vote, args=(address,)) for c in clients]
    for thread in threads:
        thread.start()
    time.sleep(alive)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for thread in threads:
        thread.join()
    return ready


def _check(data: Path, clients: list[Client]) -> dict[str, int]:
    db = sqlite3.connect(data / "penchant.db")
    try:
        sound = db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        stored = Counter(
            key for (key,) in db.execute("SELECT key FROM answers WHERE act = 'answer'")
            if key.startswith("client")
        )  # fmt: skip
    finally:
        db.close()
    told = {k for c in clients for k in c.told}
    return {
        "lost": len(told - set(stored)),
        "duplicated": sum(n > 1 for n in stored.values()),
        "corrupt": int(not sound),
    }


def _ask(address: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/v1/{path}", data, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)
