"""A studio with a keeper, two people and one thing of every kind for each, for the policy test."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app import drawing
from app.accounts import Accounts
from app.flags import Options
from app.jobs import Inline
from app.main import build
from app.making import Maker
from app.security import Gate
from app.studio import Studio
from engine.adapter import Adapter
from profiles.store import Store
from profiles.studies import Studies
from tests.app.study.files import study
from tests.engine.bad_adapters import BASE, weights

PASSWORDS = dict.fromkeys(("keeper", "ann", "bob"), "the password of all")
GUESS = 987_654


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Person:
    """Somebody with a browser: a name, a user id, a cookie, and what is theirs by name."""

    name: str
    user: int = 0
    cookie: str = ""
    ids: dict[str, Any] = field(default_factory=dict)


class World:
    """The guarded application in this process, asked without sockets."""

    def __init__(self, studio: Studio, accounts: Accounts, options: Any = None) -> None:
        self.studio, self.accounts = studio, accounts
        self.app = build(studio, accounts, options)
        self.gate = Gate(self.app, accounts)
        self.loop = asyncio.new_event_loop()
        self.people = {name: Person(name) for name in PASSWORDS}
        self._keys = iter(range(10**6))

    def key(self) -> str:
        return f"policy-{next(self._keys):08d}"

    def ask(  # noqa: PLR0913 - a request is made of these
        self, method: str, path: str, body: Any = None, cookie: str = "", raw: bytes | None = None,
        **headers: str,
    ) -> Reply:  # fmt: skip
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = {"host": "localhost", "content-type": "application/json", **headers}
        given["content-length"] = str(len(sent))
        if cookie:
            given["cookie"] = f"penchant_session={cookie}"
        return self.loop.run_until_complete(_asked(self.gate, method, path, given, sent))

    def login(self, person: Person) -> None:
        given = {"name": person.name, "password": PASSWORDS[person.name]}
        reply = self.ask("POST", "/api/v1/login", given)
        assert reply.status == 200, reply.body
        person.cookie = reply.headers["set-cookie"].split("=", 1)[1].split(";")[0]


async def _asked(
    app: Any, method: str, path: str, headers: Mapping[str, str], sent: bytes
) -> Reply:
    """One request; a stream without end is left after its first piece."""
    given = asyncio.Event()
    gone = asyncio.Event()
    told: dict[str, Any] = {"status": 0, "headers": {}, "body": b""}

    async def receive() -> Any:
        if not given.is_set():
            given.set()
            return {"type": "http.request", "body": sent, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told["status"] = message["status"]
            told["headers"] = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message["type"] == "http.response.body":
            told["body"] += message.get("body", b"")
            if told["body"] and "event-stream" in told["headers"].get("content-type", ""):
                gone.set()

    place, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": method, "scheme": "http", "path": place, "raw_path": place.encode(),
        "query_string": query.encode(), "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("localhost", 80), "headers": [(k.encode(), v.encode())
                                                 for k, v in headers.items()],
    }  # fmt: skip
    try:
        await app(scope, receive, send)
    finally:
        gone.set()
    return Reply(told["status"], told["headers"], told["body"])


@contextmanager
def world(folder: Path, stocked: Path) -> Iterator[World]:
    """Open, filled and closed again."""
    shutil.copytree(stocked, folder / "data")
    studio = Studio(Store.open(folder / "data"), Maker(folder / "none", cpu=True), Inline())
    studio.maker.warm = lambda kind: None  # type: ignore[method-assign]
    studio.fresh.after = lambda user, profile: None  # type: ignore[method-assign]
    # The door is asked before it; the work itself needs a model (test_keeping.py has one).
    studio.keeping.carrying.export = lambda *_: iter([{"type": "done"}])  # type: ignore
    running = Options(str(folder / "data"), study=[str(study(folder))], auth=PASSWORDS,
                      models_dir=str(folder / "none"))  # fmt: skip
    made = World(studio, Accounts(studio.store, PASSWORDS, studio.rules), running)
    try:
        for person in made.people.values():
            made.login(person)
            person.user = int(studio.store.user(person.name).id)
            person.ids["held"] = made.accounts.held(person.user)[0].id
            made.login(person)  # a second one, so that the first can be ended
        yield made
    finally:
        studio.close()
        made.loop.close()


def fill(made: World, person: Person) -> None:
    """A profile of this person with one of everything; `person.ids` names it all."""
    studio, user = made.studio, person.user
    profile = int(studio.new_profile(user, f"canary-{person.name}-taste")["id"])
    ids: dict[str, Any] = {"profile": profile, "side": "personal", "index": 0, "target": "peft"}
    ids |= {"name": "00001-0.png", "target": "peft"}
    for medium, n in (("picture", 3), ("text", 9)):
        asked = studio.question(user, profile, medium, "pair")
        for _ in range(n):
            liked = {"picks": [min(i["id"] for i in asked["items"])]}
            answered = studio.answer(user, asked["id"], liked, key=made.key())
            asked = answered["next"]
        ids["seq"], ids["question"] = answered["seq"], asked["id"]
    studio.ahead.settle()
    studio.minds.refit(profile, "text")
    ids["version"] = studio.store.versions(profile, "text")[0].id
    ids |= _things(made, person, profile)
    ids |= _tuned(made, person, profile)
    ids["study"] = Studies(studio.store).register(user, f"study-of-{person.name}", "")[0]
    person.ids |= ids


def _things(made: World, person: Person, profile: int) -> dict[str, Any]:
    studio, user = made.studio, person.user
    pixels = np.full((16, 16, 3), len(person.name) * 20, np.uint8)
    picture = drawing.from_url(drawing.as_url(pixels))
    item = studio.add_pictures(user, profile, [(f"canary-{person.name}.png", picture)])
    texts = [{"side": side, "index": 0, "text": f"canary-{person.name}-{side}"}
             for side in ("plain", "personal")]  # fmt: skip
    generation = studio.store.add_generation(profile, "text", f"canary-{person.name}-prompt", 1,
                                             1.0, {}, texts)  # fmt: skip
    drawn = [{"side": "personal", "index": 0, "image": drawing.as_url(pixels)}]
    number = studio.store.add_generation(profile, "picture", "a cat", 1, 1.0, {}, drawn)
    return {"item": item["items"][0]["id"], "generation": generation, "number": number}


def _tuned(made: World, person: Person, profile: int) -> dict[str, Any]:
    """A job that is over, with a picture of its way, an adapter, an export, an open trial."""
    studio, user, mark = made.studio, person.user, f"canary-{person.name}"
    job = studio.store.work.add_job(user, "tune", {"card": {"name": mark}}, profile)
    samples = studio.jobs.place(job) / "samples"
    samples.mkdir(parents=True)
    (samples / "00001-0.png").write_bytes(f"PNG {mark}".encode())
    tuned = Adapter(BASE, weights(seed=user), {"name": mark, "medium": "text"})
    adapter = studio.keeping.put(profile, job, tuned, mark)
    studio.store.work.change_job(job, "done", {"adapter": adapter})
    place = studio.keeping.exports(adapter)
    place.mkdir(parents=True)
    (place / "peft.json").write_text(json.dumps({"slug": mark}))
    (place / "peft.zip").write_bytes(mark.encode())
    trial = f"trial-of-{person.name}"
    studio.keeping.blind._open[trial] = {
        "adapter": adapter, "sides": ["tuned", "plain"], "texts": ["one", "another"],
        "prompt": "a day", "profile": profile, "user": user, "kind": "text",
    }  # fmt: skip
    return {"job": job, "adapter": adapter, "trial": trial}
