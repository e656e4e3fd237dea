"""Copies while answers come: each is whole and holds all that was acknowledged before it began."""

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from profiles import backups, checkup
from profiles.store import Store
from tests.profiles.load_harness import steady

ACKED = "SELECT count(*) FROM answers WHERE act = 'answer'"


def run(folder: Path, seconds: float, every: float, clients: int = 32) -> dict[str, Any]:
    """Answers at 200 a second without copies, then with one every so many seconds."""
    with Store.open(folder) as store:
        alone = steady(store, clients, 200.0, seconds)
        copies, stop = [], threading.Event()
        thread = threading.Thread(target=_copy, args=(store, every, copies, stop))
        thread.start()
        beside = steady(store, clients, 200.0, seconds)
        stop.set()
        thread.join()
    wrong = [_wrong(path, known) for path, known in copies]
    return {
        "answers": alone["n"] + beside["n"],
        "copies": len(copies),
        "not_whole": sum(told == "not whole" for told in wrong),
        "lacking": sum(told == "lacking" for told in wrong),
        "p95_ms": float(alone["p95_ms"]),
        "p95_beside_ms": float(beside["p95_ms"]),
        "rise": float(beside["p95_ms"]) / float(alone["p95_ms"]) - 1,
    }


def _copy(store: Store, every: float, copies: list, stop: threading.Event) -> None:
    while not stop.wait(every):
        known = store.read(lambda db: db.execute(ACKED).fetchone()[0])
        to = store.folder / f"copy-{len(copies)}.db"
        copies.append((store.backup(to), known))


def _wrong(path: Path, known: int) -> str:
    """A copy is never written to: it is looked at as a restore would."""
    with closing(Database(backups.opened(path), execute_plugins=False)) as db:
        if checkup.faults(db):
            return "not whole"
        return "lacking" if db.execute(ACKED).fetchone()[0] < known else ""
