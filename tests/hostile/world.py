"""A studio with something of everything in it, on tiny models: what hostile input is thrown at.

Requests go straight into the ASGI application behind its Gate, so that an exception nobody caught
is seen as one and not as a reply.
"""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.served import ROOT

LIMIT, QUIET = 60.0, 0.3
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What came of a request; `broke`: an exception that left the application."""

    status: int
    body: bytes
    seconds: float
    headers: Mapping[str, str]
    broke: str = ""

    @property
    def error(self) -> str:
        """The words of a refusal; empty where there are none."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return ""
        return str(told.get("error", "")) if isinstance(told, dict) else ""


class Idle:
    """A runner whose processes die at once: routes are tried, not trainings."""

    def start(self, folder: Path) -> None:
        pass

    def alive(self, folder: Path) -> bool:
        return False


@dataclass
class World:
    """A studio behind its door, and the numbers of what is in it by kind."""

    studio: Any
    gate: Any
    user: int
    known: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # In a thread of its own: a browser under test has the loop of the main one.
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="world", daemon=True).start()

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        endless: bool = False,
    ) -> Reply:
        """`path` may carry a query. A body in pieces comes chunk by chunk; `endless`: the last
        piece never says that it is the last.
        """
        pieces = [body] if isinstance(body, bytes) else list(body)
        told = {"host": "localhost", **(headers or {})}
        if isinstance(body, bytes) and "content-length" not in told:
            told["content-length"] = str(len(body))
        coming = _sent(self.gate, _scope(method, path, told), pieces, endless)
        return asyncio.run_coroutine_threadsafe(coming, self.loop).result()

    def json(self, method: str, path: str, value: Any = None) -> Reply:
        body = b"" if value is None else json.dumps(value).encode()
        return self.send(method, f"/api/v1/{path}", body, JSON)

    def revive(self) -> None:
        """What a request deleted is made again, so that the next ones have something to meet."""
        mine = [p["id"] for p in self.studio.profiles(self.user)]
        if not any(p in mine for p in self.known["profile"]):
            fill(self)
        if len(mine) > 50:
            for number in mine:
                if number not in self.known["profile"]:
                    self.studio.delete_profile(self.user, number)


def _scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    from urllib.parse import unquote

    bare, _, query = path.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(bare), "raw_path": bare.encode("utf-8", "replace"),
        "query_string": query.encode("utf-8", "replace"), "root_path": "",
        "headers": [(k.lower().encode("latin-1", "replace"), v.encode("latin-1", "replace"))
                    for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "state": {},
    }  # fmt: skip


async def _sent(app: Any, scope: dict[str, Any], pieces: list[bytes], endless: bool) -> Reply:
    coming, parts = iter(pieces), []
    head: dict[str, Any] = {"status": 0, "headers": []}
    left = len(pieces)
    # An event stream goes on until the reader leaves.
    stays = scope["path"].endswith("/events")

    async def receive() -> dict[str, Any]:
        nonlocal left
        if left:
            left -= 1
            more = left > 0 or endless
            return {"type": "http.request", "body": next(coming), "more_body": more}
        await asyncio.sleep(QUIET if stays or endless else LIMIT)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            if head["status"]:
                raise AssertionError(f"answered twice: {head['status']}, {message['status']}")
            head.update(message)
        else:
            parts.append(message.get("body", b""))

    begun, broke = time.perf_counter(), ""
    try:
        await asyncio.wait_for(app(scope, receive, send), LIMIT)
    except TimeoutError:
        broke = f"no end within {LIMIT:.0f} s"
    except Exception as wrong:  # noqa: BLE001 - this is what is looked for
        gone = type(wrong).__name__ == "ClientDisconnect" and endless
        broke = "" if gone else f"{type(wrong).__name__}: {wrong}"[:300]
    seconds = time.perf_counter() - begun
    told = {k.decode("latin-1"): v.decode("latin-1") for k, v in head["headers"]}
    return Reply(head["status"], b"".join(parts), seconds, told, broke)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Opened on a data folder; models are made where there are none beside it."""
    from app.accounts import Accounts
    from app.main import build
    from app.making import Maker
    from app.picture_models import chosen
    from app.security import Gate
    from app.studio import Studio
    from profiles.store import Store
    from tests.engine.kill_worker import save_tiny
    from tests.engine.picture_job import save_tiny as save_pictures

    words, pictures = folder.parent / "tiny-words", folder.parent / "tiny-pictures"
    if not words.exists():
        save_tiny(words)
        save_pictures(pictures, "sd15")
    maker = Maker(ROOT / ".models", str(words), cpu=True)
    maker.warm = lambda kind: None  # type: ignore[method-assign]
    with Studio(Store.open(folder), maker, Idle()) as studio:
        maker.draws = chosen(SimpleNamespace(
            pictures=str(pictures), pictures_steps=1, pictures_guidance=2.0, pictures_size=32,
            models_dir="nowhere",
        ))  # fmt: skip
        studio.fresh.switch(studio.store.local_user(), False)
        accounts = Accounts(studio.store, None)
        made = World(studio, Gate(build(studio, accounts), accounts), studio.store.local_user())
        fill(made)
        yield made
        made.loop.call_soon_threadsafe(made.loop.stop)


def fill(made: World) -> None:
    """Two profiles: one with a bit of everything, one that is new."""
    studio, user = made.studio, made.user
    full = int(studio.new_profile(user, "Ada", "what she likes")["id"])
    new = int(studio.new_profile(user)["id"])
    known: dict[str, list[int]] = {"profile": [full, new], "question_id": [], "seq": [1, 2],
                                   "item": [], "version": []}  # fmt: skip
    for kind in ("picture", "text"):
        question = studio.question(user, full, kind)
        for k in range(9):
            known["item"] += [question["items"][0]["id"]]
            picks = {"picks": [question["items"][k % len(question["items"])]["id"]]}
            key = f"world-{full}-{kind}-{k:02d}"
            question = studio.answer(user, question["id"], picks, key=key)["next"]
        known["question_id"].append(question["id"])
        wanted = {"medium": kind, "prompt": "a sea", "n": 1, "strength": 1.0, "seed": 1,
                  "depth": "instant" if kind == "text" else "guided", "max_tokens": 8}  # fmt: skip
        last = list(studio.generate(user, full, wanted, lambda: False))[-1]
        known.setdefault("generation", []).append(int(last["generation"]))
    own = studio.add_texts(user, full, ["my own passage about the sea"], "")
    known["item"].append(own["items"][0]["id"])
    own = studio.add_pictures(user, full, [("mine.png", _picture())])
    known["item"].append(own["items"][0]["id"])
    known["adapter"] = [_adapter(made, full)]
    known["version"] = [v["id"] for v in studio.belief(user, full, "text").get("versions", [])]
    known["number"], known["start"], known["job"] = known["generation"], known["adapter"], [1]
    made.known = known


def _picture() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (96, 96), "teal").save(out, "PNG")
    return out.getvalue()


def _adapter(made: World, profile: int) -> int:
    """A sound one for the tiny model, brought in by the door of the adapters."""
    reply = made.send("POST", f"/api/v1/profiles/{profile}/adapters/import", adapter_file(made))
    return int(json.loads(reply.body)["id"])


def adapter_file(made: World) -> bytes:
    from engine.adapter import Adapter
    from engine.adapter_check import pack_adapter

    base, shapes = made.studio.keeping.carrying._base(False)
    rng, weights = np.random.default_rng(0), {}
    for path, (outputs, inputs) in shapes.items():
        stem = f"base_model.model.{path}.lora_"
        weights[f"{stem}A.weight"] = rng.standard_normal((2, inputs)).astype(np.float32) / 9
        weights[f"{stem}B.weight"] = rng.standard_normal((outputs, 2)).astype(np.float32) / 9
    return pack_adapter(Adapter(base, weights, {"name": "Ada's"}))
