"""One bit changes under a running store: what do its reads say, and what does the look-over?

Sums of rows cover the answers, questions, reasons, states and vectors at every read; the other
tables have none. `run` says how far that goes: noticed (a read says so), same (every read gives
what was written: the byte is not in use, or SQLite still has its page), wrong. `told`: what
comparing the file with its seal, as copies.py does every five minutes, says of all of them.
"""

import random
from pathlib import Path
from typing import Any

from profiles.store import Damaged, Store
from tests.profiles.flips import copied, flipped, made

KINDS = ("picture", "text")


def run(place: Path, flips: int, seed: int = 0) -> dict[str, int]:
    """running, running_noticed, running_same, running_wrong, running_told."""
    chance, folder = random.Random(seed), made(place / "closed", "closed")
    with Store.open(copied(folder, place / "work")) as store:
        truth = _read(store)
    told = {"running": flips, "noticed": 0, "same": 0, "wrong": 0, "told": 0}
    for _ in range(flips):
        with Store.open(copied(folder, place / "work")) as store:
            flipped(store.folder, chance)
            told[_outcome(store, truth)] += 1
            try:
                store.compare()
            except Damaged:
                told["told"] += 1
    return {k if k == "running" else f"running_{k}": n for k, n in told.items()}


def _outcome(store: Store, truth: dict[str, Any]) -> str:
    try:
        return "same" if _read(store) == truth else "wrong"
    except Damaged:
        return "noticed"


def _read(store: Store) -> dict[str, Any]:
    """All that the studio ever asks the store for."""
    found: dict[str, Any] = {}
    for user in range(1, 6):
        found[f"user {user}"] = [
            store.profiles(user), store.events(user, 500), store.work.jobs(user),
            *(store.items(kind, user) for kind in KINDS),
        ]  # fmt: skip
        for profile in store.profiles(user):
            found[f"profile {profile.id}"] = list(_of_profile(store, profile.id))
    hashes = [item.hash for item in store.items("text", None)]
    for i in range(3):
        vectors = store.some_embeddings(f"space {i}", hashes)
        found[f"vectors {i}"] = {k: v.tobytes() for k, v in vectors.items()}
    found["logins"] = [store.session_user(bytes([n]) * 32, 1e9) for n in range(1, 6)]
    found["users"] = [store.user(f"ann {n}") for n in range(1, 6)]
    return found


def _of_profile(store: Store, profile: int) -> Any:
    yield from (store.answer_rows(profile), store.counts(profile), store.generations(profile))
    yield from (store.work.adapters(profile), store.reasons.of(profile), store.judging.of(profile))
    for kind in KINDS:
        yield store.replay(profile, kind)
        yield [store.open_question(profile, kind, form) for form in ("pair", "grid")]
        for version in store.versions(profile, kind):
            arrays = store.version_arrays(version.id)
            yield version, {k: v.tobytes() for k, v in sorted(arrays.items())}
