"""Store: the one door to a data folder.

Reads run on read-only connections in the caller's thread. Every write goes to the one writer
thread and returns after the durable commit. What a method does in SQL stands in the file named
after its noun; this file says who may call what, and opens and closes everything.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from sqlite_utils import Database

from engine.data import Array, Candidate, Comparison, Kind, Question
from profiles import answers, deletion, items, opening, people, questions, starts, states, verdicts
from profiles.audit import Audit
from profiles.backups import FILE, backup_from, holding
from profiles.errors import Busy, Conflict, Damaged, TooNew, Unwritable
from profiles.judging import Judging
from profiles.logins import Logins
from profiles.opening import explained
from profiles.profile import Profile, User
from profiles.readers import Readers
from profiles.reasons import Reasons
from profiles.records import Answer, NewAnswer, NewItem, NewQuestion, Version
from profiles.reserve import spend
from profiles.seal import Seal
from profiles.starts import Starts
from profiles.work import Work
from profiles.writer import Writer

__all__ = [
    "Answer", "Busy", "Conflict", "Damaged", "NewAnswer", "NewItem", "Profile", "Store", "TooNew",
    "Unwritable", "User", "Version",
]  # fmt: skip
T = TypeVar("T")


class Store:
    """Open with `Store.open(folder)`; close it, or use it in a `with` block. Thread-safe."""

    def __init__(self, folder: Path, lock: FileLock, writer: Writer) -> None:
        self.folder = folder
        self._lock, self._writer = lock, writer
        self._readers = Readers(folder / FILE)
        self._local: int | None = None
        self.work = Work(self.read, self.write)
        self.reasons = Reasons(self.read, self.write)
        self.judging = Judging(self.read, self.write)
        self.starts = Starts(self.read, self.write)
        self.audit, self.logins = Audit(self.read, self.write), Logins(self.read, self.write)

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """Make the folder when missing, hold it, check the file, bring it up to date.

        Busy: another process has it. TooNew, Damaged: the file; the message names the cure.
        """
        folder = Path(folder).absolute()
        lock = opening.lock_folder(folder)
        path = folder / FILE
        seal = Seal(path)
        writer = Writer(
            lambda: opening.open_checked(folder, seal), lambda: opening.connect(path), seal
        )
        store = cls(folder, lock, writer)
        try:
            writer.start()
            items.sweep(folder / opening.MEDIA, set(store.read(items.with_media)))
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish queued writes, close every connection, let the folder go."""
        self._readers.close()
        self._writer.close()
        self._lock.release()

    def read(self, work: Callable[[Database], T]) -> T:
        """Run `work` on a read-only connection that sees one consistent moment."""
        with explained(self.folder), self._readers.lend() as db:
            return work(db)

    def write(self, work: Callable[[Database], T]) -> T:
        """Run `work` in the writer's next transaction; all of it is stored or none."""
        with explained(self.folder):
            return self._writer.write(work)

    # users and sessions

    def local_user(self) -> int:
        """The single user when nobody logs in; made on first use."""
        if self._local is None:
            self._local = self.write(lambda db: people.local_user(db, time.time()))
        return self._local

    def put_user(self, name: str, password_hash: str) -> int:
        return self.write(lambda db: people.put_user(db, name, password_hash, time.time()))

    def user(self, name: str) -> User | None:
        return self.read(lambda db: people.user(db, name))

    def add_session(self, user_id: int, token_hash: bytes, expires: float) -> None:
        now = time.time()
        self.write(lambda db: people.add_session(db, user_id, token_hash, expires, now))

    def session_user(self, token_hash: bytes, now: float) -> int | None:
        return self.read(lambda db: people.session_user(db, token_hash, now))

    def end_session(self, token_hash: bytes) -> None:
        self.write(lambda db: people.end_session(db, token_hash))

    # profiles

    def add_profile(
        self, user_id: int, name: str = "", purpose: str = "", colour: str = ""
    ) -> Profile:
        """A new profile; one that was given a name counts as named."""
        new = Profile(0, user_id, name, purpose, colour, time.time(), bool(name))
        return self.write(lambda db: people.add_profile(db, new))

    def profiles(self, user_id: int) -> list[Profile]:
        return self.read(lambda db: people.profiles(db, user_id))

    def profile(self, profile_id: int) -> Profile:
        return self.read(lambda db: people.profile(db, profile_id))

    def change_profile(self, profile_id: int, **fields: str | bool) -> Profile:
        """Change name, purpose, colour, named."""
        return self.write(lambda db: people.change_profile(db, profile_id, fields))

    def delete_profile(self, profile_id: int) -> dict[str, Any]:
        """Remove everything of a profile; returns what went, what is left, and where copies are."""
        return self.erase(lambda db: ([profile_id], *deletion.remove_rows(db, profile_id)))

    def erase(
        self, work: Callable[[Database], tuple[list[int], dict[str, int], list[str]]]
    ) -> dict[str, Any]:
        """`work` removes rows; it returns (profiles, rows per table, content nobody uses)."""
        profiles, gone, hashes = spend(self.folder, lambda: self.write(work))
        media = self.folder / opening.MEDIA
        files = self._writer.alone(lambda db: items.remove_media(db, media, hashes))
        scrubbed = self._writer.alone(lambda db: deletion.scrub(db, self._writer.emptied))
        left = self.read(lambda db: sum(deletion.left(db, p) for p in profiles))
        done = {"removed": {**gone, "media": files}, "left": left, "scrubbed": scrubbed}
        return {**done, "backups": holding(self.folder, profiles)}

    # items and their vectors

    def add_items(
        self, kind: Kind, rows: Sequence[NewItem], owner: int | None, profile: int | None = None
    ) -> list[int]:
        """Ids in the order of rows; the same content of the same owner keeps its id.

        `profile`: where an own item was added, so that it goes when that profile goes.
        """
        for row in rows:
            items.check(kind, row)
        self.put_media(rows)
        who, now = (owner, profile), time.time()

        def work(db: Database) -> list[int]:
            self.put_media(rows)  # a deletion may just have removed what was there above
            return items.add(db, kind, rows, who, now)

        return self.write(work)

    def items(self, kind: Kind, user_id: int | None) -> list[Candidate]:
        """The shared items and the user's own, without the retired, by id."""
        return self.read(lambda db: items.of_user(db, kind, user_id))

    def item(self, item_id: int) -> Candidate:
        return self.read(lambda db: items.get(db, item_id))

    def item_owner(self, item_id: int) -> int | None:
        return self.read(lambda db: items.owner(db, item_id))

    def media_path(self, digest: str) -> Path:
        return items.media_path(self.folder / opening.MEDIA, digest)

    def put_media(self, rows: Sequence[NewItem]) -> None:
        """Write the bytes of items that have some, before rows name them."""
        items.write_media(self.folder / opening.MEDIA, rows)

    def retire_item(self, item_id: int) -> None:
        """Never offered again; answers about it stay."""
        self.write(lambda db: items.retire(db, item_id))

    def put_embeddings(self, space: str, hashes: Sequence[str], matrix: Array) -> None:
        """matrix: (len(hashes), d), finite; stored as float32."""
        rows = np.ascontiguousarray(matrix, dtype="<f4")
        if rows.ndim != 2 or len(rows) != len(hashes) or not np.isfinite(rows).all():
            raise ValueError(
                f"{len(hashes)} hashes need a finite ({len(hashes)}, d) matrix, got "
                f"shape {rows.shape}"
            )
        self.write(lambda db: items.put_embeddings(db, space, hashes, rows))

    def embeddings(self, space: str, hashes: Sequence[str]) -> Array:
        """(len(hashes), d) float32 in the order of hashes."""
        return self.read(lambda db: items.embeddings(db, space, hashes))

    def some_embeddings(self, space: str, hashes: Sequence[str]) -> dict[str, Array]:
        """The vectors (d,) there are, by hash."""
        return self.read(lambda db: items.some_embeddings(db, space, hashes))

    def missing_embeddings(self, space: str, hashes: Sequence[str]) -> list[str]:
        return self.read(lambda db: items.missing_embeddings(db, space, hashes))

    # questions

    def add_question(
        self,
        profile_id: int,
        kind: Kind,
        shown: Sequence[int],
        rule: str = "uniform",
        repeat_of: int | None = None,
    ) -> Question:
        """Fix what will be shown, in display order, and why. Rule "like" is never asked again."""
        new = NewQuestion(profile_id, kind, tuple(int(i) for i in shown), rule, repeat_of)
        return self.write(lambda db: questions.add(db, new, time.time()))

    def question(self, question_id: int) -> Question:
        return self.read(lambda db: questions.get(db, question_id))

    def open_question(self, profile_id: int, kind: Kind, form: str) -> Question | None:
        """The question in front of the person after a reload; one taken back comes again."""
        return self.read(lambda db: answers.open_question(db, profile_id, kind, form))

    def count_questions(self, profile_id: int, kind: Kind) -> int:
        return self.read(lambda db: questions.count(db, profile_id, kind))

    # the answers log

    def add_answer(self, new: NewAnswer, then: NewQuestion | None = None) -> Answer:
        """Durable on return. The same key and content again: the same receipt, duplicate=True.
        `then` is fixed in the same write, if it still can be asked: see Answer.following.
        """
        return self.write(lambda db: answers.add(db, new, time.time(), then))

    def receipt(self, profile_id: int, key: str) -> Answer | None:
        """What was stored under this key before, if anything."""
        return self.read(lambda db: answers.receipt(db, profile_id, key))

    def undo(self, profile_id: int, kind: Kind, key: str) -> int | None:
        """Take back the last answer that counts (a row of its own); its seq, or None."""
        return self.write(lambda db: answers.undo(db, profile_id, kind, key, time.time()))

    def redo(self, profile_id: int, kind: Kind, key: str) -> int | None:
        """Put the answer that was last taken back in again; its seq, or None."""
        return self.write(lambda db: answers.redo(db, profile_id, kind, key, time.time()))

    def back_to(self, profile_id: int, kind: Kind, seq: int, key: str) -> int:
        """Take every answer after `seq` back, in one write; how many. `key` is new each time."""
        place, now = (profile_id, kind), time.time()
        return self.write(lambda db: answers.back_to(db, place, seq, key, now))

    def can_redo(self, profile_id: int, kind: Kind) -> bool:
        return self.read(lambda db: answers.can_redo(db, profile_id, kind))

    def last_answer(self, profile_id: int, kind: Kind) -> Comparison | None:
        """The last answer that counts."""
        return self.read(lambda db: answers.last(db, profile_id, kind))

    def comparisons(self, profile_id: int, kind: Kind, after: int = 0) -> list[Comparison]:
        """The answers that count with a seq above `after`, in order."""
        return [made for made, _ in self.replay(profile_id, kind, after)]

    def replay(
        self, profile_id: int, kind: Kind, after: int = 0
    ) -> list[tuple[Comparison, float | None]]:
        """Like comparisons, each with the probability it was predicted at."""
        return self.read(lambda db: answers.replay(db, profile_id, kind, after))

    def answer_rows(self, profile_id: int) -> list[dict[str, Any]]:
        """Every row of the log, what was taken back included, in order."""
        return self.read(lambda db: answers.rows(db, profile_id))

    def counts(self, profile_id: int) -> dict[str, int]:
        """Answers that count and say something, per kind; rows of the log."""
        return self.read(lambda db: answers.counts(db, profile_id))

    # derived states

    def put_version(  # noqa: PLR0913 - the key of a state has five parts
        self,
        profile_id: int,
        kind: Kind,
        method: str,
        space: str,
        seq: int,
        arrays: Mapping[str, NDArray[Any]],
        note: str = "",
    ) -> int:
        """Store a state built from the answers up to `seq`."""
        new, packed = Version(0, kind, method, space, seq, time.time(), note), states.pack(arrays)
        return self.write(lambda db: states.put_version(db, profile_id, new, packed))

    def versions(self, profile_id: int, kind: Kind) -> list[Version]:
        """Newest first."""
        return self.read(lambda db: states.versions(db, profile_id, kind))

    def version_arrays(self, version_id: int) -> dict[str, NDArray[Any]]:
        return self.read(lambda db: states.arrays(db, version_id))

    def version_within(
        self, profile_id: int, kind: Kind, method: str, space: str, seqs: AbstractSet[int]
    ) -> Version | None:
        """The highest version whose seq is one of `seqs`: built from answers that all count.

        An answer that counts was pushed on top of those below it, and they are still below it;
        so a state built when it was the last one knows no answer that was taken back. A state that
        does not know a verdict on one of its answers, or the start it is to have, is passed over.
        """
        found = self.read(lambda db: states.of_method(db, profile_id, kind, method, space))
        judged = self.read(lambda db: verdicts.rows(db, profile_id))
        known = [j for j in judged if j.seq in seqs]
        taken = self.read(lambda db: starts.rows(db, profile_id))
        start = starts.holding(taken, kind, space, seqs)
        mine = (v for v in found if v.seq in seqs and starts.fresh(v, start))
        return next((v for v in mine if verdicts.fresh(v, known)), None)

    # generations, jobs, events

    def add_generation(  # noqa: PLR0913 - a generation is made of these
        self,
        profile_id: int,
        kind: Kind,
        prompt: str,
        seed: int,
        strength: float,
        request: Mapping[str, Any],
        results: Sequence[Any],
    ) -> int:
        made = {
            "kind": kind, "prompt": prompt, "seed": seed, "strength": float(strength),
            "request": json.dumps(dict(request)), "results": json.dumps(list(results)),
        }  # fmt: skip
        return self.write(lambda db: states.add_generation(db, profile_id, made, time.time()))

    def generations(
        self, profile_id: int, limit: int = 50, kind: Kind | None = None, before: int | None = None
    ) -> list[dict[str, Any]]:
        """Newest first; of one kind, and older than the one called `before`, where given."""
        return self.read(lambda db: states.generations(db, profile_id, limit, kind, before))

    def remove_generation(self, profile_id: int, number: int) -> None:
        self.write(lambda db: states.remove_generation(db, profile_id, number))

    def generation(self, profile_id: int, number: int) -> dict[str, Any]:
        return self.read(lambda db: states.generation(db, profile_id, number))

    def add_event(
        self,
        user_id: int | None,
        what: str,
        detail: Mapping[str, Any] | None = None,
        profile_id: int | None = None,
    ) -> int:
        text, who = json.dumps(dict(detail or {})), (user_id, profile_id)
        return self.write(lambda db: people.add_event(db, who, what, text, time.time()))

    def events(self, user_id: int, limit: int = 50) -> list[dict[str, Any]]:
        """Newest first."""
        return self.read(lambda db: people.events(db, user_id, limit))

    # care

    @property
    def commits(self) -> int:
        """How many transactions were committed since opening: below the writes under load."""
        return self._writer.commits

    def compare(self) -> None:
        """Damaged unless every byte of the file is still as it was written."""
        with explained(self.folder):
            self._writer.compare()

    def backup(self, to: Path | None = None, reason: str = "on-demand") -> Path:
        """Copy the database while it is in use: to `to`, or into backups/ (the last ten stay)."""
        self.compare()
        with explained(self.folder), self._readers.lend() as db:
            return backup_from(db, self.folder, reason, to)
