"""What a person set or wrote beside the answers: events by name, never changed, newest last."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlite_utils import Database

from profiles import people, rowsums


class Notes:
    """Made with the store's own `read` and `write`."""

    def __init__(
        self, read: Callable[[Callable[[Database], Any]], Any],
        write: Callable[[Callable[[Database], Any]], Any],
    ) -> None:  # fmt: skip
        self.read, self.write = read, write

    def add(self, user: int, profile: int | None, what: str, detail: Mapping[str, Any]) -> int:
        """One more; what was there before stays in the log. Goes when its profile goes."""
        text = json.dumps(dict(detail))
        return int(
            self.write(lambda db: people.add_event(db, (user, profile), what, text, time.time()))
        )

    def of_profile(self, profile: int, what: str) -> list[dict[str, Any]]:
        """All of one name, oldest first."""
        rows = self.read(lambda db: people.notes(db, profile, what))
        return [json.loads(row["detail"]) for row in rows]

    def last_of_user(self, user: int, what: str) -> dict[str, Any] | None:
        """The newest of one name that belongs to no profile."""

        def work(db: Database) -> list[dict[str, Any]]:
            where = "user_id = ? AND profile_id IS NULL AND what = ?"
            rowsums.same(
                db, "notes", -user, what, rowsums.counted(db, "events", where, [user, what])
            )
            last = f"WHERE {where} ORDER BY id DESC LIMIT 1"
            return rowsums.select(db, "events", last, [user, what])

        rows = self.read(work)
        return dict(json.loads(rows[0]["detail"])) if rows else None
