"""bench results: does what is made please the person it was made for?

Simulated people (hidden tastes over raw pixels or raw text) answer 20 questions over HTTP, then ask
for the same prompts and seeds at full strength. A case is one prompt: the mean liking of the
personal results against that of the plain ones, judged by the hidden taste, for the person and for
another person's profile (swapped). A tie counts half.
"""

import io
import json
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import tasters
from tests.served import served

ANSWERS = 20
PROMPTS = {
    "picture": ("a day at the sea", "something sweet", "an animal in the garden", "music",
                "a rainy street", "something that flies", "a birthday", "on the road"),
    "text": ("Invite a friend to dinner on Friday.", "Explain the tides to a child.",
             "Describe a small flat.", "Thank a neighbour for their help."),
}  # fmt: skip
PEOPLE = {"picture": 24, "text": 8}
COUNT = {"picture": 4, "text": 2}


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """win and swapped for both media; rows per person."""
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for kind in ("picture", "text"):
        rng = np.random.default_rng([seed, kind == "text"])
        count = 3 if quick else PEOPLE[kind]
        with tempfile.TemporaryDirectory() as folder:
            with served(Path(folder) / "data", page=False) as address:
                found = _medium(address, kind, rng, count, people)
        for key in ("win", "swapped"):
            figures[f"{key}_{kind}"] = float(np.mean([r[key] for r in found]))
        rows += found
    return {"figures": figures, "rows": rows}


def _medium(
    address: str, kind: str, rng: np.random.Generator, count: int, people: Any
) -> list[dict[str, Any]]:
    base = _starter(kind)
    crowd = people(rng) if people else tasters.people(rng, base, count)
    crowd = crowd[:count]
    judges = [_judge(kind, base, p) for p in crowd]
    profiles = [_answers(address, kind, base, p, rng) for p in crowd]
    rows = []
    for i, person in enumerate(crowd):
        other = profiles[(i + 1) % len(crowd)]
        own, swapped = [], []
        for seed, prompt in enumerate(PROMPTS[kind]):
            for profile, into in ((profiles[i], own), (other, swapped)):
                into.append(_case(address, kind, profile, prompt, seed, judges[i]))
        rows.append(
            {"medium": kind, "person": getattr(person, "name", str(i)), "win": float(np.mean(own)),
             "swapped": float(np.mean(swapped))}
        )  # fmt: skip
    return rows


def _starter(kind: str) -> list[tasters.Shown]:
    """The pool as people see it, by row; ids of the served studio are matched by content."""
    from PIL import Image

    from engine.starter.pool import passages, pictures

    if kind == "text":
        return [tasters.Shown(i, kind, text=r["text"]) for i, r in enumerate(passages().records)]
    pool = pictures()
    return [
        tasters.Shown(
            i,
            kind,
            np.asarray(Image.open(io.BytesIO(pool.bytes(i))).convert("RGB").resize((64, 64))),
        )
        for i in range(len(pool))
    ]


def _judge(kind: str, base: Sequence[tasters.Shown], person: Any) -> Any:
    """liking(item JSON or text) of the hidden taste; new texts are measured like the pool's."""
    if kind == "picture":
        return lambda item: person.utility(base[int(item["id"]) - 1])
    if not hasattr(person, "weights"):
        return lambda text: person.utility(tasters.Shown(0, kind, text=text))
    return lambda text: float(tasters.measure_text(text, base) @ person.weights)


def _answers(
    address: str, kind: str, base: Sequence[tasters.Shown], person: Any, rng: np.random.Generator
) -> int:
    """20 answers of one person; the id of the profile."""
    profile = int(ask(address, "profiles", {})["id"])
    question = ask(address, f"profiles/{profile}/question?medium={kind}")
    for n in range(ANSWERS):
        shown = [_seen(base, kind, item) for item in question["items"]]
        outcome = tasters.reply(person, shown, rng, 0.1)
        # People know rows of the pool, the studio knows its own ids.
        ids = {s.id: item["id"] for s, item in zip(shown, question["items"], strict=True)}
        body = {"question_id": question["id"], "idempotency_key": f"bench-{profile}-{n:03d}",
                "outcome": {"picks": [ids[p] for p in outcome["picks"]]}}  # fmt: skip
        question = ask(address, "answers", body)["next"]
    return profile


def _seen(base: Sequence[tasters.Shown], kind: str, item: Any) -> tasters.Shown:
    if kind == "picture":
        return base[int(item["id"]) - 1]
    return next(s for s in base if s.text == item["text"])


def _case(address: str, kind: str, profile: int, prompt: str, seed: int, judge: Any) -> float:
    body = {"medium": kind, "prompt": prompt, "n": COUNT[kind], "strength": 1.0, "seed": seed,
            "max_tokens": 64}  # fmt: skip
    sides: dict[str, list[float]] = {"plain": [], "personal": []}
    for line in ask_lines(address, f"profiles/{profile}/generate", body):
        if line["type"] == "error":
            raise RuntimeError(line["error"])
        if line["type"] == "sample" and "image" not in line:
            sides[line["side"]].append(judge(line["item"] if kind == "picture" else line["text"]))
    gap = float(np.mean(sides["personal"]) - np.mean(sides["plain"]))
    return 0.5 if abs(gap) < 1e-9 else float(gap > 0)


def ask(address: str, path: str, body: Any = None) -> Any:
    return json.loads(_open(address, path, body))


def ask_lines(address: str, path: str, body: Any) -> list[Any]:
    return [json.loads(line) for line in _open(address, path, body).splitlines()]


def _open(address: str, path: str, body: Any) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/v1/{path}", data, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=600) as reply:
        return bytes(reply.read())
