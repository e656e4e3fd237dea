"""Long work and what came of it: the store's methods about jobs and adapters."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlite_utils import Database

from engine.data import Kind
from profiles import adapters, states

Do = Callable[[Callable[[Database], Any]], Any]


class Work:
    """`store.work`. `read` and `write` are the store's own, with all they promise."""

    def __init__(self, read: Do, write: Do) -> None:
        self.read, self.write = read, write

    # jobs

    def add_job(
        self, user_id: int, what: str, request: Mapping[str, Any], profile_id: int | None = None
    ) -> int:
        """A queued job."""
        text, who = json.dumps(dict(request)), (user_id, profile_id)
        return int(self.write(lambda db: states.add_job(db, who, what, text, time.time())))

    def change_job(
        self, job: int, state: str, progress: Mapping[str, Any] | None = None, error: str = ""
    ) -> None:
        told = {"state": state, "progress": json.dumps(dict(progress or {})), "error": error}
        self.write(lambda db: states.change_job(db, job, told, time.time()))

    def job(self, number: int) -> dict[str, Any]:
        return dict(self.read(lambda db: states.job(db, number)))

    def jobs(self, user_id: int, limit: int = 50) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.read(lambda db: states.jobs(db, user_id, limit)))

    def open_jobs(self) -> list[dict[str, Any]]:
        """Everybody's jobs that are not over, oldest first."""
        return list(self.read(states.open_jobs))

    def last_job(self, profile_id: int) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.read(lambda db: states.last_job(db, profile_id))
        return found

    # adapters

    def add_adapter(self, profile_id: int, new: Mapping[str, Any]) -> int:
        """new: job_id (or None), name, kind, base, digest, card; it becomes the chosen one."""
        return int(self.write(lambda db: adapters.add(db, profile_id, new, time.time())))

    def adapters(self, profile_id: int) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.read(lambda db: adapters.listed(db, profile_id)))

    def adapter(self, number: int) -> dict[str, Any]:
        return dict(self.read(lambda db: adapters.one(db, number)))

    def rename_adapter(self, number: int, name: str) -> None:
        self.write(lambda db: adapters.rename(db, number, name))

    def note_adapter(self, number: int, more: Mapping[str, Any]) -> None:
        """Add to its card."""
        self.write(lambda db: adapters.note(db, number, more))

    def choose_adapter(self, profile_id: int, kind: Kind, number: int | None) -> None:
        self.write(lambda db: adapters.choose(db, profile_id, kind, number))

    def remove_adapter(self, number: int) -> None:
        self.write(lambda db: adapters.remove(db, number))
