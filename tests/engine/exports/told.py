"""Answers as profiles/exports.py tells them: pairs, a grid, ties, a skip, pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.exports.base import Material, Privacy
from tests.engine.exports.materials import FACTS, TITLE

OWN = "Dear Anna, =SUM(1)\nyours"


def item(n: int, picked: int = 0, prompt: str = "say it", **changes: Any) -> dict[str, Any]:
    made = {"hash": f"{n:064d}", "prompt": prompt, "text": f"passage {n}", "made": "starter"}
    return {**made, "picked": picked, **changes}


def answer(seq: int, outcome: str, *items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    form = "pair" if len(items) == 2 else "grid"
    made = {"answer": seq, "kind": "text", "form": form, "rule": "uniform", "repeat": False,
            "outcome": outcome, "strength": 1.0, "reason": [], "reason_words": "",
            "items": list(items)}  # fmt: skip
    return {**made, **changes}


def drawing(n: int, picked: int = 0) -> dict[str, Any]:
    return item(n, picked, prompt=f"drawing {n}", text=None)


ANSWERS = [
    answer(1, "picks", item(1, 1), item(2), reason=["shorter"], reason_words="my aunt's tone"),
    answer(2, "picks", item(1), item(2, 2), item(3, 1), item(4), strength=2.0),
    answer(3, "both_good", item(1), item(2)),
    answer(4, "both_bad", item(3), item(4)),
    answer(6, "skip", item(3), item(4)),
    answer(7, "picks", item(5, 1, prompt="other"), item(6)),
    answer(8, "picks", item(7, 1, text=OWN, made="own"), item(1)),
    answer(9, "picks", drawing(8, 1), drawing(9), kind="picture", repeat=True),
]


def told(folder: Path, privacy: Privacy = "full", **changes: Any) -> Material:
    facts = replace(FACTS, privacy=privacy)
    return Material(
        **{"title": TITLE, "model": folder, "facts": facts, "answers": ANSWERS} | changes
    )
