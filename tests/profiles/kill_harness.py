"""Kill -9 at random moments while clients answer, and count what was lost.

`python tests/profiles/kill_harness.py ROUNDS [FOLDER]` from the project folder prints the figures
as JSON; `run(folder, rounds, seed)` is the same for tests and benches. A child process opens the
store, answers and undoes from several threads, and writes a line for every acknowledgement; the
parent kills it, opens the store itself and compares.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.data import Outcome  # noqa: E402
from profiles import answers  # noqa: E402
from profiles.store import NewAnswer, Store  # noqa: E402
from tests.profiles.load_harness import stocked  # noqa: E402

CLIENTS = 6


def run(folder: Path, rounds: int, seed: int = 0) -> dict[str, float]:
    """Figures over all rounds; lost, duplicated, unequal and broken must be 0."""
    chance = random.Random(seed)
    with Store.open(folder) as store:
        profiles = [stocked(store)[0] for _ in range(CLIENTS)]
    told: Counter[str] = Counter()
    known: dict[str, tuple[int, int, int]] = {}
    slowest = 0.0
    for number in range(rounds):
        known.update(_round(folder, profiles, number, chance.uniform(0.02, 0.4)))
        begun = time.perf_counter()
        with Store.open(folder) as store:
            slowest = max(slowest, time.perf_counter() - begun)
            told += Counter(_compare(store, profiles, known))
    keep = ("lost", "duplicated", "unequal", "broken")
    return {
        "rounds": rounds,
        "acknowledged": len(known),
        **{k: told[k] for k in keep},
        "open_again_ms": round(slowest * 1000, 1),
    }


def _round(
    folder: Path, profiles: list[int], number: int, wait: float
) -> dict[str, tuple[int, int, int]]:
    """Start a child, let it answer for `wait` seconds, kill it. Returns its acknowledgements."""
    command = [sys.executable, __file__, "child", str(folder), str(number), *map(str, profiles)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n", "the child could not open the store"
    time.sleep(wait)
    child.send_signal(signal.SIGKILL)
    lines = child.stdout.read().split("\n")[:-1]
    child.stdout.close()
    child.wait()
    made = (line.split() for line in lines)
    return {key: (int(profile), int(seq), int(question)) for key, profile, seq, question in made}


def _compare(
    store: Store, profiles: list[int], known: dict[str, tuple[int, int, int]]
) -> dict[str, int]:
    """Every acknowledged key is there once, as acknowledged; what is derived fits the log."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    unequal = 0
    for profile in profiles:
        for row in store.answer_rows(profile):
            seq = row["seq"] if row["act"] == "answer" else row["target"]
            found.setdefault(row["key"], []).append((profile, seq, row["question"]))
        before = _derived(store, profile)
        store.write(lambda db, p=profile: answers.rebuild(db, p))
        unequal += before != _derived(store, profile)
    lost = sum(place not in found.get(key, []) for key, place in known.items())
    repeated = [_again(store, key, place) for key, place in list(known.items())[-20:]]
    checked = store.read(lambda db: db.execute("PRAGMA integrity_check").fetchall())
    return {
        "lost": lost,
        "duplicated": sum(len(rows) - 1 for rows in found.values()),
        "unequal": unequal + repeated.count(False),
        "broken": int(checked != [("ok",)]),
    }


def _again(store: Store, key: str, place: tuple[int, int, int]) -> bool:
    """A client that never heard the acknowledgement asks again and hears the same."""
    profile, seq, question = place
    if key.startswith("undo"):
        return store.undo(profile, "text", key) == seq
    asked = store.question(question)
    receipt = store.add_answer(NewAnswer(question, Outcome((asked.items[0],)), key=key))
    return receipt.duplicate and receipt.seq == seq


def _derived(store: Store, profile: int) -> list[list[tuple]]:
    tables = ("effective", "tops", "open_questions")
    sql = "SELECT * FROM {} WHERE profile_id = ? ORDER BY 1, 2, 3, 4"
    return store.read(lambda db: [db.execute(sql.format(t), [profile]).fetchall() for t in tables])


def _child(folder: Path, number: int, profiles: list[int]) -> None:
    store = Store.open(folder)
    items = [c.id for c in store.items("text", None)]
    lock = threading.Lock()

    def say(line: str) -> None:
        with lock:
            os.write(1, (line + "\n").encode())

    def client(profile: int) -> None:
        for k in range(10**9):
            asked = store.add_question(profile, "text", items[:2])
            key = f"{number}-{profile}-{k}"
            new = NewAnswer(asked.id, Outcome((asked.items[0],)), key=key)
            say(f"{key} {profile} {store.add_answer(new).seq} {asked.id}")
            if k % 7 == 6:
                target = store.undo(profile, "text", "undo-" + key)
                say(f"undo-{key} {profile} {target} {asked.id}")

    say("ready")
    for profile in profiles:
        threading.Thread(target=client, args=(profile,), daemon=True).start()
    time.sleep(600)


def main(words: list[str]) -> None:
    if words and words[0] == "child":
        _child(Path(words[1]), int(words[2]), [int(w) for w in words[3:]])
        return
    rounds = int(words[0]) if words else 50
    if len(words) > 1:
        print(json.dumps(run(Path(words[1]), rounds)))
        return
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(run(Path(made), rounds)))


if __name__ == "__main__":
    main(sys.argv[1:])
