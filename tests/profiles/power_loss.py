"""The power goes at any moment: what was synced is there, of the rest any sectors, torn.

`run(place, points, seed, rounds)` records all that the studio's SQLite writes, truncates, syncs and
deletes while clients answer, undo, and delete a profile, over two lives of the store. Then, at
every sync and at `points` random moments, it builds the folder as a disk may have kept it: the
synced bytes, and of what came after each file's last sync a random part of the 512-byte sectors.
That folder is opened and every acknowledged answer looked for.
"""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from engine.data import Outcome
from profiles import answers, opening, seal
from profiles.store import Damaged, NewAnswer, Store
from tests.profiles.disk_shim import Disk, under_sqlite
from tests.profiles.kill_harness import _derived
from tests.profiles.load_harness import stocked

SECTOR = 512
Op = tuple[Any, ...]


def run(
    place: Path, points: int, seed: int = 0, rounds: int = 40, syncs: bool = True
) -> dict[str, int]:
    """points, acknowledged, lost, corrupt; and control_lost: the same with synchronous=NORMAL.

    syncs: every sync as well as the random moments.
    """
    chance = random.Random(seed)
    log = recorded(place / "full", rounds, normal=False)
    told = _tried(place / "full", log, _moments(log, points, chance, syncs), chance)
    log = recorded(place / "normal", rounds, normal=True)
    control = _tried(place / "normal", log, _moments(log, points // 2, chance, False), chance)
    return {
        **told,
        "control_points": control["points"],
        "control_lost": control["lost"] + control["corrupt"],
    }


def _moments(log: list[Op], points: int, chance: random.Random, syncs: bool) -> list[int]:
    """Places in the log, in order; before and after every sync where asked for."""
    marks = [i for i, op in enumerate(log) if syncs and op[0] == "sync"]
    some = chance.sample(range(len(log)), min(points, len(log)))
    return sorted({*marks, *(i + 1 for i in marks), *some})


def _tried(
    folder: Path, log: list[Op], moments: list[int], chance: random.Random
) -> dict[str, int]:
    told = {"points": len(moments), "acknowledged": 0, "lost": 0, "corrupt": 0}
    images, done, acks = Images(), 0, {}
    for number, moment in enumerate(moments):
        for op in log[done:moment]:
            if op[0] == "ack":
                acks[op[1]] = op[2:]
            else:
                images.take(op)
        done = moment
        after = folder.with_name("after")
        images.lay(folder, after, chance)
        outcome = _opened(after, acks, deep=number % 20 == 0)
        if outcome != "whole":
            told[outcome] += 1
    return {**told, "acknowledged": len(acks)}


class Images:
    """What is on the disk for sure, by path, and what is on its way there."""

    def __init__(self) -> None:
        self.kept: dict[str, bytearray] = {}
        self.coming: dict[str, list[Op]] = {}
        self.marks = [b""]

    def take(self, op: Op) -> None:
        what, path, *rest = op
        if what == "sync":
            for each in self.coming.pop(path, []):
                self._put(path, _changed(self.kept.get(path), each))
        elif what == "replace":  # synced before it was renamed, and the folder after
            self.kept[path] = bytearray(rest[0])
            self._folder_synced()
        elif what == "mark":
            self.marks = [*self.marks[-20:], rest[0]]
        else:
            self.coming.setdefault(path, []).append((what, *rest))

    def _folder_synced(self) -> None:
        """What was deleted before cannot come back."""
        for path, ops in self.coming.items():
            gone = max((i for i, op in enumerate(ops) if op[0] == "delete"), default=-1)
            if gone >= 0:
                self.kept.pop(path, None)
                self.coming[path] = ops[gone + 1 :]

    def lay(self, live: Path, to: Path, chance: random.Random) -> None:
        """Write the folder as it may be found after the power came back."""
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        part = chance.choice((0.0, 0.3, 0.7, 1.0))
        for path in {*self.kept, *self.coming}:
            found = self.kept.get(path)
            found = None if found is None else bytearray(found)
            for op in self.coming.get(path, []):
                if op[0] == "delete" and chance.random() >= part:
                    break  # the old file is still there, and what went into a new one is not
                found = _torn(found, op, part, chance)
            if found is not None:
                (to / Path(path).relative_to(live)).write_bytes(found)
        late = self.marks[-1] if chance.random() < 0.5 else chance.choice(self.marks)
        (to / f"{opening.FILE}.mark").write_bytes(late)

    def _put(self, path: str, found: bytearray | None) -> None:
        if found is None:
            self.kept.pop(path, None)
        else:
            self.kept[path] = found


def _torn(found: bytearray | None, op: Op, part: float, chance: random.Random) -> bytearray | None:
    """A part of a write arrives, by sectors; a truncation does or does not."""
    if op[0] != "write":
        return _changed(found, op) if op[0] == "delete" or chance.random() < part else found
    _, place, data = op
    start = place
    while start < place + len(data):
        end = min((start // SECTOR + 1) * SECTOR, place + len(data))
        if chance.random() < part:
            found = _changed(found, ("write", start, data[start - place : end - place]))
        start = end
    return found


def _changed(found: bytearray | None, op: Op) -> bytearray | None:
    """In place where there is something."""
    if op[0] == "delete":
        return None
    made = bytearray() if found is None else found
    if op[0] == "truncate":
        del made[op[1] :]
        made.extend(bytes(op[1] - len(made)))
        return made
    _, place, data = op
    made.extend(bytes(max(0, place - len(made))))
    made[place : place + len(data)] = data
    return made


def recorded(folder: Path, rounds: int, normal: bool) -> list[Op]:
    """Two lives of a store with clients; everything written, and what was acknowledged when."""
    disk = Disk(record=True)
    with under_sqlite(disk), _watched(disk, normal):
        folder.mkdir(parents=True)
        for life in range(2):
            with Store.open(folder) as store:
                _clients(store, disk, rounds, life)
    return disk.log


def _clients(store: Store, disk: Disk, rounds: int, life: int) -> None:
    """One thread: a power loss does not care who wrote, and the order is the same each time."""
    seats = [stocked(store, 6) for _ in range(3)]
    for k in range(rounds):
        profile, items = seats[k % 2]
        asked = store.add_question(profile, "text", items[:2])
        key = f"{life}-{k}"
        seq = store.add_answer(
            NewAnswer(asked.id, Outcome((items[0],)), key=key, note="x" * 300)
        ).seq
        disk.note("ack", key, profile, seq)
        if k % 7 == 6:
            target = store.undo(profile, "text", f"undo-{key}")
            disk.note("ack", f"undo-{key}", profile, target)
        if k % 9 == 8:
            store._writer.alone(store._writer.seal.checkpoint)
        if k == rounds // 2:
            store.delete_profile(seats[2][0])


@contextmanager
def _watched(disk: Disk, normal: bool) -> Iterator[None]:
    """What Python writes beside SQLite is recorded too: the seal, durable at once, and the mark."""
    whole, connect, os = seal.atomic_write, opening.connect, seal.os

    def replace(path: Path, data: bytes) -> None:
        whole(path, data)
        disk.note("replace", str(path), data)

    def mark(handle: int, data: bytes, place: int) -> int:
        disk.note("mark", "", data)
        return os.pwrite(handle, data, place)

    def loose(path: Path) -> Any:
        db = connect(path)
        db.conn.execute("PRAGMA synchronous=NORMAL")
        return db

    watched_os = mock.Mock(wraps=os, pwrite=mark, O_RDONLY=os.O_RDONLY, O_WRONLY=os.O_WRONLY)
    with (
        mock.patch.object(seal, "atomic_write", replace),
        mock.patch.object(seal, "os", watched_os),
        mock.patch.object(opening, "connect", loose if normal else connect),
    ):
        yield


def _opened(folder: Path, acks: dict[str, tuple], deep: bool) -> str:
    """whole, lost or corrupt."""
    try:
        with Store.open(folder) as store:
            rows = store.read(lambda db: db.execute(ROWS).fetchall())
            found = {key: (profile, seq) for profile, key, seq in rows}
            if len(found) != len(rows) or any(found.get(k) != a for k, a in acks.items()):
                return "lost"
            return "whole" if not deep or _goes_on(store) else "corrupt"
    except Damaged:
        return "corrupt"


ROWS = "SELECT profile_id, key, coalesce(target, seq) FROM answers"


def _goes_on(store: Store) -> bool:
    """Every row reads, what is derived fits the log, and a new answer is taken."""
    for profile in store.read(lambda db: [r[0] for r in db.execute("SELECT id FROM profiles")]):
        store.answer_rows(profile)
        before = _derived(store, profile)
        store.write(lambda db, p=profile: answers.rebuild(db, p))
        if before != _derived(store, profile):
            return False
    profile, items = stocked(store)
    asked = store.add_question(profile, "text", items[:2])
    return store.add_answer(NewAnswer(asked.id, Outcome((items[0],)), key="after")).seq == 1
