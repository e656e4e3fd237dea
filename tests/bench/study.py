"""bench study: simulated participants sit a whole study at once, and the data give them back.

Each has a known utility and slips at a known rate; all answer at the same time, from threads, and
every answer is durable before the next question comes, which they answer without a pause: more than
people do. Then one more sits alone. agreement_* compares what they said with what the export says;
answer_ms is the time of one answer with the next question, in the studio, without HTTP; consent_ms
includes the whole plan stored.
"""

import csv
import io
import tempfile
import threading
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from app.study import Study
from app.study_desk import export
from tests.app.study.files import Simulated

HEAD = """
title = "Bench"
medium = "text"
consent = "We ask which text you like more."
completion_code = "BENCH"
repeats = 0.2
confidence = "1-100"
"""


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; a row a share of slips."""
    from app.studio import Studio

    n, asked = (8, 10) if quick else (64, 40)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "bench.toml"
        path.write_text(f"{HEAD}seed = {seed}\n{block(asked)}")
        path.with_name("bench.codes.txt").write_text("".join(f"code-{k}\n" for k in range(n + 1)))
        with Studio.open(folder / "data") as studio:
            study = Study(studio, studio.store.local_user(), [path])
            studio.ahead.settle()
            sat = sit(study, n, seed)
            alone = (Simulated(dict(sat[0][0].utility), 0.1, seed + n), list[float]())
            _one(study, f"code-{n}", *alone)
            sat.append(alone)
            begun = time.monotonic()
            files = export(study.rows, 1)
            took = time.monotonic() - begun
    return {"figures": {**figures(sat, files), "export_s": took}, "rows": rows(sat)}


def block(asked: int) -> str:
    texts = "\n".join(f'"t{k}" = "Text number {k}."' for k in range(16))
    return f'[[blocks]]\nname = "A"\nquestions = {asked}\n[blocks.texts]\n{texts}\n'


def sit(study: Study, n: int, seed: int) -> list[tuple[Simulated, list[float]]]:
    """Everybody at once; the person and the seconds of consent and of each answer."""
    utility = {f"Text number {k}.": float(k) for k in range(16)}
    made = [(Simulated(utility, 0.3 * k / n, seed + k), list[float]()) for k in range(n)]
    threads = [threading.Thread(target=_one, args=(study, f"code-{k}", *made[k])) for k in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def _one(study: Study, code: str, person: Simulated, seconds: list[float]) -> None:
    token, told = study.enter(code, "", code)
    holder = study.holder(token)

    def timed(work: Any, *words: Any) -> Any:
        begun = time.monotonic()
        made = work(*words)
        seconds.append(time.monotonic() - begun)
        return made

    given = {"code": code, "consent": told["consent"], "language": "en"}
    told = timed(study.agree, holder, given)
    while told["stage"] == "question":
        said = {"question_id": told["question"]["id"], "outcome": person.choose(told["question"]),
                "strength": 1, "ms": 900, "confidence": 50, "confidence_ms": 200,
                "idempotency_key": f"{code}-{told['place']:04d}"}  # fmt: skip
        told = timed(study.answer, holder, said)


def figures(sat: list[tuple[Simulated, list[float]]], files: dict[str, bytes]) -> dict[str, float]:
    texts = {r["item"]: r["text"] for r in _table(files["items.csv"])}
    by: dict[str, list[tuple[frozenset[str], str]]] = {}
    for row in _table(files["answers.csv"]):
        shown = frozenset(texts[i] for i in row["items"].split())
        by.setdefault(row["participant"], []).append((shown, texts[row["picks"]]))
    answers = [s for _, seconds in sat[:-1] for s in seconds[1:]]
    alone = sat[-1][1]
    return {
        "participants": len(sat), "answers": len(answers) + len(alone) - 1,
        "answers_exported": sum(map(len, by.values())),
        "agreement_known": agreement([p.said for p, _ in sat]),
        "agreement_exported": agreement(list(by.values())),
        "answer_ms_p50": 1e3 * float(np.quantile(answers, 0.5)),
        "answer_ms_p95": 1e3 * float(np.quantile(answers, 0.95)),
        "consent_ms_p50": 1e3 * float(np.median([seconds[0] for _, seconds in sat[:-1]])),
        "alone_answer_ms_p50": 1e3 * float(np.median(alone[1:])),
        "alone_consent_ms": 1e3 * alone[0],
    }  # fmt: skip


def agreement(people: list[list[tuple[frozenset[str], str]]]) -> float:
    """Share of equal first choices over all pairs of people and the questions both answered."""
    firsts = [dict(reversed(said)) for said in people]
    same = [a[q] == b[q] for a, b in combinations(firsts, 2) for q in a.keys() & b.keys()]
    return sum(same) / len(same)


def rows(sat: list[tuple[Simulated, list[float]]]) -> list[dict[str, float]]:
    return [{"slips": round(p.slips, 3), "answers": len(p.said)} for p, _ in sat[:: len(sat) // 8]]


def _table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
