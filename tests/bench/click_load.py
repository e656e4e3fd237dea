"""The load of `bench click`, in a process of its own: keep-alive clients on raw sockets.

`python -m tests.bench.click_load '{"port": ..., "kind": "studio", "clients": 200, ...}'` prints one
JSON object. No HTTP library stands between the clock and the socket, so that the generator is not
what is measured: its own share of a processor is told as `generator_cpu`.

Paced: every client votes at its own times, one a second; a vote is timed from the moment it was
due, so that a slow reply also counts for the votes that queue behind it. Closed: everyone votes
again as soon as the reply is there; the replies a second are the saturation.
"""

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np


class Wire:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The reply's JSON; raises OSError when it is not a 2xx."""
        status, text = await self.text(method, path, body)
        if status >= 300:
            raise OSError(f"{method} {path}: {status} {text[:200]!r}")
        return json.loads(text)

    async def text(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body. A connection that the server closed while it was idle is opened anew."""
        for fresh in (self.writer is None, True):
            if fresh:
                self.close()
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                return await self._once(method, path, body)
            except (ConnectionError, asyncio.IncompleteReadError) as wrong:
                if fresh or getattr(wrong, "partial", b""):
                    raise
        raise AssertionError("never reached")

    async def _once(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        assert self.reader is not None
        assert self.writer is not None
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + data)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(lines.split(" ", 2)[1])
        if "transfer-encoding: chunked" in lines:
            return status, await self._chunks()
        length = int(lines.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        return status, await self.reader.readexactly(length)

    async def _chunks(self) -> bytes:
        assert self.reader is not None
        parts = []
        while size := int(await self.reader.readline(), 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return b"".join(parts)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Voter:
    """A person of the studio: answers what is in front of them, and is handed the next question."""

    def __init__(self, number: int, port: int, seed: int) -> None:
        self.number, self.wire = number, Wire(port)
        self.seed = seed
        self.rng = np.random.default_rng([seed, number])
        self.asked: Any = None
        self.sent = 0
        self.told: dict[str, int] = {}

    async def ready(self) -> None:
        made = await self.wire.call("POST", "/api/v1/profiles", {})
        path = f"/api/v1/profiles/{made['id']}/question?medium=picture"
        self.asked = await self.wire.call("GET", path)

    async def vote(self) -> None:
        shown = [item["id"] for item in self.asked["items"]]
        most = 1 if len(shown) == 2 else 3
        picks = self.rng.permutation(shown)[: self.rng.integers(1, most + 1)]
        self.sent += 1
        key = f"click-{self.seed}-{self.number}-{self.sent:06d}"
        body = {
            "question_id": self.asked["id"], "outcome": {"picks": [int(i) for i in picks]},
            "ms": 900, "idempotency_key": key,
        }  # fmt: skip
        reply = await self.wire.call("POST", "/api/v1/answers", body)
        self.told[key] = reply["seq"]
        self.asked = reply["next"]


class Bare(Voter):
    """A client of the floor: one row stored in a group commit, and nothing else."""

    async def ready(self) -> None:
        await self.vote()

    async def vote(self) -> None:
        self.sent += 1
        key = f"click-{self.seed}-{self.number}-{self.sent:06d}"
        await self.wire.call("POST", "/vote", {"key": key, "picks": [1, 2, 3]})


class Queued(Voter):
    """A client of the same insert as a queued Gradio event, over Gradio's own HTTP protocol."""

    async def ready(self) -> None:
        await self.vote()

    async def vote(self) -> None:
        self.sent += 1
        key = f"click-{self.seed}-{self.number}-{self.sent:06d}"
        made = await self.wire.call("POST", "/gradio_api/call/vote", {"data": [key]})
        _, told = await self.wire.text("GET", f"/gradio_api/call/vote/{made['event_id']}")
        if b"event: complete" not in told:
            raise OSError(f"the queue answered {told[:200]!r}")


KINDS = {"studio": Voter, "floor": Bare, "queue": Queued}


async def load(given: dict[str, Any]) -> dict[str, Any]:
    """Times in ms of the votes after `warm` seconds, votes a second, what was told."""
    people = [
        KINDS[given["kind"]](k, given["port"], given["seed"]) for k in range(given["clients"])
    ]
    for person in people:
        await person.ready()
    times: list[tuple[float, float]] = []
    begun, cpu = time.perf_counter(), time.process_time()
    until = begun + given["seconds"]
    drive = _paced if given["rate"] else _closed
    await asyncio.gather(*(drive(p, given["rate"], until, times) for p in people))
    seconds = time.perf_counter() - begun
    counted = [t for at, t in times if at - begun >= given.get("warm", 0.0)]
    for person in people:
        person.wire.close()
    return {
        "votes": len(times),
        "per_s": len(times) / seconds,
        "ms": [round(1000 * t, 3) for t in counted],
        "told": {k: v for p in people for k, v in p.told.items()},
        "generator_cpu": (time.process_time() - cpu) / seconds,
    }


async def _paced(
    person: Voter, rate: float, until: float, times: list[tuple[float, float]]
) -> None:
    due = time.perf_counter() + person.rng.uniform(0, 1 / rate)
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await person.vote()
        times.append((due, time.perf_counter() - due))
        due += 1 / rate


async def _closed(
    person: Voter, _rate: float, until: float, times: list[tuple[float, float]]
) -> None:
    while (begun := time.perf_counter()) < until:
        await person.vote()
        times.append((begun, time.perf_counter() - begun))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load(json.loads(sys.argv[1])))))
