"""What all routes share: who calls, strict bodies, and lines streamed out of a blocking verb."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from fastapi import Depends, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.meek import VOTES
from app.turns import ASKING, Left, Visit
from app.wire import NO_MEMORY, Bad, Missing

if TYPE_CHECKING:
    from app.studio import Studio

Medium = Literal["picture", "text"]
Form = Literal["grid", "pair"]
Key = Annotated[str, Field(min_length=8, max_length=80, pattern=r"^[A-Za-z0-9_.:-]+$")]
T = TypeVar("T")
Id = Annotated[int, Field(ge=1, le=2**53)]

# Votes at work at once. Few, for they share one interpreter; more than one, so that those who wait
# for the disk share its commit.
VOTERS = ThreadPoolExecutor(2, "voting")
MOST = 64
MAKERS = ThreadPoolExecutor(MOST, "making")
# How often somebody who waits is told their place.
TELL = 1.0


class Making:
    """One piece of making under way: it counts from here until `leave`, and is told its place."""

    def __init__(self, studio: "Studio", user: int) -> None:
        self.rules, self.turns, self.visit = studio.rules, studio.maker.turns, Visit(user)
        self.begun = False
        self._left = False
        self.rules.making(user, MOST)

    def leave(self) -> None:
        if not self._left:
            self._left = True
            self.rules.made(self.visit.user)

    def start(self, work: Callable[[], Any]) -> "asyncio.Future[Any]":
        """`work` in a thread of its own, asked for by this person."""
        self.begun = True

        def run() -> Any:
            ASKING.set(self.visit)
            try:
                return work()
            finally:
                self.leave()

        # In a context of its own: the thread is used again by others.
        return asyncio.get_running_loop().run_in_executor(MAKERS, copy_context().run, run)

    def place(self) -> dict[str, Any] | None:
        """The line that tells how many come first, while this waits."""
        before = self.turns.before(self.visit)
        if before is None:
            return None
        return {"type": "waiting", "before": before}


class Streamed(StreamingResponse):
    """NDJSON of something being made. Whoever never came for it does not count on."""

    def __init__(self, making: Making, lines: Iterator[dict[str, Any]]) -> None:
        super().__init__(streamed(making, lines), media_type="application/x-ndjson")
        self.making = making

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.making.visit.gone.set()
            if not self.making.begun:
                self.making.leave()


async def in_turn(studio: "Studio", user: int, work: Callable[[], Any]) -> Any:
    """The result of a piece of making, without holding a thread that answers others."""
    making = Making(studio, user)
    try:
        return await making.start(work)
    finally:
        making.visit.gone.set()


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


async def caller(request: Request) -> int:
    """The user id that the Gate attached. Without one nothing is answered. Not blocking, so that no
    thread is changed for it.
    """
    user: int | None = getattr(request.state, "user", None)
    if user is None:
        raise HTTPException(401, "log in first: open /login, or POST /api/v1/login")
    return user


User = Annotated[int, Depends(caller)]


async def voted(verb: Callable[..., T], *words: Any, **named: Any) -> T:
    """A verb of the click path, in threads that no slow route can fill."""
    run = functools.partial(verb, *words, **named)
    with VOTES:
        return await asyncio.get_running_loop().run_in_executor(VOTERS, run)


async def streamed(making: Making, lines: Iterator[dict[str, Any]]) -> AsyncIterator[str]:
    """NDJSON from a blocking iterator; when the reader leaves, the iterator is told to stop."""
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(line: str | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, line)

    def pump() -> None:
        try:
            for line in lines:
                put(json.dumps(line) + "\n")
        except (Bad, Missing, MemoryError) as wrong:
            # A MemoryError of Python itself has no words.
            put(json.dumps({"type": "error", "error": str(wrong) or NO_MEMORY}) + "\n")
        except Left:
            pass  # nobody reads this any more
        except Exception:
            text = "something broke while making this; the log of the terminal says more"
            put(json.dumps({"type": "error", "error": text}) + "\n")
            raise
        finally:
            put(None)

    work, told = making.start(pump), None
    try:
        while (line := await _next(queue)) is not None:
            if line:
                yield line
            elif (place := making.place()) not in (None, told):
                told = place
                yield json.dumps(place) + "\n"
        await work
    finally:
        making.visit.gone.set()


async def _next(queue: "asyncio.Queue[str | None]") -> str | None:
    """A line; nothing while none came for a moment; None at the end."""
    try:
        return await asyncio.wait_for(queue.get(), TELL)
    except TimeoutError:
        return ""
