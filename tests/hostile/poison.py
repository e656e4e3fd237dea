"""Taste files that are well formed and hold what no answers lead to: each is refused, or does no
harm to any page of the profile it makes, or to the other profiles of the same person.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from profiles import bundle_format
from tests.hostile import routes
from tests.hostile.world import World

Parts = dict[str, bytes]
Change = Callable[[Parts], Any]


def changed(good: bytes, change: Change) -> bytes:
    parts = bundle_format.unpack(good)
    change(parts)
    return bundle_format.pack(parts)


def rows(part: str, own: bool = False, **more: Any) -> Change:
    """Fields of every line of a part; `own`: of one's own things alone."""

    def change(parts: Parts) -> None:
        told = [json.loads(line) for line in parts[part].splitlines()]
        made = [{**t, **more} if not own or t["own"] else t for t in told]
        end = b"" if part == "profile" else b"\n"
        parts[part] = b"\n".join(json.dumps(t).encode() for t in made) + end

    return change


def vectors(value: float, dim: int | None = None) -> Change:
    def change(parts: Parts) -> None:
        told = [json.loads(line) for line in parts["spaces"].splitlines()]
        for t in told:
            t["dim"] = dim or t["dim"]
            parts[t["part"]] = np.full(t["dim"] * len(t["hashes"]), value, "<f4").tobytes()
        parts["spaces"] = b"".join(json.dumps(t).encode() + b"\n" for t in told)

    return change


def states(make: Callable[[Any], Any]) -> Change:
    def change(parts: Parts) -> None:
        for name in [n for n in parts if n.startswith("state/")]:
            arrays = {k: np.ascontiguousarray(make(a)) for k, a in load(parts[name]).items()}
            parts[name] = save(arrays)

    return change


def floats(value: float) -> Change:
    return states(lambda a: np.full_like(a, min(value, np.finfo(a.dtype).max))
                  if a.dtype.kind == "f" else a)  # fmt: skip


ODD = {"concept": [1], "style": {"x": 1}, "task": None, "made": 7, "group": "x", "for": {"a": 1},
       "licence": ["x"], "voice": 3}  # fmt: skip
CASES: dict[str, Change] = {
    "vectors huge": vectors(3e38), "vectors nought": vectors(0.0), "vectors low": vectors(-1e20),
    "vectors of 5": vectors(0.1, 5), "vectors of 16384": vectors(0.1, 16_384),
    "spaces of no name": rows("spaces", space="../x"),
    "states huge": floats(1e300), "states nought": floats(0.0), "states below": floats(-1.0),
    "states tiny": floats(1e-300), "states flat": states(lambda a: a.reshape(-1)),
    "states empty": states(lambda a: a.reshape(-1)[:0]), "states one": states(lambda a: a[:1]),
    "states long": states(lambda a: np.resize(a, 9_000) if a.ndim == 1 else a),
    "states integer": states(lambda a: a.astype(np.int64)),
    "states half": states(lambda a: a.astype(np.float16) if a.dtype.kind == "f" else a),
    "states other": lambda parts: parts.update(
        {n: save({"x": np.zeros(3)}) for n in parts if n.startswith("state/")}),
    "another method": rows("versions", method="nope"), "a path": rows("versions", method="os:x"),
    "another space": rows("versions", space="nope"), "no answers": rows("versions", seq=0),
    "strong": rows("answers", strength=999_999.0), "weak": rows("answers", strength=1e-300),
    "foretold 0": rows("answers", predicted=0), "foretold 1": rows("answers", predicted=1),
    "slow": rows("answers", ms=2**53 - 1), "late": rows("answers", created=99_999_999_999.0),
    "late questions": rows("questions", created=99_999_999_999.0),
    "late profile": rows("profile", created=99_999_999_999.0),
    "more": rows("answers", extra={"a": [1, {"b": None}]}), "rule": rows("questions", rule="<b>"),
    "source": rows("answers", source="<script>"), "note": rows("answers", note="x" * 60_000),
    "odd attributes": rows("items", own=True, attributes=ODD),
    "names of Python": rows("items", own=True, attributes={"concept": "__class__", "for": -1}),
    "generated": rows("items", own=True, made="generated"),
    "prompt turned": rows("items", own=True, prompt="\u202e" * 60_000),
    "prompt NUL": rows("items", own=True, prompt="a\x00b"),
    "name NUL": rows("profile", name="a\x00b\u202e"), "no name": rows("profile", name=""),
    "long name": rows("profile", name="x" * 200, purpose="y" * 2000),
}  # fmt: skip


def harm(world: World, good: bytes, name: str, others: bool = True) -> list[str]:
    """What broke after the file came in; nothing where it was refused in words. `others`: look at
    another profile of the same person too.
    """
    made = world.send("POST", "/api/v1/import", changed(good, CASES[name]))
    if made.broke or made.status >= 500 or (made.status != 201 and len(made.error) < 10):
        return [f"import: {made.status} {made.broke or made.error}"]
    if made.status != 201:
        return []
    profile = int(json.loads(made.body)["id"])
    looked = (profile, world.known["profile"][0]) if others else (profile,)
    found = [w for p in looked for w in walk(world, p, name)]
    world.studio.delete_profile(world.user, profile)
    return found


def walk(world: World, profile: int, name: str) -> list[str]:
    """Every page of a profile, an answer, something made, a step back, the file again."""
    known, broken = {**world.known, "profile": [profile]}, []

    def look(method: str, path: str, value: Any = None) -> Any:
        made = world.json(method, path, value)
        bad = made.broke or made.status >= 500 or b"something broke" in made.body
        if bad or any(word in made.body for word in (b": NaN", b":NaN", b"Infinity")):
            broken.append(f"{method} {path}: {made.status} {made.broke}")
        return made

    for path, methods in world.gate.app.openapi()["paths"].items():
        if "get" in methods and "{profile}" in path and not path.endswith("/events"):
            target = routes.filled(path, known).removeprefix("/api/v1/")
            look("GET", f"{target}?medium=picture")
            look("GET", f"{target}?medium=text")
    for k, medium in enumerate(("picture", "text")):
        made = look("GET", f"profiles/{profile}/question?medium={medium}")
        if made.status != 200:
            continue
        asked, key = json.loads(made.body), f"poison-{profile}-{k}-{abs(hash(name))}"
        picks = {"picks": [asked["items"][0]["id"]]}
        look("POST", "answers", {"question_id": asked["id"], "outcome": picks,
                                 "idempotency_key": key})  # fmt: skip
        wanted = {"medium": medium, "prompt": "x", "n": 1, "max_tokens": 8, "depth": "instant"}
        look("POST", f"profiles/{profile}/generate", wanted)
        look("POST", f"profiles/{profile}/undo", {"medium": medium, "idempotency_key": key + "u"})
    return broken
