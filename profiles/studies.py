"""Studies of the store: participants, fixed plans, their answers; the SQL stands in study_rows.py.

Every write is durable on return, as all of the store's are.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlite_utils import Database

from profiles import rowsums, study_rows
from profiles.study_rows import Agreed, Place, Session

Do = Callable[[Callable[[Database], Any]], Any]


class Studies:
    """Made with the store's own `read` and `write`, and its folder."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.read: Do = store.read
        self.write: Do = store.write

    def register(self, user: int, name: str, source: str) -> tuple[int, int, bytes]:
        """(study, edition, salt) of a file; rows are made when they are not there."""

        def work(db: Database) -> tuple[int, int, bytes]:
            return study_rows.register(db, user, name, source, time.time())

        made: tuple[int, int, bytes] = self.write(work)
        return made

    def find(self, user: int, name: str) -> tuple[int, bytes] | None:
        """(study, salt) where it is known."""
        row = self.read(lambda db: study_rows.find(db, user, name))
        return None if row is None else (int(row["id"]), bytes(row["salt"]))

    def of_user(self, user: int) -> list[dict[str, Any]]:
        """Every study that has at least one participant, with the file it was last run with."""
        return list(self.read(lambda db: study_rows.of_user(db, user)))

    def named(self, name: str) -> list[tuple[int, int]]:
        """(study, user) of everything called so."""
        rows = self.read(lambda db: rowsums.select(db, "studies", "ORDER BY id"))
        return [(int(row["id"]), int(row["user_id"])) for row in rows if row["name"] == name]

    def name(self, user: int, study: int) -> str | None:
        """Of a study of this user; None where it is not there or not theirs."""
        rows = self.read(lambda db: rowsums.select(db, "studies", "WHERE id = ?", [study]))
        return str(rows[0]["name"]) if rows and rows[0]["user_id"] == user else None

    def source(self, edition: int) -> str:
        rows = self.read(lambda db: rowsums.select(db, "study_editions", "WHERE id = ?", [edition]))
        return str(rows[0]["source"])

    def session(self, study: int, hashed: bytes) -> Session | None:
        found: Session | None = self.read(lambda db: study_rows.session(db, study, hashed))
        return found

    def many(self, study: int) -> int:
        """How many agreed so far."""
        return len(self.read(lambda db: study_rows.sessions(db, study)))

    def begin(self, agreed: Agreed) -> Session:
        """Store consent, participant and plan at once; the second time: what was stored."""
        self.store.put_media(list(agreed.own.values()))

        def work(db: Database) -> Session:
            self.store.put_media(list(agreed.own.values()))  # a deletion may just have come by
            return study_rows.begin(db, agreed, time.time())

        made: Session = self.write(work)
        return made

    def place(self, profile: int) -> Place | None:
        """The question that is due; None when all are answered."""
        found: Place | None = self.read(lambda db: study_rows.place(db, profile))
        return found

    def show(self, profile: int) -> Place | None:
        """The same, noted as shown now."""
        found: Place | None = self.write(lambda db: study_rows.show(db, profile, time.time()))
        return found

    def answer(self, profile: int, given: Mapping[str, Any]) -> Place | None:
        """Durable on return. The next place, noted as shown unless a new block begins there."""

        def work(db: Database) -> Place | None:
            now = time.time()
            before = study_rows.place(db, profile)
            study_rows.answer(db, profile, given, before, now)
            after = study_rows.place(db, profile)
            same = before is not None and after is not None and after.block == before.block
            return study_rows.show(db, profile, now) if same else after

        found: Place | None = self.write(work)
        return found

    def shows(self, profile: int, item: int) -> bool:
        """Whether the plan of this participant shows the item."""
        known = (
            "SELECT 1 FROM study_questions p JOIN questions q ON q.id = p.question_id,"
            " json_each(q.items) j WHERE p.profile_id = ? AND j.value = ?"
        )
        return self.read(lambda db: db.execute(known, [profile, item]).fetchone()) is not None

    def sittings(self, study: int) -> list[dict[str, Any]]:
        """One row a participant: how far, how long, attention passed. Joins what has no sum for a
        whole, so the file is compared first.
        """
        self.store.compare()
        return list(self.read(lambda db: study_rows.sittings(db, study)))

    def remove(self, study: int, participant: str | None = None) -> dict[str, Any]:
        """Delete a study, or one participant of it, with all answers; says what went, what is left.

        KeyError when there is no such participant.
        """
        told: dict[str, Any] = self.store.erase(
            lambda db: study_rows.remove(db, study, participant)
        )
        return told
