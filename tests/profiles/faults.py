"""Each call to the disk fails in turn: told in words, nothing torn, reads go on, and it recovers.

`run(place, step, seed)` does the same work again and again on copies of one folder. Each time the
n-th call from then on fails: once, or until room is made again; as no space, as an I/O error after
half of the bytes, as an fsync that failed. `step` 1 tries every n until the work ends without
meeting a fault.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.data import Outcome
from profiles.store import Conflict, Damaged, NewAnswer, Store, Unwritable
from tests.profiles import disk_shim as shim
from tests.profiles.desk import Desk, full_desk
from tests.profiles.flips import copied

KINDS = {
    "no space, until there is": ({"write": shim.FULL, "truncate": shim.FULL}, True),
    "no space, once": ({"write": shim.FULL}, False),
    "half of a write": ({"write": shim.IOERR_WRITE}, False),
    "failed fsync": ({"sync": shim.IOERR_FSYNC}, False),
    "failed truncate": ({"truncate": shim.IOERR_TRUNCATE}, False),
}
MOST = 5000


class Faults:
    """Counts the calls it may fail; from the n-th on, or at the n-th alone."""

    def __init__(self, errors: dict[str, int], lasting: bool, number: int) -> None:
        self.errors, self.lasting, self.left = errors, lasting, number
        self.armed, self.hits = False, 0

    def __call__(self, what: str, path: str) -> int:
        if not self.armed or what not in self.errors:
            return shim.OK
        self.left -= 1
        if self.left > 0 or (self.left < 0 and not self.lasting):
            return shim.OK
        self.hits += 1
        return self.errors[what]


def run(place: Path, step: int = 1) -> dict[str, Any]:
    """Figures; unclear, lost, torn and stuck must be 0. Rows by kind of fault."""
    with Store.open(place / "live") as store:
        base = full_desk(store)
        copied(place / "live", place / "base")  # as after a kill: opening has something to do
    rows = []
    for kind, (errors, lasting) in KINDS.items():
        for when in ("at work", "while opening"):
            told: Counter[str] = Counter()
            for number in range(1, MOST, step):
                faults = Faults(errors, lasting, number)
                told.update(_try(copied(place / "base", place / "work"), base, faults, when))
                if not faults.hits:
                    break
            rows.append({"fault": kind, "when": when, **told})
    names = ("runs", "hit", "refused", "unclear", "lost", "torn", "stuck")
    return {"figures": {n: sum(row.get(n, 0) for row in rows) for n in names}, "rows": rows}


def _try(folder: Path, base: Desk, faults: Faults, when: str) -> dict[str, int]:
    told: Counter[str] = Counter(runs=1)
    disk = shim.Disk(fault=faults)
    with shim.under_sqlite(disk):
        faults.armed = when == "while opening"
        try:
            store = Store.open(folder)
        except Unwritable:
            told["refused"] += 1
        else:
            with store:
                faults.armed = False
                desk = Desk(store, base.user, base.profile, base.texts)
                _work(desk, faults, told, when == "at work")
        faults.armed = False
    told["hit"] = int(faults.hits > 0)
    with Store.open(folder) as store:
        sound = store.read(lambda db: db.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
        told["torn"] += not sound or bool(list(folder.rglob(".new-*")))
    return told


def _work(desk: Desk, faults: Faults, told: Counter[str], failing: bool) -> None:
    """Some of everything while the disk fails; then again, once it does not."""
    asked = [desk.ask(i, i + 1) for i in range(4)]
    before = desk.seqs()
    known: dict[str, int] = {}
    faults.armed = failing
    for k, question in enumerate(asked):
        _say(lambda q=question, k=k: known.update({f"f{k}": desk.pick(q, key=f"f{k}").seq}), told)
        told["stuck"] += desk.seqs()[: len(before)] != before  # reads go on
    store = desk.store
    _say(lambda: store._writer.alone(lambda _: store._writer._tidy()), told)
    _say(lambda: store.delete_profile(store.add_profile(desk.user).id), told)
    faults.armed = False
    for k, question in enumerate(asked):  # a client that heard no yes asks again, with its key
        again = NewAnswer(question.id, Outcome((question.items[0],)), key=f"f{k}")
        receipt = store.add_answer(again)
        told["lost"] += k in known and (receipt.seq != known[f"f{k}"] or not receipt.duplicate)
    keys = [row["key"] for row in store.answer_rows(desk.profile)]
    told["lost"] += any(keys.count(f"f{k}") != 1 for k in range(len(asked)))


def _say(work: Callable[[], Any], told: Counter[str]) -> None:
    try:
        work()
    except Unwritable as wrong:
        told["refused"] += 1
        told["unclear"] += "try again" not in str(wrong)
    except (Damaged, Conflict, OSError, RuntimeError, KeyError) as wrong:
        told["unclear"] += 1
        print("unclear:", type(wrong).__name__, wrong)
