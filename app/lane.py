"""The short way of a vote: POST /api/v1/answers past the router, which costs more than the answer.

Behind the Gate and before FastAPI. What is well formed is answered here by the same verb, with the
same errors; anything else goes on to the route of the same name (app/api.py), which says what is
wrong with it and stands in the OpenAPI document.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError

from app.api import AnswerIn, answered
from app.doors import voted
from app.studio import Studio

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
PATH = "/api/v1/answers"
log = logging.getLogger("penchant")


class Lane:
    """Wraps the application. `errors`: what the verbs raise, and the status each becomes."""

    def __init__(self, app: Any, studio: Studio, errors: Mapping[type, int]) -> None:
        self.app, self.studio, self.errors = app, studio, tuple(errors.items())

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not _asked(scope):
            await self.app(scope, receive, send)
            return
        body = await _whole(receive)
        given = _read(body)
        user = scope.get("state", {}).get("user")
        if given is None or user is None:
            await self.app(scope, _again(body), send)
            return
        status, text, more = await voted(self._answer, user, given)
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text)),
                *more]  # fmt: skip
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": text})

    def _answer(self, user: int, given: AnswerIn) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        """In a thread: the vote and its reply as status, bytes and headers of its own."""
        more = []
        try:
            status, told = 200, answered(self.studio, user, given)
        except Exception as wrong:  # noqa: BLE001 - an error of any kind is answered
            status, told = self._wrong(wrong)
            if (seconds := getattr(wrong, "seconds", None)) is not None:
                more = [(b"retry-after", b"%d" % seconds)]
        return status, json.dumps(told).encode(), more

    def _wrong(self, wrong: Exception) -> tuple[int, dict[str, Any]]:
        for kind, status in self.errors:
            if isinstance(wrong, kind):
                return status, {"error": str(wrong)}
        log.error("unexpected error", exc_info=wrong)
        return 500, {"error": BROKEN}


BROKEN = "something broke inside the studio; the log of the terminal says more"


def _asked(scope: Any) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    kinds = [v for k, v in scope["headers"] if k.lower() == b"content-type"]
    return bool(path == PATH and len(kinds) == 1 and _json(kinds[0]))


def _json(kind: bytes) -> bool:
    """JSON to the door as well, which looks at its depth and size (app/bodies.py)."""
    return kind.split(b";")[0].strip() == b"application/json"


async def _whole(receive: Receive) -> bytes:
    """The body; the Gate has said how long it may be. What broke off is no JSON and goes on."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _read(body: bytes) -> AnswerIn | None:
    try:
        return AnswerIn.model_validate(json.loads(body))
    except (ValueError, RecursionError, ValidationError):
        return None


def _again(body: bytes) -> Receive:
    """The body once more, for whoever comes next."""
    sent = False

    async def receive() -> Any:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
