"""Requests that no page of ours sends, to every route that the OpenAPI document lists.

schemathesis makes right and wrong ones out of the document; half of the numbers are then replaced
by those of things that are there, or hardly a request would come past the first check. RAW are
bodies that no document describes. Nothing may break, and no answer may be a 500.
"""

import gzip
import json
import random
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import schemathesis
from schemathesis import GenerationMode

# Loaded here and not on first use: pytest rewrites it as it is read, and this Python breaks that
# off where another thread (the studio's, loading a model) reads sources at the same moment.
from schemathesis.specs.openapi import schemas as _schemas  # noqa: F401

from tests.hostile.world import JSON, Reply, World

# Drawing and writing take seconds however small the model is: fewer of them.
SLOW = ("/generate", "/strip", "/try", "/blind", "/exports/{target}", "/items", "/events")
Body = bytes | list[bytes]
FORM = {"content-type": "multipart/form-data; boundary=b"}


@dataclass
class Tally:
    """What was sent and what came of it."""

    executions: int = 0
    slowest: tuple[float, str] = (0.0, "")
    crashes: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, what: str, reply: Reply) -> None:
        self.executions += 1
        self.slowest = max(self.slowest, (reply.seconds, what))
        self.statuses[reply.status] = self.statuses.get(reply.status, 0) + 1
        # 503 and 507 are ours and have words: a model that is not there, a full disk. A stream
        # that breaks after its first line says so in its last.
        broken = reply.broke or reply.status == 500 or b"something broke" in reply.body
        if broken or reply.status == 0 or (reply.status >= 400 and not reply.error):
            self.crashes.append(f"{what}: {reply.status} {reply.broke or reply.body[:200]!r}")

    def figures(self) -> dict[str, float]:
        return {
            "executions": self.executions,
            "crashes": len(self.crashes),
            "slowest_s": self.slowest[0],
            "rss_mb": rss(),
        }


def rss() -> float:
    """The most memory this process has held, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


# out of the OpenAPI document


def operations(world: World) -> list[Any]:
    app = world.gate.app
    schema: Any = schemathesis.openapi.from_dict(app.openapi())
    return [found.ok() for found in schema.get_all_operations()]


def fuzz(world: World, examples: int, seed: int, tally: Tally | None = None) -> Tally:
    """`examples` right and as many wrong requests to each route; a slow route gets fewer."""
    made = Tally() if tally is None else tally
    for operation in operations(world):
        few = max(1, examples // 4) if operation.path.endswith(SLOW) else examples
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _run(operation.as_strategy(generation_mode=mode), few, seed, _sender(world, made, seed))
        world.revive()
    return made


def _run(strategy: Any, examples: int, seed: int, send: Callable[[Any], None]) -> None:
    import hypothesis
    from hypothesis import HealthCheck, Phase

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(strategy)
    def each(case: Any) -> None:
        send(case)

    try:
        each()
    except hypothesis.errors.Unsatisfiable:
        pass  # nothing wrong can be said to a route that takes nothing


def _sender(world: World, tally: Tally, seed: int) -> Callable[[Any], None]:
    rng = random.Random(seed)

    def send(case: Any) -> None:
        method, path, body, headers = _request(case, world.known, rng)
        if method == "DELETE" and path.startswith("/api/v1/profiles/"):
            world.revive()
        tally.add(f"{method} {path} {body[:300]!r}", world.send(method, path, body, headers))

    return send


def _request(
    case: Any, known: Mapping[str, list[int]], rng: random.Random
) -> tuple[str, str, bytes, dict[str, str]]:
    places = {k: _meet(k, v, known, rng) for k, v in (case.path_parameters or {}).items()}
    path = case.path
    for name, value in places.items():
        path = path.replace("{" + name + "}", quote(str(value), safe="", errors="surrogatepass"))
    if case.query:
        path += "?" + urlencode(case.query, doseq=True, errors="surrogatepass")
    headers = {str(k): str(v) for k, v in (case.headers or {}).items()}
    headers.pop("host", None)
    return case.method, path, _body(case, known, rng), headers | _kind(case)


def _kind(case: Any) -> dict[str, str]:
    return {"content-type": case.media_type} if case.media_type else {}


def _body(case: Any, known: Mapping[str, list[int]], rng: random.Random) -> bytes:
    body = case.body
    if isinstance(body, bytes):
        return body
    if type(body).__name__ == "NotSet" or not case.media_type:
        return b""
    if isinstance(body, dict):
        body = {k: _meet(k, v, known, rng) for k, v in body.items()}
    return json.dumps(body).encode()


def _meet(name: str, value: Any, known: Mapping[str, list[int]], rng: random.Random) -> Any:
    """Mostly the number of something that is there."""
    return rng.choice(known[name]) if known.get(name) and rng.random() < 0.7 else value


# bodies that no document describes

# The document says nothing of the routes that take files; this one takes texts too.
TEXTS = {"texts": ["x"], "prompt": "x"}


def raw(full: Mapping[str, Any]) -> Iterator[tuple[str, Body, dict[str, str]]]:
    """(what, body, headers) of bodies for a route that takes `full` as JSON."""
    good = json.dumps(full).encode()
    first = next(iter(full)).encode()
    for name, value in VALUES.items():
        yield name, value, JSON
        for key in full:
            for there in (["HERE"], "HERE", {"a": "HERE"}):
                body = json.dumps({**full, key: there}).encode().replace(b'"HERE"', value)
                yield f"{key} is {name} in {type(there).__name__}", body, JSON
    yield "a key twice", b'{"%s": 1, "%s": 2}' % (first, first), JSON
    yield "many keys", b"{" + b",".join(b'"k%d":0' % i for i in range(70_000)) + b"}", JSON
    yield "nothing", b"", JSON
    for kind in KINDS:
        yield f"as {kind}", good, {"content-type": kind}
    for how in ("gzip", "br", "zstd", "deflate, gzip", "x"):
        yield f"packed as {how}", gzip.compress(good), JSON | {"content-encoding": how}
    yield "a bomb", gzip.compress(b" " * (8 << 20)), JSON | {"content-encoding": "gzip"}
    yield "byte by byte", [bytes([b]) for b in good[:200]], JSON
    yield "empty pieces", [b""] * 200 + [good], JSON
    yield "more than it says", good, JSON | {"content-length": "2"}
    yield "less than it says", good, JSON | {"content-length": "9999"}
    for length in ("-1", "1e3", "", "\u0663", "0x10", "9" * 40):
        yield f"length {length!r}", good, JSON | {"content-length": length}
    yield "over a megabyte in pieces", [b" " * 65_536] * 17, JSON
    for name, form in forms():
        yield name, form, FORM


VALUES = {
    "NaN": b"NaN", "Infinity": b"-Infinity", "1e999": b"1e999", "huge": b"9" * 4000,
    "too huge": b"9" * 5000, "negative": b"-" + b"9" * 30, "tiny": b"1e-400",
    "minus zero": b"-0.0", "deep list": b"[" * 10_000 + b"]" * 10_000,
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "unclosed": b"[" * 10_000,
    "surrogate": b'"\\ud800"', "surrogates": b'"\\udc00\\ud800x"', "NUL": b'"a\\u0000b"',
    "a raw NUL": b'"a\x00b"', "not UTF-8": b'"\xff\xfe"', "UTF-16": '"a"'.encode("utf-16"),
    "a mark": b'\xef\xbb\xbf"a"', "spaces": b'"   "', "turned": '"\u202e\u2066a"'.encode(),
    "long": b'"' + b"a" * 900_000 + b'"', "combining": ('"' + "e\u0301" * 3000 + '"').encode(),
    "list": b"[]", "object": b"{}", "true": b"true", "null": b"null", "text": b"'a'",
    "comment": b"/**/1",
}  # fmt: skip
KINDS = (
    "text/plain", "text/plain; charset=utf-16", "application/json; charset=utf-16",
    "application/json; charset=no-such", "application/xml", "application/x-www-form-urlencoded",
    "application/problem+json", "application/json" + ";a=b" * 2000, "", "\u00ff",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=b",
)  # fmt: skip


def forms() -> Iterator[tuple[str, Body]]:
    """Multipart bodies, most of them wrong."""
    part = b'--b\r\ncontent-disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n'
    yield "form", part % (b"a.png", b"x") + b"--b--\r\n"
    yield "form without end", part % (b"a.png", b"x")
    yield "form of nothing", b"--b--\r\n"
    yield "form of noise", random.Random(0).randbytes(4000)
    yield "form of 60 files", part % (b"a.png", b"x") * 60 + b"--b--\r\n"
    field_of = b'--b\r\ncontent-disposition: form-data; name="files"\r\n\r\nx\r\n--b--\r\n'
    yield "form of a field", field_of
    yield "form without a name", b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n"
    yield "form with a long head", b"--b\r\nx: " + b"a" * 200_000 + b"\r\n\r\nx\r\n--b--\r\n"
    for name in (b"../../x.png", b"a\x00.png", b"\xff\xfe.png", b"C:\\x.png", b"a" * 5000, b""):
        yield f"form named {name[:12]!r}", part % (name, b"x") + b"--b--\r\n"


def hostile_bodies(world: World, tally: Tally | None = None, every: int = 1) -> Tally:
    """RAW to every route that changes something; `every` n-th of them, another one each route."""
    made, shift = Tally() if tally is None else tally, 0
    for method, path, full in changing(world):
        target = filled(path, world.known)
        for k, (what, body, headers) in enumerate(raw(full)):
            if (k + shift) % every == 0:
                made.add(f"{what} to {method} {path}", world.send(method, target, body, headers))
        shift += 1
        world.revive()
    for what, target in paths():
        made.add(what, world.send("GET", target))
    unending = world.send("POST", "/api/v1/profiles", [b'{"name"'], JSON, endless=True)
    made.executions += 1
    if unending.broke:
        made.crashes.append(f"a body without end: {unending.broke}")
    return made


def changing(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, a body as the document has it) of every route that is no plain reading."""
    document, found = world.gate.app.openapi(), []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if method != "get":
                body = _example(document, told)
                found.append((method.upper(), path, _there(body, world.known) or TEXTS))
    return found


def _there(body: Mapping[str, Any], known: Mapping[str, list[int]]) -> dict[str, Any]:
    """With the numbers of things that are there."""
    return {k: known[k][0] if known.get(k) else v for k, v in body.items()}


def _example(document: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """A body that the document allows; {} where it says nothing about one."""
    if "requestBody" not in told:
        return {}
    schema = told["requestBody"]["content"]["application/json"]["schema"]
    made = _value(document, schema, "")
    return dict(made) if isinstance(made, dict) else {}


def _value(document: Mapping[str, Any], schema: Mapping[str, Any], name: str) -> Any:
    if "$ref" in schema:
        return _value(document, document["components"]["schemas"][schema["$ref"][21:]], name)
    if "anyOf" in schema:
        return _value(document, schema["anyOf"][0], name)
    if "enum" in schema or "const" in schema:
        return schema.get("const") or schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {n: _value(document, s, n) for n, s in schema.get("properties", {}).items()}
    if kind == "array":
        return [_value(document, schema["items"], name)] * schema.get("minItems", 1)
    if kind == "string":
        return "#aabbcc" if name == "colour" else ("hostile-key" if "pattern" in schema else "x")
    if kind == "boolean":
        return True
    # Whatever else may stand there, an answer may be passed over.
    return "skip" if kind is None else max(1, schema.get("minimum", 1))


def filled(path: str, known: Mapping[str, list[int]]) -> str:
    for name, places in known.items():
        if places:
            path = path.replace("{" + name + "}", str(places[0]))
    return path.replace("{target}", "peft").replace("{trial}", "x").replace("{name}", "x")


def paths() -> Iterator[tuple[str, str]]:
    """Numbers and names in addresses."""
    odd = ("..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", "..", "%2e%2e%2f", "C:%5cx", "a" * 5000, "-1",
           "0", "1e3", "1.0", "9" * 400, "%D9%A1", "+1", " 1", "1%0d%0aset-cookie:a=b", "'--",
           "%ed%a0%80", "null", "true", "%F0%9F%92%A9", "//", "~", "..;")  # fmt: skip
    for text in odd:
        for place in ("profiles/{}", "media/{}", "jobs/1/samples/{}", "adapters/1/exports/{}/file",
                      "profiles/1/made/1/plain/{}", "profiles/1/compass?plane={}&plane={}",
                      "profiles/1/made?before={}", "profiles/1/question?medium={}",
                      "profiles/1/why/{}", "{}"):  # fmt: skip
            yield f"GET {place} of {text[:20]}", "/api/v1/" + place.replace("{}", text)
        for top in ("/static/", "/login/", "/"):
            yield f"GET {top} of {text[:20]}", top + text
