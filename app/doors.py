"""What all routes share: who calls, strict bodies, and lines streamed out of a blocking verb."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

from fastapi import Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from app.wire import Bad, Missing

Medium = Literal["picture", "text"]
Form = Literal["grid", "pair"]
Key = Annotated[str, Field(min_length=8, max_length=80, pattern=r"^[A-Za-z0-9_.:-]+$")]
Id = Annotated[int, Field(ge=1, le=2**53)]

MOST_WAITING = 16
MAKERS = ThreadPoolExecutor(MOST_WAITING, "making")


class Count:
    """A number of the event loop's thread."""

    def __init__(self) -> None:
        self._n = 0

    def add(self, n: int) -> None:
        self._n += n

    def get(self) -> int:
        return self._n


WAITING = Count()


def room() -> None:
    """429 while too many results are being made."""
    if WAITING.get() >= MOST_WAITING:
        text = "many results are being made just now; try again in half a minute"
        raise HTTPException(429, text, {"retry-after": "30"})


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


async def streamed(lines: Iterator[dict[str, Any]], stop: threading.Event) -> AsyncIterator[str]:
    """NDJSON from a blocking iterator; when the reader leaves, the iterator is told to stop."""
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(line: str | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, line)

    def pump() -> None:
        try:
            for line in lines:
                put(json.dumps(line) + "\n")
        except (Bad, Missing) as wrong:
            put(json.dumps({"type": "error", "error": str(wrong)}) + "\n")
        except Exception:
            text = "something broke while making this; the log of the terminal says more"
            put(json.dumps({"type": "error", "error": text}) + "\n")
            raise
        finally:
            put(None)

    work = loop.run_in_executor(MAKERS, pump)
    WAITING.add(1)
    try:
        while (line := await queue.get()) is not None:
            yield line
        await work
    finally:
        WAITING.add(-1)
        stop.set()
