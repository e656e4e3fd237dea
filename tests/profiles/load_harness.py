"""Measures durable answers: 32 clients at a steady rate, and one client alone.

`python tests/profiles/load_harness.py [FOLDER]` from the project folder prints both as JSON. Open
loop: lateness counts, a client that is held up does not slow the clock down.
"""

import json
import os
import sys
import tempfile
import threading
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqlite_utils import Database

from engine.data import Outcome, Question
from profiles import answers, questions
from profiles.records import NewQuestion
from profiles.store import NewAnswer, NewItem, Store

FLOOD = 1e9


def stocked(store: Store, n: int = 20) -> tuple[int, list[int]]:
    """A profile of the local user and n shared passages: (profile, item ids)."""
    texts = [f"passage {i}" for i in range(n)]
    rows = [NewItem(sha256(t.encode()).hexdigest(), "say", t, "starter") for t in texts]
    return store.add_profile(store.local_user()).id, store.add_items("text", rows, None)


def asked(store: Store, profile: int, items: list[int], n: int) -> list[Question]:
    return [store.add_question(profile, "text", items[:2]) for _ in range(n)]


def steady(store: Store, clients: int = 32, rate: float = 200.0, seconds: float = 5.0) -> dict:
    """Answers at `rate` a second from `clients` threads with a profile each."""
    per = int(rate * seconds / clients)
    seats = []
    for _ in range(clients):
        profile, items = stocked(store)
        seats.append((items, asked(store, profile, items, per)))
    late: list[float] = []
    start = time.perf_counter() + 0.2

    def click(number: int) -> None:
        items, questions = seats[number]
        for k, question in enumerate(questions):
            due = start + (k + number / clients) * clients / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            begun = time.perf_counter()
            store.add_answer(NewAnswer(question.id, Outcome((items[0],)), key=f"{number}-{k}"))
            late.append(time.perf_counter() - (due if rate < FLOOD else begun))

    threads = [threading.Thread(target=click, args=(i,)) for i in range(clients)]
    commits = store.commits
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - start
    return {
        **_told(late),
        "per_second": round(len(late) / spent, 1),
        "commits": store.commits - commits,
    }


def flood(store: Store, clients: int = 32, per: int = 100) -> dict:
    """Each client answers as fast as it is acknowledged."""
    return steady(store, clients, FLOOD, clients * per / FLOOD)


def alone(store: Store, n: int = 500) -> dict:
    """One client, one answer after the other."""
    profile, items = stocked(store)
    spent = []
    for k, question in enumerate(asked(store, profile, items, n)):
        begun = time.perf_counter()
        store.add_answer(NewAnswer(question.id, Outcome((items[0],)), key=str(k)))
        spent.append(time.perf_counter() - begun)
    return _told(spent)


def work_alone(store: Store, n: int = 2000) -> dict:
    """The work of an answer without the commit: microseconds at a short and a long history."""
    profile, items = stocked(store)
    spent = []
    for part in range(5):
        many = asked_at_once(store, profile, items, n)

        def answer(db: Database, part: int = part, many: list[Question] = many) -> float:
            begun = time.perf_counter()
            for k, q in enumerate(many):
                new = NewAnswer(q.id, Outcome((items[0],)), key=f"{part}-{k}")
                answers.add(db, new, 0.0)
            return (time.perf_counter() - begun) / n * 1e6

        spent.append(round(store.write(answer), 1))
    return {"us_first": spent[0], "us_last": spent[-1], "history": 4 * n}


def asked_at_once(store: Store, profile: int, items: list[int], n: int) -> list[Question]:
    new = NewQuestion(profile, "text", tuple(items[:2]))
    return store.write(lambda db: [questions.add(db, new, 0.0) for _ in range(n)])


def fsync(folder: Path, n: int = 200) -> dict:
    """What the disk asks for 4 KiB written and made durable: the floor of a single answer."""
    spent = []
    with (folder / "floor").open("wb", buffering=0) as out:
        for _ in range(n):
            begun = time.perf_counter()
            out.write(b"x" * 4096)
            os.fdatasync(out.fileno())
            spent.append(time.perf_counter() - begun)
    return _told(spent)


def _told(seconds: list[float]) -> dict:
    p50, p95, p99 = np.percentile(np.array(seconds) * 1e3, [50, 95, 99])
    return {
        "n": len(seconds),
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "p99_ms": round(p99, 2),
    }


def main(folder: Path) -> None:
    with Store.open(folder) as store:
        told = {
            "fsync_4k": fsync(folder),
            "alone": alone(store),
            "work": work_alone(store),
            "steady_200": steady(store),
            "flood_32": flood(store),
        }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
