"""S3 and S15: every route refuses other people's pages and carries its headers; the lists of routes
come from the application itself.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.security import STRICT
from tests.hostile import routes
from tests.hostile.world import JSON, World

STATIC = Path(__file__).resolve().parents[2] / "app" / "static"
FOREIGN = (
    "http://evil.example", "null", "", "http://localhost.evil.example", "http://localhost:1",
    "http://127.0.0.1", "http://localhost@evil.example", "http://evil.example#localhost",
    "file://", "chrome-extension://abcdefgh", "http://[", "http://[::1", "://", "localhost",
    "http://localhost, http://evil.example", "\u00ff",
)  # fmt: skip
WANTED = {
    "x-content-type-options": "nosniff", "x-frame-options": "DENY",
    "referrer-policy": "no-referrer", "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}  # fmt: skip


def state(world: World) -> bytes:
    return world.send("GET", "/api/v1/profiles").body


def test_other_pages_can_change_nothing_on_any_route(crowded: World) -> None:
    changing, before = routes.changing(crowded), state(crowded)
    assert len(changing) > 30
    for method, path, _ in changing:
        target = routes.filled(path, crowded.known)
        heads = [{"origin": origin} for origin in FOREIGN]
        heads += [{"sec-fetch-site": site} for site in ("cross-site", "same-site")]
        for head in heads:
            made = crowded.send(method, target, b"{}", JSON | head)
            assert (made.status, made.broke) == (403, ""), (method, path, head, made)
            assert "access-control-allow-origin" not in made.headers
    assert state(crowded) == before


def test_no_route_lets_another_page_read(crowded: World) -> None:
    for path, methods in crowded.gate.app.openapi()["paths"].items():
        target = routes.filled(path, crowded.known)
        if "get" in methods and not target.endswith("/events"):
            made = crowded.send("GET", target, headers={"origin": "http://evil.example"})
            assert not [h for h in made.headers if h.startswith("access-control")], path
        asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
        made = crowded.send("OPTIONS", target, headers=asked)
        assert not [h for h in made.headers if h.startswith("access-control")], path


def test_every_reply_carries_the_headers(crowded: World) -> None:
    seen = set()
    asked = [("GET", routes.filled(p, crowded.known)) for p in crowded.gate.app.openapi()["paths"]]
    asked += [
        ("GET", p)
        for p in (
            "/login",
            "/static/main.js",
            "/static/none.js",
            "/nowhere",
            "/api/v1/openapi.json",
            "/api/v1/nowhere",
            "/study",
        )
    ]
    asked += [("POST", "/api/v1/answers"), ("PUT", "/api/v1/profiles"), ("POST", "/login"),
              ("GET", "/api/v1/profiles/x"), ("POST", "/gradio_api/upload")]  # fmt: skip
    for method, target in asked:
        made = crowded.send(method, target)
        seen.add(made.status)
        told = {name: made.headers.get(name) for name in WANTED}
        assert told == WANTED, (method, target, made.status)
        policy = made.headers["content-security-policy"]
        if target.startswith(("/api/v1", "/static", "/login")):
            assert policy == STRICT, target
        assert "frame-ancestors 'none'" in policy and "http" not in policy
    assert {200, 403, 404, 405, 422} <= seen


@pytest.mark.parametrize("head", [
    {"host": host} for host in ("[", "[::1", "localhost:x", "localhost:99999999", "[::1]]", "",
                                "evil.example", "localhost.evil.example", "localhost@evil.example",
                                "127.0.0.1.evil.example", "0x7f000001", "2130706433", "\u00ff",
                                "localhost\\@evil.example", "a" * 9000, "[v1.x]", "local host")
] + [
    {"cookie": body} for body in ("penchant_session=" + "a" * 9000, "penchant_session=\u00ff",
                                  "=" * 3000, ";" * 3000, 'penchant_session="\\', "\x00")
] + [
    {"authorization": body} for body in ("Bearer", "Bearer " + "x" * 9000, "Basic Og==", "\u00ff",
                                         "Bearer \x00", "bearer  a b")
] + [
    {"accept": "text/html" * 900}, {"range": "bytes=0-9,2-,-1"}, {"range": "bytes=" + "0-," * 3000},
    {"if-none-match": "\u00ff"}, {"if-modified-since": "never"}, {"x-forwarded-for": "\x00"},
    {"forwarded": "host=evil.example"}, {"x-forwarded-host": "evil.example"},
    {"x-forwarded-proto": "javascript"}, {"transfer-encoding": "chunked, gzip"},
    {"expect": "100-continue"}, {"upgrade": "websocket", "connection": "upgrade"},
    {"x-http-method-override": "DELETE"}, {"accept-language": "en;q=x," * 2000},
])  # fmt: skip
def test_no_header_breaks_a_route(crowded: World, head: dict[str, str]) -> None:
    for method, path in (("GET", "/api/v1/profiles"), ("POST", "/api/v1/profiles/1/captions"),
                         ("GET", "/static/main.js"), ("GET", "/login"), ("GET", "/")):  # fmt: skip
        made = crowded.send(method, path, headers=head)
        assert not made.broke and 200 <= made.status < 500, (method, path, made)
        if "host" in head:
            assert made.status == 403, (path, head)
        assert "evil.example" not in made.headers.get("location", "")


class Inline(HTMLParser):
    """What a page of ours must not have: script or style of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag if tag in ("script", "style") else ""
        for name, value in attrs:
            if name.startswith("on") or name == "style" or "javascript:" in (value or ""):
                self.found.append(f"{tag} {name}")
            if name in ("src", "href") and re.match(r"(https?:)?//", value or ""):
                self.found.append(f"{tag} {value}")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside and data.strip():
            self.found.append(f"{self.inside}: {data[:40]}")


def test_our_own_pages_hold_no_script_and_no_style() -> None:
    pages = sorted(STATIC.glob("*.html"))
    assert len(pages) >= 2
    for page in pages:
        looked = Inline()
        looked.feed(page.read_text())
        assert looked.found == [], page.name


def test_our_scripts_write_text_and_never_markup() -> None:
    never = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser"
                       r"|createContextualFragment|\beval\(|new Function|setTimeout\(\s*['\"`]"
                       r"|https?://(?!www\.w3\.org/)")  # fmt: skip
    for script in sorted(STATIC.glob("*.js")):
        found = never.search(re.sub(r"^\s*//.*$", "", script.read_text(), flags=re.M))
        assert found is None, (script.name, found)
