"""One bit changes under a running store: what do its reads say, and what does the look-over?

`run` says how each flip ends: noticed (a read says so), same (every read gives what was written:
the byte is not in use, or SQLite still has its page), wrong (a value that is not what was written,
or the word that something is not there). `told`: what comparing the file with its seal, as
copies.py does every five minutes, says of all of them. The second value names the wrong reads.

Bundles, exports and the sittings of a study compare the whole file first: they are not in this.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from profiles import captions, examples
from profiles.notes import Notes
from profiles.store import Damaged, Store
from profiles.studies import Studies
from tests.profiles.flips import copied, flipped, made

KINDS = ("picture", "text")
FORMS = ("pair", "grid")
Reads = dict[str, Callable[[Store], Any]]


def run(place: Path, flips: int, seed: int = 0) -> tuple[dict[str, int], Counter[str]]:
    """running, running_noticed, _same, _wrong, _told; and the reads that were wrong."""
    chance, folder = random.Random(seed), made(place / "closed", "closed")
    with Store.open(copied(folder, place / "work")) as store:
        asked = reads(store)
        truth = {name: read(store) for name, read in asked.items()}
    told, wrong = dict.fromkeys(("noticed", "same", "wrong", "told"), 0), Counter[str]()
    for _ in range(flips):
        with Store.open(copied(folder, place / "work")) as store:
            flipped(store.folder, chance)
            outcome, bad = _outcome(store, asked, truth)
            told[outcome] += 1
            wrong.update(bad)
            try:
                store.compare()
            except Damaged:
                told["told"] += 1
    return {"running": flips} | {f"running_{k}": n for k, n in told.items()}, wrong


def _outcome(store: Store, asked: Reads, truth: dict[str, Any]) -> tuple[str, list[str]]:
    """Each read by itself: that another one notices is no excuse for a wrong value."""
    noticed, wrong = False, []
    for name, read in asked.items():
        try:
            if read(store) != truth[name]:
                wrong.append(name)
        except Damaged:
            noticed = True
        except KeyError:
            wrong.append(f"{name}: said to be missing")
    return ("wrong" if wrong else "noticed" if noticed else "same"), wrong


def reads(store: Store) -> Reads:
    """All that the studio ever asks a store for, by name; this one says what there is to ask."""
    people = {user: store.profiles(user) for user in range(1, 6)}
    mine = [(user, p.id) for user, found in people.items() for p in found]
    return {
        **_of_everybody(store),
        **{name: read for user in people for name, read in _of_user(store, user)},
        **{name: read for user, p in mine for name, read in _of_profile(store, user, p)},
        **{name: read for _, p in mine for k in KINDS for name, read in _of_taste(store, p, k)},
    }


def _of_everybody(store: Store) -> Reads:
    hashes = [item.hash for kind in KINDS for item in store.items(kind, 1)]
    spaces = ("space 0", "space 1", "space 2", "starter:picture")
    made: Reads = {
        "users by name": lambda s: [s.user(f"ann {n}") for n in range(1, 6)],
        "users": lambda s: s.logins.users(),
        "password hashes": lambda s: [s.logins.password_hash(n) for n in range(1, 6)],
        "sessions": lambda s: [s.session_user(bytes([n]) * 32, 1e9) for n in range(1, 6)],
        "sessions and tokens": lambda s: s.logins.held(),
        "open jobs": lambda s: s.work.open_jobs(),
        "everybody's jobs": lambda s: s.logins.jobs(),
        "audit": lambda s: s.audit.newest(),
        "a page of the audit": lambda s: s.audit.newest(2, 4),
        "studies by name": lambda s: Studies(s).named("tea"),
        "the local user": lambda s: s.local_user(),
    }
    for space in spaces:
        made[f"vectors {space}"] = lambda s, space=space: {
            k: v.tobytes() for k, v in s.some_embeddings(space, hashes).items()
        }
        made[f"to encode {space}"] = lambda s, space=space: s.missing_embeddings(space, hashes)
    for study, user in Studies(store).named("tea"):
        made |= {f"{name} of study {study}": read for name, read in _of_study(store, study, user)}
    return made


def _of_study(store: Store, study: int, user: int) -> Iterator[tuple[str, Callable[[Store], Any]]]:
    yield "list", lambda s: Studies(s).of_user(user)
    yield "place by name", lambda s: Studies(s).find(user, "tea")
    yield "name", lambda s: Studies(s).name(user, study)
    yield "file", lambda s: Studies(s).source(study)
    yield "participant", lambda s: Studies(s).session(study, b"c" * 32)
    yield "count", lambda s: Studies(s).many(study)
    session = Studies(store).session(study, b"c" * 32)
    assert session is not None
    yield "due", lambda s: Studies(s).place(session.profile)
    yield "log", lambda s: s.answer_rows(session.profile)


def _of_user(store: Store, user: int) -> Iterator[tuple[str, Callable[[Store], Any]]]:
    yield f"profiles {user}", lambda s: s.profiles(user)
    yield f"examples {user}", lambda s: examples.of(s, user)
    yield f"events {user}", lambda s: s.events(user, 500)
    yield f"newest events {user}", lambda s: s.events(user, 3)
    yield f"jobs {user}", lambda s: s.work.jobs(user)
    yield f"helping {user}", lambda s: s.starts.helping(user)
    yield f"starts held {user}", lambda s: s.starts.held(user)
    yield f"settings {user}", lambda s: _notes(s).last_of_user(user, "language")
    for kind in KINDS:
        yield f"{kind} items {user}", lambda s, k=kind: s.items(k, user)
        for item in store.items(kind, user):
            yield f"item {item.id}", lambda s, i=item.id: (s.item(i), s.item_owner(i))


def _of_profile(store: Store, user: int, p: int) -> Iterator[tuple[str, Callable[[Store], Any]]]:
    yield f"profile {p}", lambda s: s.profile(p)
    yield f"log {p}", lambda s: s.answer_rows(p)
    yield f"counts {p}", lambda s: s.counts(p)
    yield f"generations {p}", lambda s: s.generations(p)
    yield f"newest text {p}", lambda s: s.generations(p, 1, "text")
    yield f"adapters {p}", lambda s: s.work.adapters(p)
    yield f"last job {p}", lambda s: s.work.last_job(p)
    yield f"reasons {p}", lambda s: s.reasons.of(p)
    yield f"verdicts {p}", lambda s: s.judging.of(p)
    yield f"captions {p}", lambda s: s.read(lambda db: captions.holding(db, p))
    yield f"compass {p}", lambda s: _notes(s).of_profile(p, "compass")
    yield f"start {p}", lambda s: s.starts.of(p, "text", "space 0")
    for n in range(1, 15):
        yield f"answer {n} of {p}", lambda s, n=n: s.judging.one(p, n)
    for row in store.generations(p):
        yield f"generation {row['id']}", lambda s, g=row["id"]: s.generation(p, g)
    for row in store.answer_rows(p):
        yield f"question {row['question']}", lambda s, q=row["question"]: s.question(q)
        yield f"receipt {row['key']} {p}", lambda s, k=row["key"]: s.receipt(p, k)


def _of_taste(store: Store, p: int, kind: Any) -> Iterator[tuple[str, Callable[[Store], Any]]]:
    yield f"{kind} replay {p}", lambda s: s.replay(p, kind)
    yield f"{kind} last {p}", lambda s: s.last_answer(p, kind)
    yield f"{kind} redo {p}", lambda s: s.can_redo(p, kind)
    yield f"{kind} counted {p}", lambda s: s.starts.counted(p, kind)
    yield f"{kind} questions {p}", lambda s: s.count_questions(p, kind)
    yield f"{kind} open {p}", lambda s: [s.open_question(p, kind, form) for form in FORMS]
    yield f"{kind} versions {p}", lambda s: s.versions(p, kind)
    place = (p, kind, "bt", f"starter:{kind}")
    yield f"{kind} newest {p}", lambda s: s.version_within(*place, s.starts.counted(p, kind))
    for version in store.versions(p, kind):
        yield (
            f"state {version.id}",
            lambda s, v=version.id: {
                k: a.tobytes() for k, a in sorted(s.version_arrays(v).items())
            },
        )


def _notes(store: Store) -> Notes:
    return Notes(store.read, store.write)
