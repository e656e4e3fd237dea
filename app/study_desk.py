"""The researcher's side of studies: who took part, the data as files, deletion with proof."""

import statistics
from typing import TYPE_CHECKING, Any

from app import study_file
from app.study import Running, Study
from app.study_file import Design
from app.wire import Missing
from profiles import study_export
from profiles.studies import Studies as Rows

if TYPE_CHECKING:
    from app.studio import Studio


class Desk:
    """One per Studio. `study` holds what is running; None: study mode is off."""

    def __init__(self, studio: "Studio", study: Study | None) -> None:
        self.study, self.rows, self.studio = study, Rows(studio.store), studio

    def studies(self, user: int) -> list[dict[str, Any]]:
        """What this user's participants did, and what runs without any yet (id 0)."""
        running = {r.design.name: r for r in self._running(user)}
        told = []
        for row in self.rows.of_user(user):
            design = study_file.parse(self.rows.source(row["edition"]), row["name"])
            told.append(self._told(row["id"], design, running.pop(row["name"], None)))
        return told + [self._told(0, one.design, one) for one in running.values()]

    def export(self, user: int, study: int) -> tuple[bytes, str]:
        """(a zip, its name)."""
        name = self._own(user, study)
        self.studio.store.compare()
        self.studio.audited(user, "study-export", study=study)
        return study_export.packed(export(self.rows, study), name), f"{name}.zip"

    def remove(self, user: int, study: int, participant: str | None = None) -> dict[str, Any]:
        """All of a study, or one participant, with what is left of it: nothing."""
        self._own(user, study)
        self.studio.audited(user, "study-delete", study=study, all=int(participant is None))
        try:
            told = self.rows.remove(study, participant)
        except KeyError as wrong:
            raise Missing(str(wrong.args[0])) from None
        for one in self._running(user):
            if one.study == study and self.study is not None:
                self.study.find(one)
        return told

    def _running(self, user: int) -> list[Running]:
        if self.study is None or self.study.owner != user:
            return []
        return list(self.study.running.values())

    def _own(self, user: int, study: int) -> str:
        name = self.rows.name(user, study)
        if name is None:
            raise Missing(f"there is no study {study} here; Settings lists yours")
        return name

    def _told(self, study: int, design: Design, running: Running | None) -> dict[str, Any]:
        return {
            "id": study, "name": design.name, "title": design.title, "open": design.open,
            "running": running is not None, "codes": len(running.codes()) if running else None,
            "link": f"study?study={design.name}", **status(self.rows, study),
        }  # fmt: skip


def status(rows: Rows, study: int) -> dict[str, Any]:
    """Counts, and one row a participant."""
    people = rows.sittings(study)
    done = [p for p in people if p["answered"] == p["of"]]
    minutes = [(p["last"] - p["consented"]) / 60 for p in done]
    return {
        "started": len(people), "completed": len(done),
        "median_minutes": round(statistics.median(minutes), 1) if minutes else None,
        "attention_failed": sum(p["attention_ok"] < p["attention_of"] for p in people),
        "participants": people,
    }  # fmt: skip


def export(rows: Rows, study: int) -> dict[str, bytes]:
    """Name and content of every file."""
    return dict(rows.read(lambda db: study_export.files(db, study)))
