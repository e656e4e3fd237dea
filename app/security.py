"""What stands before every route, ours and Gradio's: Host, Origin, body, login, limits, headers.

Written as plain ASGI so that streamed bodies are counted and streamed replies are not buffered.
"""

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any

from app.accounts import COOKIE, Accounts, Caller
from app.bodies import Refused, guarded
from app.wire import Full

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

API = "/api/v1"
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/api/v1/health", "/api/v1/login", "/api/v1/join", "/login", "/static/")
# Of Gradio's own addresses the page needs these; its doors for files, queues and proxies stay shut.
GRADIO = ("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt")
GRADIO_FOLDERS = ("/assets/", "/svelte/", "/static/", "/pwa_icon")
# Requests that last: counted by themselves, so that they take no place of a click.
LASTING = ("/events", "/generate", "/strip", "/try", "/blind", "/exports/")
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
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.-]+)(?::[0-9]{1,5})?")
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}
OURS, GRADIOS = (
    (*HEADERS.items(), (b"content-security-policy", policy.encode())) for policy in (STRICT, FRAME)
)
# Replies are about a person: no cache keeps them.
REPLIES = (*OURS, (b"cache-control", b"no-store"))


class Gate:
    """The door: wraps the whole application."""

    def __init__(
        self, app: Any, accounts: Accounts, beyond_loopback: bool = False, names: Sequence[str] = ()
    ) -> None:
        self.app, self.accounts, self.beyond = app, accounts, beyond_loopback
        self.names = frozenset(("localhost", "127.0.0.1", "::1", *names))
        # Past the router for what must be quick (app/lane.py).
        self.way = getattr(app.state, "way", app)
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
            caller = self._caller(scope, headers)
            if caller is None and _wants_page(scope, headers) and not self._is_open(path_of(scope)):
                await _redirect(sender, scope.get("root_path", "") + "/login")
                return
            self._login(scope, caller)
            _gradio(scope)
            await self._counted(scope, caller, guarded(scope, headers, receive), sender)
        except Refused as refused:
            if scope["type"] == "http":
                await _reply(sender, refused)

    async def _counted(
        self, scope: Scope, caller: Caller | None, receive: Receive, send: Send
    ) -> None:
        """Let one request in, and count it for as long as it lasts."""
        if caller is None:
            await self.way(scope, receive, send)
            return
        rules, path = self.accounts.rules, path_of(scope)
        what = "streams" if path.endswith("/events") else "requests"
        lasting = what == "requests" and any(end in path for end in LASTING)
        if lasting:  # its own limit is the queue of making
            await self.way(scope, receive, send)
            return
        try:
            rules.enter(caller.user, what)
        except Full as full:
            raise Refused(429, str(full), full.seconds) from None
        try:
            await self.way(scope, receive, send)
        finally:
            rules.leave(caller.user, what)

    def _host(self, headers: dict[str, str]) -> None:
        told = HOST.fullmatch(headers.get("host", ""))
        host = told[1].strip("[]").lower() if told else ""
        if host in self.names:
            return
        if self.beyond and _is_address(host):
            return
        name = headers.get("host", "")[:80]
        raise Refused(403, f"host {name!r} is not this studio; open it by its address, or "
                      "start it with --host-name")  # fmt: skip

    def _origin(self, scope: Scope, headers: dict[str, str]) -> None:
        if scope["method"] in SAFE:
            return
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Refused(403, "this request came from another page; use the studio's own page")

    def _caller(self, scope: Scope, headers: dict[str, str]) -> Caller | None:
        """Who asks, attached for the routes; None when nobody is known."""
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        token = bearer.strip() if kind.lower() == "bearer" else None
        caller = self.accounts.caller(cookie(headers.get("cookie", "")), token)
        state = scope.setdefault("state", {})
        state["user"], state["caller"] = (caller.user if caller else None), caller
        return caller

    def _is_open(self, path: str) -> bool:
        return any(path == p or (p[-1] == "/" and path.startswith(p)) for p in self.open)

    def _login(self, scope: Scope, caller: Caller | None) -> None:
        if caller is None and not self._is_open(path_of(scope)):
            raise Refused(401, "log in first: open /login, or POST /api/v1/login")
        if caller is not None and caller.by == "program" and not path_of(scope).startswith(API):
            raise Refused(403, "a token is for /api/v1; log in to see the page")


def path_of(scope: Scope) -> str:
    """The address below --root-path, which the server puts before every path."""
    path, root = str(scope.get("path", "")), str(scope.get("root_path", "")).rstrip("/")
    inside = root and (path == root or path.startswith(root + "/"))
    return path[len(root) :] or "/" if inside else path


def _wants_page(scope: Scope, headers: dict[str, str]) -> bool:
    return scope["method"] == "GET" and "text/html" in headers.get("accept", "")


def cookie(header: str) -> str | None:
    """Our session token out of a Cookie header."""
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _gradio(scope: Scope) -> None:
    """The page holds no Gradio events and no uploads: only what draws it is there."""
    path = path_of(scope)
    if path.startswith((API, "/static/", "/study")) or path in ("/login", "/help"):
        if path == "/login" and scope["method"] not in SAFE:
            raise Refused(405, "POST to /api/v1/login")
        return
    if scope["method"] not in SAFE:
        raise Refused(403, "the studio takes requests on /api/v1 only")
    if ".." in path or (path not in GRADIO and not path.startswith(GRADIO_FOLDERS)):
        raise Refused(404, "there is no such page")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _with_headers(scope: Scope, send: Send) -> Send:
    path = path_of(scope)
    ours = path.startswith(("/static", "/login")) or path in ("/study", "/help")
    if path.startswith(API) and path != "/api/v1/docs":
        added = REPLIES
    else:
        added = OURS if ours else GRADIOS

    async def sender(message: Any) -> None:
        if message["type"] == "http.response.start":
            given = {k.lower() for k, _ in message["headers"]}
            extra = [pair for pair in added if pair[0] not in given]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sender


async def _reply(send: Send, refused: Refused) -> None:
    body = json.dumps({"error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if refused.seconds:
        headers.append((b"retry-after", b"%d" % refused.seconds))
    if refused.status in (408, 413):  # the rest of the body is not waited for
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, to: str) -> None:
    headers = [(b"location", to.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
