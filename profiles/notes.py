"""What a person set or wrote beside the answers: events by name, never changed, newest last."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlite_utils import Database

from profiles import people


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
        rows = self.read(
            lambda db: db.execute(
                "SELECT detail FROM events WHERE profile_id = ? AND what = ? ORDER BY id",
                [profile, what],
            ).fetchall()
        )
        return [json.loads(row[0]) for row in rows]

    def last_of_user(self, user: int, what: str) -> dict[str, Any] | None:
        """The newest of one name that belongs to no profile."""
        row = self.read(
            lambda db: db.execute(
                "SELECT detail FROM events WHERE user_id = ? AND profile_id IS NULL AND what = ?"
                " ORDER BY id DESC LIMIT 1",
                [user, what],
            ).fetchone()
        )
        return None if row is None else dict(json.loads(row[0]))
