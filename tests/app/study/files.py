"""Study files for tests, and simulated participants with a known taste."""

import random
from pathlib import Path
from typing import Any

from app.study_file import Design, parse
from app.study_things import Looked, look, shared

HEAD = """
title = "Short texts"
medium = "text"
seed = 11
completion_code = "DONE-42"
consent = '''
We ask which of two texts you like more.

You may stop at any time.
'''
"""
TEXTS = "\n".join(f'"t{n}" = "Text number {n}."' for n in range(8))
BLOCK = f"""
[[blocks]]
name = "First"
instructions = "Pick one."
questions = 12
[blocks.texts]
{TEXTS}
[[blocks.attention]]
pair = ["t0", "Please pick this one."]
right = "Please pick this one."
ask = "Follow the words."
"""

SECRET = "AHEM4711"
UTILITY = {f"Text number {n}.": float(n) for n in range(8)}


def study(tmp_path: Path, top: str = "", blocks: str = BLOCK, codes: str = "") -> Path:
    """A study file in a folder of its own, with its codes beside it."""
    path = tmp_path / "tests-study.toml"
    path.write_text(HEAD + top + blocks)
    if codes:
        path.with_name("tests-study.codes.txt").write_text(codes.replace(" ", "\n"))
    return path


def rows(studio: Any, sql: str) -> Any:
    return studio.store.read(lambda db: db.execute(sql).fetchall())


def looked(source: str, folder: Path) -> tuple[Design, list[Looked]]:
    design = parse(source, "x")
    return design, look(design, folder, shared(design.medium))


def enter(client: Any, code: str = "", study: str = "") -> Any:
    return client.post("/api/v1/study/enter", json={"code": code, "study": study})


def agree(client: Any, told: dict[str, Any]) -> dict[str, Any]:
    body = {"code": told["code"], "consent": told["consent"], "language": "en"}
    reply = client.post("/api/v1/study/consent", json=body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def answer(client: Any, told: dict[str, Any], outcome: Any, **more: Any) -> Any:
    body = {"question_id": told["question"]["id"], "outcome": outcome, "ms": 900,
            "idempotency_key": f"sim-{told['question']['id']:06d}", **more}  # fmt: skip
    return client.post("/api/v1/study/answers", json=body)


class Simulated:
    """Likes text n by a known utility; slips with a known probability; always attends or never."""

    def __init__(self, utility: dict[str, float], slips: float, seed: int, attends: bool = True):
        self.utility, self.slips, self.attends = utility, slips, attends
        self.rng = random.Random(seed)
        self.said: list[tuple[frozenset[str], str]] = []

    def choose(self, question: dict[str, Any]) -> dict[str, Any]:
        texts = {item["text"]: item["id"] for item in question["items"]}
        right = next((t for t in texts if t.startswith("Please pick")), None)
        if right is not None:
            other = next(t for t in texts if t != right)
            return {"picks": [texts[right if self.attends else other]]}
        best, worst = sorted(texts, key=lambda t: -self.utility[t])
        said = worst if self.rng.random() < self.slips else best
        self.said.append((frozenset(texts), said))
        return {"picks": [texts[said]]}

    def sit(self, client: Any, code: str, most: int = 1000, confidence: int | None = None) -> Any:
        """From the door on; stops after `most` answers."""
        told = enter(client, code).json()
        if told["stage"] == "consent":
            told = agree(client, told)
        more = {"confidence": confidence, "confidence_ms": 300} if confidence else {}
        for _ in range(most):
            if told["stage"] == "instructions":
                told = client.post("/api/v1/study/begin").json()
            if told["stage"] == "done":
                break
            reply = answer(client, told, self.choose(told["question"]), **more)
            assert reply.status_code == 200, reply.text
            told = reply.json()
        return told
