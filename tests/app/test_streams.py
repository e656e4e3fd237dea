"""Streams of two people: nobody's page moves with what another does, and a stream ends with what
let it in.
"""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from argon2 import PasswordHasher

from app.doors import MOST
from app.limits import LIMITS
from tests.app.world import World, world


@pytest.fixture
def two(tmp_path: Path, stocked: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    small = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("argon2.PasswordHasher", small)
    monkeypatch.setattr("app.api.POLL", 0.01)
    monkeypatch.setattr("app.doors.TELL", 0.01)
    with world(tmp_path, stocked) as made:
        made.studio.rules.standard = LIMITS
        for person in made.people.values():
            person.ids["profile"] = made.studio.new_profile(person.user, person.name)["id"]
        yield made
    shutil.rmtree(tmp_path, ignore_errors=True)


class Watching:
    """A stream that stays open: what came so far, and whether it has ended."""

    def __init__(self, made: World, path: str, cookie: str, body: Any = None) -> None:
        self.text, self.status, self.headers = "", 0, {}
        self.gone = asyncio.Event()
        sent = b"" if body is None else json.dumps(body).encode()
        self._first = [{"type": "http.request", "body": sent, "more_body": False}]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "scheme": "http",
            "http_version": "1.1", "method": "GET" if body is None else "POST", "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": None,
            "client": ("127.0.0.1", 1), "headers": [
                (b"host", b"localhost"), (b"content-type", b"application/json"),
                (b"cookie", f"penchant_session={cookie}".encode())],
        }  # fmt: skip
        self.task = asyncio.ensure_future(made.gate(scope, self.receive, self.send))

    async def receive(self) -> Any:
        if self._first:
            return self._first.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        self.text += message.get("body", b"").decode()

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not true():
                await asyncio.sleep(0.01)

    def pulses(self) -> int:
        return self.text.count("event: progress")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines() if line.endswith("}")]


def run(made: World, work: Callable[[], Awaitable[None]]) -> None:
    made.loop.run_until_complete(work())


def events(made: World, name: str) -> Watching:
    person = made.people[name]
    return Watching(made, f"/api/v1/profiles/{person.ids['profile']}/events", person.cookie)


def test_no_pulse_of_one_reaches_another(two: World) -> None:
    studio, ann = two.studio, two.people["ann"]

    async def work() -> None:
        hers, his = events(two, "ann"), events(two, "bob")
        await hers.until(lambda: hers.pulses() and his.pulses())
        asked = await asyncio.to_thread(studio.question, ann.user, ann.ids["profile"], "picture")
        liked = {"picks": [asked["items"][0]["id"]]}
        answer = partial(studio.answer, ann.user, asked["id"], liked, key=two.key())
        await asyncio.to_thread(answer)
        await hers.until(lambda: hers.pulses() == 2)
        with studio.maker.turns.spare(ann.user):  # something of hers is made
            await hers.until(lambda: '"making": true' in hers.text)
            await asyncio.sleep(0.1)
        studio.jobs.tell(ann.ids["profile"])  # a tuning of hers moves
        await hers.until(lambda: hers.pulses() >= 4)
        await asyncio.sleep(0.1)
        assert his.pulses() == 1 and "true" not in his.text
        assert his.headers["cache-control"] == "no-store"
        for stream in (hers, his):
            stream.gone.set()
            await stream.task

    run(two, work)


@pytest.mark.parametrize("how", ["logout", "lock", "end", "password"])
def test_a_stream_ends_when_what_let_it_in_is_ended(two: World, how: str) -> None:
    accounts, bob, keeper = two.accounts, two.people["bob"], two.people["keeper"]
    caller = accounts.caller(bob.cookie, None)
    assert caller is not None
    end: dict[str, Callable[[], Any]] = {
        "logout": lambda: accounts.logout(bob.cookie),
        "lock": lambda: accounts.lock(keeper.user, bob.user, True),
        "end": lambda: accounts.end(bob.user, [h.id for h in accounts.held(bob.user)]),
        "password": lambda: accounts.change_password(
            caller, "the password of all", "a longer secret", {}),
    }  # fmt: skip

    async def work() -> None:
        his = events(two, "bob")
        await his.until(his.pulses)
        await asyncio.to_thread(end[how])
        await his.until(his.task.done)

    run(two, work)


def test_nothing_of_a_deleted_profile_is_told_to_a_page_that_still_looks(two: World) -> None:
    ann = two.people["ann"]

    async def work() -> None:
        hers = events(two, "ann")
        await hers.until(hers.pulses)
        await asyncio.to_thread(two.studio.delete_profile, ann.user, ann.ids["profile"])
        two.studio.jobs.tell(ann.ids["profile"])
        await hers.until(lambda: hers.pulses() >= 2)
        assert hers.text.rstrip().endswith("data: {}")
        hers.gone.set()
        await hers.task

    run(two, work)


def test_what_was_drawn_ahead_for_one_is_never_shown_to_another(two: World) -> None:
    studio, ann, bob = two.studio, two.people["ann"], two.people["bob"]
    profile = ann.ids["profile"]
    rng = np.random.default_rng(0)
    pictures = {k: rng.integers(0, 255, (96, 96, 3), np.uint8) for k in range(4)}
    orders = [{"thing": "a cat", "seed": k, "depth": "tuned"} for k in range(4)]
    studio.fresh._keep(ann.user, profile, orders, pictures)
    drawn = {i for pair in studio.fresh._pairs[profile] for i in pair}
    assert len(drawn) == 4 and set(studio.fresh._pairs) == {profile}
    for person, there in ((ann, True), (bob, False)):
        shelf = studio.shelves.of_user(person.user, "picture")
        assert all((i in shelf.features) == there for i in drawn)
        seen = {two.ask("GET", f"/api/v1/media/{i}", None, person.cookie).status for i in drawn}
        assert seen == ({200} if there else {404})
    mind = studio.minds.seat(bob.ids["profile"], "picture").mind
    assert studio.fresh.plan(mind, "pair") is None
    made = studio.made.page(bob.user, bob.ids["profile"], "picture")
    assert made == {"made": [], "more": None}


def test_who_waits_for_the_slot_is_told_how_many_come_first(two: World) -> None:
    wanted = {"medium": "picture", "prompt": "a cat", "n": 1, "depth": "instant"}

    def ask(name: str) -> Watching:
        person = two.people[name]
        path = f"/api/v1/profiles/{person.ids['profile']}/generate"
        return Watching(two, path, person.cookie, wanted)

    async def work() -> None:
        with two.studio.maker.turns.spare():
            hers = ask("ann")
            await hers.until(lambda: '"waiting"' in hers.text)
            more, his = ask("ann"), None
            await more.until(lambda: '"waiting"' in more.text)
            his = ask("bob")
            await his.until(lambda: '"waiting"' in his.text)
            # Her second goes behind his; it is told when the line is looked at next.
            await more.until(lambda: more.lines()[-1]["before"] == 3)
            places = [w.lines()[-1] for w in (hers, his, more)]
            left = ask("keeper")
            await left.until(lambda: '"waiting"' in left.text)
            left.gone.set()
            await left.until(lambda: not two.studio.maker.turns.busy(two.people["keeper"].user))
        assert [p["before"] for p in places] == [1, 2, 3]
        for stream in (hers, his, more):
            await stream.until(stream.task.done)
            assert stream.lines()[-1]["type"] == "done"
        assert not two.studio.maker.turns.taken()

    run(two, work)


def test_more_than_four_of_one_are_told_to_wait_and_others_get_in(two: World) -> None:
    wanted = {"medium": "picture", "prompt": "a cat", "n": 1, "depth": "instant"}

    async def work() -> None:
        def ask(name: str) -> Watching:
            person = two.people[name]
            path = f"/api/v1/profiles/{person.ids['profile']}/generate"
            return Watching(two, path, person.cookie, wanted)

        with two.studio.maker.turns.spare():
            queue = [ask("ann") for _ in range(LIMITS.making)]
            for one in queue:
                await one.until(lambda one=one: one.status == 200)
            over, his = ask("ann"), ask("bob")
            await over.until(over.task.done)
            assert over.status == 429 and over.headers["retry-after"] == "10"
            assert "of yours" in json.loads(over.text)["error"]
            await his.until(lambda: '"waiting"' in his.text)
            for one in (*queue, his):
                one.gone.set()
            for one in (*queue, his):
                await one.until(one.task.done)
        # Whoever left takes up no place any more.
        await over.until(lambda: not two.studio.rules._now)

    assert MOST == LIMITS.queue
    run(two, work)


def test_the_hundred_and_twenty_first_answer_of_a_minute_waits(two: World) -> None:
    ann = two.people["ann"]
    two.studio.rules.standard = LIMITS
    for _ in range(LIMITS.comparisons):
        two.studio.rules.spend(ann.user, "comparisons")
    body = {"question_id": 1, "outcome": "skip", "idempotency_key": two.key()}
    reply = two.ask("POST", "/api/v1/answers", body, ann.cookie)
    assert reply.status == 429 and 50 < int(reply.headers["retry-after"]) <= 60
    assert "120 answers a minute" in reply.json()["error"]
