"""bench overload: one person answers while others attack: slow headers, slow bodies, and ten
thousand orders for pictures by two people. A real studio with a login, over sockets.

Figures: how long an answer takes before, meanwhile and after; how many orders were let in; how
many slow connections the studio still holds at the end.
"""

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tests.served import served

PEOPLE = {"ann": "the secret of ann", "bob": "the secret of bob", "cleo": "the secret of cleo"}
ORDER = {"medium": "picture", "prompt": "a cat", "n": 1, "depth": "instant"}


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; rows by phase."""
    slow, orders, answers = (30, 300, 25) if quick else (300, 10_000, 100)
    auth = ",".join(f"{n}:{p}" for n, p in PEOPLE.items())
    with tempfile.TemporaryDirectory() as folder:
        flags = ("--offline", "--cpu", "--auth", auth, "--limits", "comparisons=0")
        with served(Path(folder) / "data", *flags, page=False) as address:
            return asyncio.run(Attack(address, slow, orders, answers).all())


@dataclass
class Attack:
    """Who asks where, and what came back."""

    address: str
    slow: int
    orders: int
    answers: int
    statuses: list[int] = field(default_factory=list)
    retry_after: int = 0

    async def all(self) -> dict[str, Any]:
        cookies = {name: await self.login(name) for name in PEOPLE}
        profiles = {n: await self.profile(c) for n, c in cookies.items()}
        rows = [{"phase": "before", **await self.click(cookies["cleo"], profiles["cleo"])}]
        held = [asyncio.create_task(self.dawdle(k)) for k in range(self.slow)]
        orders = asyncio.create_task(
            self.flood([(cookies[n], profiles[n]) for n in ("ann", "bob")])
        )
        await asyncio.sleep(1.0)
        rows.append({"phase": "meanwhile", **await self.click(cookies["cleo"], profiles["cleo"])})
        await orders
        ended = await asyncio.gather(*held)
        rows.append({"phase": "after", **await self.click(cookies["cleo"], profiles["cleo"])})
        figures = {
            "answers_lost": sum(row["lost"] for row in rows),
            "p95_ms_before": rows[0]["p95_ms"], "p95_ms_meanwhile": rows[1]["p95_ms"],
            "p95_ms_after": rows[2]["p95_ms"], "orders": len(self.statuses),
            "orders_let_in": self.statuses.count(200), "orders_told_to_wait": self.retry_after,
            "orders_failed": sum(s not in (200, 429) for s in self.statuses),
            "slow_connections": self.slow, "slow_still_held": ended.count(False),
        }  # fmt: skip
        return {"figures": figures, "rows": rows}

    # one request over one connection

    async def ask(
        self, method: str, path: str, body: Any = None, cookie: str = "", whole: bool = True
    ) -> tuple[int, dict[str, str], bytes]:
        where = urlsplit(self.address)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        sent = b"" if body is None else json.dumps(body).encode()
        head = (f"{method} /api/v1/{path} HTTP/1.1\r\nhost: {where.netloc}\r\nconnection: close\r\n"
                f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n"
                f"cookie: penchant_session={cookie}\r\n\r\n")  # fmt: skip
        writer.write(head.encode() + sent)
        try:
            top = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            named = (line.split(": ", 1) for line in top[1:] if ": " in line)
            headers = {name.lower(): value for name, value in named}
            text = await reader.read() if whole else b""
        finally:
            writer.close()
        return int(top[0].split()[1]), headers, text

    async def login(self, name: str) -> str:
        given = {"name": name, "password": PEOPLE[name]}
        _, headers, _ = await self.ask("POST", "login", given)
        return headers["set-cookie"].split("=", 1)[1].split(";")[0]

    async def profile(self, cookie: str) -> int:
        _, _, text = await self.ask("POST", "profiles", {"name": "mine"}, cookie)
        return int(json.loads(_plain(text))["id"])

    # the person, and the attack

    async def click(self, cookie: str, profile: int) -> dict[str, float]:
        """Answers one after the other, ten a second; what the log has of them at the end."""
        path = f"profiles/{profile}/question?medium=picture&kind=pair"
        asked = json.loads(_plain((await self.ask("GET", path, None, cookie))[2]))
        before, times = await self.stored(cookie, profile), []
        for _ in range(self.answers):
            body = {"question_id": asked["id"], "outcome": {"picks": [asked["items"][0]["id"]]},
                    "idempotency_key": f"overload-{asked['id']}"}  # fmt: skip
            begun = time.perf_counter()
            status, _, text = await self.ask("POST", "answers", body, cookie)
            times.append(1e3 * (time.perf_counter() - begun))
            if status != 200:
                break
            asked = json.loads(_plain(text))["next"]
            await asyncio.sleep(0.1)
        lost = self.answers - (await self.stored(cookie, profile) - before)
        p50, p95 = (float(np.percentile(times, q)) for q in (50, 95))
        return {"p50_ms": p50, "p95_ms": p95, "most_ms": max(times), "lost": lost}

    async def stored(self, cookie: str, profile: int) -> int:
        _, _, text = await self.ask("GET", f"profiles/{profile}", None, cookie)
        return int(json.loads(_plain(text))["answers"]["picture"])

    async def dawdle(self, number: int) -> bool:
        """A connection that sends a letter of its headers, or of its body, now and then. True
        when the studio has cut it off.
        """
        where = urlsplit(self.address)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        head = f"POST /api/v1/login HTTP/1.1\r\nhost: {where.netloc}\r\n"
        head += "content-type: application/json\r\ncontent-length: 9999\r\n\r\n"
        begun, at = time.monotonic(), 0 if number % 2 else len(head)
        writer.write(head[:at].encode())
        cut = False
        while not cut and time.monotonic() - begun < 45:
            try:
                writer.write(head[at].encode() if at < len(head) else b" ")
                at += at < len(head)
                await asyncio.wait_for(reader.read(1), 1.0)  # an answer or the end: it is over
                cut = True
            except TimeoutError:
                continue
            except ConnectionError:
                cut = True
        writer.close()
        return cut

    async def flood(self, who: list[tuple[str, int]]) -> None:
        """Orders for pictures, a hundred under way at a time."""
        numbers = iter(range(self.orders))

        async def order() -> None:
            for k in numbers:
                cookie, profile = who[k % len(who)]
                path = f"profiles/{profile}/generate"
                try:
                    status, headers, _ = await self.ask("POST", path, ORDER, cookie)
                except (ConnectionError, asyncio.IncompleteReadError):
                    self.statuses.append(0)
                    continue
                self.statuses.append(status)
                self.retry_after += status == 429 and int(headers["retry-after"]) > 0

        await asyncio.gather(*(order() for _ in range(100)))


def _plain(text: bytes) -> bytes:
    """The JSON of a reply, chunked or not."""
    return text[text.index(b"{") : text.rindex(b"}") + 1]
