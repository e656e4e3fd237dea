"""Bodies of requests, before anything reads them: how large, how slow, how deeply nested."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]

MEGABYTE = 1 << 20
BODY = MEGABYTE
UPLOADS = {"/items": 64 * MEGABYTE, "/import": 64 * MEGABYTE}
# Seconds until the whole body must be there, and between two pieces of it.
WHOLE, WHOLE_UPLOAD, PIECE = 30.0, 900.0, 20.0
DEEPEST, NAMES = 32, 1000
TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.S)
BRACKETS = re.compile(rb"[\[\]{}]")


class Refused(Exception):
    """Answered at the door with this status; `seconds`: when to come again."""

    def __init__(self, status: int, message: str, seconds: int = 0) -> None:
        super().__init__(message)
        self.status, self.seconds = status, seconds


def guarded(scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
    """`receive` that refuses what is too large, too slow or nested too deeply."""
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Refused(400, "content-length is not a number")
    is_file = _file(scope["path"], headers)
    most = next((m for end, m in UPLOADS.items() if scope["path"].endswith(end)), BODY)
    most = most if is_file else BODY
    too_big = Refused(413, f"the request is larger than {most // MEGABYTE} MB; send less at once")
    if int(length) > most:
        raise too_big
    meter = _Meter(too_big, most, not is_file)
    return lambda: meter.receive(receive)


def _file(path: str, headers: dict[str, str]) -> bool:
    """Anything but JSON: a picture, a bundle, an adapter. A browser knows no type for some."""
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if not kind:
        return path.endswith(tuple(UPLOADS))
    return kind != "application/json" and not kind.endswith("+json")


class _Meter:
    """Counts one body as it comes."""

    def __init__(self, too_big: Refused, most: int, json: bool) -> None:
        self.too_big, self.most, self.json = too_big, most, json
        self.seen, self.over = 0, False
        self.until = time.monotonic() + (WHOLE if most == BODY else WHOLE_UPLOAD)
        self.kept: list[bytes] = []

    async def receive(self, receive: Receive) -> Any:
        if self.over:  # what comes now is only that the other side left
            return await receive()
        left = min(PIECE, self.until - time.monotonic())
        try:
            message = await asyncio.wait_for(receive(), max(left, 0.001))
        except TimeoutError:
            raise Refused(408, "the request came too slowly; send it again") from None
        body = message.get("body", b"")
        self.over = message["type"] != "http.request" or not message.get("more_body", False)
        self.seen += len(body)
        if self.seen > self.most:
            raise self.too_big
        if self.json and body:
            self.kept.append(body)
            if self.over:
                _shallow(b"".join(self.kept))
        return message


def _shallow(body: bytes) -> None:
    """Refused when brackets stand more than DEEPEST deep, or hold more than NAMES names.

    Seventy thousand names cost seconds, because each is complained of.
    """
    few = body.count(b"[") + body.count(b"{") <= DEEPEST
    if few and body.count(b":") <= NAMES:
        return
    bare, depth = TEXT.sub(b"", body), 0
    for found in BRACKETS.finditer(bare):
        depth += 1 if found[0] in b"[{" else -1
        if depth > DEEPEST:
            raise Refused(422, f"the request nests deeper than {DEEPEST}; send it flatter")
    if bare.count(b":") > NAMES:
        raise Refused(422, f"the request has more than {NAMES} names; send fewer")
