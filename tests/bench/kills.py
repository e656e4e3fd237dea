"""bench kills: kill -9 of the whole studio while clients vote over HTTP, a thousand times.

After every kill the file is looked at, and every acknowledged answer must be in the log, once. A
client that got no reply asks again with the same key after the restart, as the card does. Every
twentieth server is a process of its own from the first import on, and is what `ready_s` is of; the
others are forked from one that had imported everything (tests/bench/kills_nursery.py): it is the
kill that is tried, and a thousand times two seconds of imports would be half an hour.
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

from tests.served import ROOT, free_port

CLIENTS = 4
FRESH = 20
# Every so-manieth server is killed while it comes up; the others once they have stored something.
EARLY = 5


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; 1,000 rounds."""
    rounds = 6 if quick else 1000
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temp:
        data = Path(temp) / "data"
        (data.parent / "server.log").touch()
        clients = [Client(k) for k in range(CLIENTS)]
        nursery = Nursery()
        try:
            for number in range(rounds):
                start = fresh if number % (3 if quick else FRESH) == 0 else nursery.start
                early = number % EARLY == EARLY - 1
                seconds = _round(start, data, clients, float(rng.uniform(0.0, 0.6)), early)
                rows.append({"round": number, "fresh": start is fresh, "ready_s": seconds,
                             **_check(data, clients)})  # fmt: skip
        finally:
            nursery.end()
        final = _final(data, clients)
    ready = [row["ready_s"] for row in rows if row["fresh"]]
    return {
        "figures": {
            "rounds": rounds, "acknowledged": sum(len(c.told) for c in clients),
            "lost": sum(row["lost"] for row in rows) + final["lost"],
            "duplicated": final["duplicated"],
            "corrupt": sum(row["corrupt"] for row in rows) + final["corrupt"],
            "ready_s": float(np.median(ready)), "ready_worst_s": float(max(ready)),
        },
        "rows": [row for row in rows if row["fresh"] or row["lost"] or row["corrupt"]],
    }  # fmt: skip


class Client:
    """Votes as fast as replies come; remembers what was acknowledged, and of this round alone."""

    def __init__(self, number: int) -> None:
        self.number, self.profile = number, 0
        self.told: dict[str, int] = {}
        self.lately: dict[str, int] = {}
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
                self.told[body["idempotency_key"]] = self.lately[body["idempotency_key"]] = reply[
                    "seq"
                ]
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


class Nursery:
    """The process that forks servers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.kills_nursery"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the nursery of servers did not come up")

    def start(self, port: int, data: Path) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{port} {data}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def fresh(port: int, data: Path) -> int:
    """A server of its own, as a person starts one."""
    words = [sys.executable, "-m", "app.cli", "run", "--no-browser", "--port", str(port),
             "--data-dir", str(data)]  # fmt: skip
    with open(data.parent / "server.log", "ab") as log:
        return subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log).pid


def _round(start: Any, data: Path, clients: list[Client], alive: float, early: bool) -> float:
    port = free_port()
    begun = time.perf_counter()
    pid = start(port, data)
    address = f"http://127.0.0.1:{port}"
    _up(address + "/api/v1/health")
    ready = time.perf_counter() - begun
    for client in clients:
        client.lately = {}
    threads = [threading.Thread(target=c.vote, args=(address,)) for c in clients]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while not early and time.monotonic() < until and not any(c.lately for c in clients):
        time.sleep(0.005)
    time.sleep(alive)
    os.kill(pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    _gone(pid, data)
    return ready


def _up(url: str, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(f"{url} did not answer within {seconds} s")


def _gone(pid: int, data: Path) -> None:
    """Until the lock on the folder is free: the process is gone, also where it is not our child."""
    from filelock import FileLock

    with FileLock(data / "penchant.lock", timeout=30):
        pass
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return


def _check(data: Path, clients: list[Client]) -> dict[str, int]:
    """What was acknowledged in this round is there, and the file hangs together."""
    told = {(k, seq) for c in clients for k, seq in c.lately.items()}
    db = sqlite3.connect(f"{(data / 'penchant.db').as_uri()}?mode=ro", uri=True)
    try:
        sound = db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        rows = db.execute(
            "SELECT key, seq FROM answers WHERE key IN (SELECT value FROM json_each(?))",
            [json.dumps([k for k, _ in told])],
        ).fetchall()
    finally:
        db.close()
    return {"lost": len(told - set(rows)), "corrupt": int(not sound)}


def _final(data: Path, clients: list[Client]) -> dict[str, int]:
    """All of it once more: nothing lost, nothing twice, no page out of order."""
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
