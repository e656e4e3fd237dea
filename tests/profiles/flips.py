"""One byte of a data folder changes: is it noticed before a wrong value is used?

`run(place, flips, seed)` changes one random bit of the database file or of its log, opens the
folder, and reads everything. detected: the folder is not opened, or a read says so. mended: a log
that is damaged and in the file already is thrown away. harmless: the byte is in no use: every row
reads as it was written and the indexes agree. wrong: anything else.
"""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from profiles import opening
from profiles.store import Damaged, Store
from profiles.studies import Studies
from profiles.study_rows import Agreed, Entry
from tests.profiles.desk import full_desk

Rows = dict[str, list[tuple]]
STATES = ("closed", "killed", "idle")


def run(place: Path, flips: int, seed: int = 0) -> dict[str, Any]:
    """Figures over all flips, and rows by the state of the folder and the file."""
    chance = random.Random(seed)
    folders = {state: made(place / state, state) for state in STATES}
    truth = {state: _read(copied(folder, place / "work"))[0] for state, folder in folders.items()}
    told: Counter[tuple[str, str, str]] = Counter()
    for number in range(flips):
        state = STATES[number % len(STATES)]
        folder = copied(folders[state], place / "work")
        file = flipped(folder, chance)
        told[state, file, _outcome(folder, truth[state])] += 1
    figures = {"flips": flips, "detected": 0, "mended": 0, "harmless": 0, "wrong": 0}
    for (_, _, outcome), count in told.items():
        figures[outcome] += count
    rows = [{"state": s, "file": f, "outcome": o, "flips": n} for (s, f, o), n in told.items()]
    return {"figures": figures, "rows": sorted(rows, key=lambda row: tuple(map(str, row.values())))}


def made(folder: Path, state: str) -> Path:
    """A folder as a closed studio leaves it, a killed one, or one killed while nobody asked."""
    live = folder.with_name(folder.name + "-live") if state != "closed" else folder
    store = Store.open(live)
    try:
        _stock(store, 3)
        if state != "closed":
            store._writer.alone(store._writer.seal.checkpoint)
            _stock(store, 2)
        if state == "idle":
            store._writer.alone(store._writer.seal.checkpoint)
        if state != "closed":
            # The mark of the last commit follows its answer by some microseconds: let it come.
            store._writer.alone(lambda db: None)
            copied(live, folder)  # what the disk holds at a kill
    finally:
        store.close()
    return folder


def copied(folder: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(
        shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*-shm", "*.lock", "*.reserve"))
    )


def flipped(folder: Path, chance: random.Random) -> str:
    """Change one bit of a random byte of the file and its log together; which of them it was."""
    files = [p for p in (folder / opening.FILE, folder / f"{opening.FILE}-wal") if p.exists()]
    place = chance.randrange(sum(p.stat().st_size for p in files))
    if place >= files[0].stat().st_size:
        place -= files[0].stat().st_size
        files = files[1:]
    with open(files[0], "r+b") as stream:
        stream.seek(place)
        old = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([old ^ 1 << chance.randrange(8)]))
    return "wal" if files[0].name.endswith("-wal") else "db"


def _outcome(folder: Path, truth: Rows) -> str:
    try:
        found, mended = _read(folder)
    except Damaged as said:
        assert "restore-backup" in str(said) or "no backup" in str(said), said
        return "detected"
    return "wrong" if found != truth else "mended" if mended else "harmless"


def _read(folder: Path) -> tuple[Rows, bool]:
    """Every row of every table, and what SQLite says about the indexes; was the log mended?"""
    with Store.open(folder) as store:
        return store.read(lambda db: dict(_tables(db))), store._writer.seal.mended


def _tables(db: Any) -> Iterator[tuple[str, list[tuple]]]:
    for name in db.table_names():
        if not name.startswith("sqlite_"):
            rows = db.execute(f'SELECT * FROM "{name}"').fetchall()
            yield name, sorted(rows, key=repr)
    yield "integrity", db.execute("PRAGMA integrity_check").fetchall()


def _stock(store: Store, desks: int) -> None:
    """Something in every table that a person's use fills."""
    for i in range(desks):
        desk = full_desk(store)
        user = store.put_user(f"ann {desk.profile}", "argon2 " + "x" * 90)
        store.add_session(user, bytes([desk.profile]) * 32, 4e9)
        turned = {"medium": "text", "plane": ["plain", "warm"], "angle": i}
        store.add_event(desk.user, "compass", turned, desk.profile)
        store.judging.give(desk.user, desk.profile, 1, "flip", f"verdict-{i}")
        store.starts.help(desk.user, desk.profile, True)
        job = store.work.add_job(desk.user, "tune", {"steps": 5}, desk.profile)
        store.work.change_job(job, "done", {"step": 5})
        store.work.add_job(desk.user, "fit", {"waits": True}, desk.profile)
        store.work.add_adapter(
            desk.profile,
            {"job_id": job, "name": "mine", "kind": "text", "base": "b", "digest": "d" * 64,
             "card": {"steps": 5}},
        )  # fmt: skip
        store.add_generation(desk.profile, "text", "the sea", 1, 0.5, {"n": 2}, ["a" * 900, "b"])
        rng = np.random.default_rng(i)
        hashes = [c.hash for c in store.items("text", None)]
        store.put_embeddings(f"space {i}", hashes, rng.standard_normal((len(hashes), 96)))
        store.audit.note(user, "login", desk=i)
        store.logins.add_token(user, bytes([100 + desk.profile]) * 32, "program", "mine", None)
        store.add_event(user, "language", {"language": "de"})
        store.add_generation(desk.profile, "picture", "the sea", 2, 0.5, {"n": 1}, ["c"])
    _studied(store)


def _studied(store: Store) -> None:
    """A participant after one of three questions, in a study of somebody's."""
    user = store.put_user("researcher", "argon2 x")
    studies = Studies(store)
    study, edition, _ = studies.register(user, "tea", "[study]\nname = 'tea'\n")
    hashes = [item.hash for item in store.items("text", None)]
    plan = tuple(Entry((hashes[i], hashes[i + 1]), ("a", "b"), 0, "plain", "x") for i in range(3))
    begun = studies.session(study, b"c" * 32)
    agreed = Agreed(user, study, edition, b"c" * 32, "e" * 64, "text", {"language": "en"}, plan, {})
    session = studies.begin(agreed)
    due = studies.show(session.profile)
    if begun is None and due is not None:
        outcome = {"picks": [due.question.items[0]]}
        given = {"question_id": due.question.id, "outcome": outcome, "key": "s1"}
        studies.answer(session.profile, given)
