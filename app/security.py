"""What stands before every route, ours and Gradio's: Host, Origin, body size, login, headers.

Written as plain ASGI so that streamed bodies are counted and streamed replies are not buffered.
"""

import ipaddress
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from app.accounts import COOKIE, Accounts

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MEGABYTE = 1 << 20
BODY = MEGABYTE
UPLOADS = {"/items": 64 * MEGABYTE, "/import": 64 * MEGABYTE}
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/api/v1/health", "/api/v1/login", "/login", "/static/")
STRICT = (
    "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Gradio's own page needs inline script and style; it still may reach nothing but us.
FRAME = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


class Refused(Exception):
    """Answered at the door with this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gate:
    """The door: wraps the whole application."""

    def __init__(self, app: Any, accounts: Accounts, beyond_loopback: bool = False) -> None:
        self.app, self.accounts, self.beyond = app, accounts, beyond_loopback
        # A running study lets participants to its own page and routes, and to nothing else.
        self.open = (*OPEN, *getattr(app.state, "open", ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        sender = _with_headers(scope, send)
        try:
            if scope["type"] != "http":
                raise Refused(403, "websockets are not used here")
            self._host(headers)
            self._origin(scope, headers)
            _gradio(scope)
            if self._login(scope, headers):
                await _redirect(sender, scope.get("root_path", "") + "/login")
                return
            await self.app(scope, _counted(scope, headers, receive), sender)
        except Refused as refused:
            if scope["type"] == "http":
                await _reply(sender, refused)

    def _host(self, headers: dict[str, str]) -> None:
        host = urlsplit("//" + headers.get("host", "")).hostname or ""
        if host in ("localhost", "127.0.0.1", "::1"):
            return
        if self.beyond and _is_address(host):
            return
        raise Refused(403, f"host {host[:80]!r} is not this studio; open it by its address")

    def _origin(self, scope: Scope, headers: dict[str, str]) -> None:
        if scope["method"] in SAFE:
            return
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Refused(403, "this request came from another page; use the studio's own page")

    def _login(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Attach the user; True means: send this page view to the login form."""
        user = self.accounts.who(cookie(headers.get("cookie", "")))
        scope.setdefault("state", {})["user"] = user
        path = scope["path"]
        if user is not None or any(
            path == p or (p[-1] == "/" and path.startswith(p)) for p in self.open
        ):
            return False
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return True
        raise Refused(401, "log in first: open /login, or POST /api/v1/login")


def cookie(header: str) -> str | None:
    """Our session token out of a Cookie header."""
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _gradio(scope: Scope) -> None:
    """The page holds no Gradio events and no uploads: its doors for them stay shut."""
    if scope["path"].startswith("/gradio_api") and scope["method"] not in SAFE:
        raise Refused(403, "the studio takes requests on /api/v1 only")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _limit(path: str) -> int:
    return next((most for end, most in UPLOADS.items() if path.endswith(end)), BODY)


def _counted(scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
    most = _limit(scope["path"])
    too_big = Refused(413, f"the request is larger than {most // MEGABYTE} MB; send less at once")
    length = headers.get("content-length", "0")
    if not length.isdigit():
        raise Refused(400, "content-length is not a number")
    if int(length) > most:
        raise too_big
    seen = 0

    async def counted() -> Any:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise too_big
        return message

    return counted


def _with_headers(scope: Scope, send: Send) -> Send:
    path = scope.get("path", "")
    ours = path.startswith(("/api/v1", "/static", "/login")) or path == "/study"
    policy = STRICT if ours and path != "/api/v1/docs" else FRAME

    async def sender(message: Any) -> None:
        if message["type"] == "http.response.start":
            given = {k.lower() for k, _ in message["headers"]}
            added = {**HEADERS, b"content-security-policy": policy.encode()}
            extra = [(k, v) for k, v in added.items() if k not in given]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sender


async def _reply(send: Send, refused: Refused) -> None:
    body = json.dumps({"error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, to: str) -> None:
    headers = [(b"location", to.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
