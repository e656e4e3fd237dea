"""Examples: look at every page before answering, through the taste of a simulated person.

An example is a profile with a mark that never goes (profiles/examples.py). On first use a simulated
person really answers the studio's questions, in the background; the page shows how far along they
are. Examples help nobody to start, and go all at once.
"""

import logging
import threading
from typing import TYPE_CHECKING, Any

from app.shelves import SPACE
from app.simulated import PEOPLE, Liking, Simulated, answer
from app.wire import Bad, Missing

if TYPE_CHECKING:
    from app.studio import Studio

log = logging.getLogger("penchant")
KINDS = tuple(SPACE)
# Answers a medium: enough for every section of My taste, little enough to wait for.
OF = 30
COLOUR = "#64748b"


class Examples:
    """One per server: knows which simulated people are answering just now."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio
        self._lock = threading.Lock()
        self._at_work: dict[int, threading.Thread] = {}

    def about(self, user: int) -> dict[str, Any]:
        """Who there is to look at, whose example is there, and how far along it is."""
        there = self._there(user)
        return {"examples": [self._told(p, there.get(p.key)) for p in PEOPLE]}

    def _told(self, person: Simulated, profile: int | None) -> dict[str, Any]:
        made = {"key": person.key, "name": person.name, "simulated": True, "profile": profile}
        counts = self.studio.store.counts(profile) if profile else {}
        done = sum(min(OF, counts.get(kind, 0)) for kind in KINDS)
        return {**made, "answers": done, "of": OF * len(KINDS),
                "ready": profile is not None and done >= OF * len(KINDS)}  # fmt: skip

    def open(self, user: int, key: str) -> dict[str, Any]:
        """The example, made if it is not there; one that was left half made goes on."""
        person = next((p for p in PEOPLE if p.key == key), None)
        if person is None:
            known = ", ".join(p.key for p in PEOPLE)
            raise Missing(f"there is no example {key[:40]!r}; there are {known}")
        with self._lock:
            profile = self._there(user).get(key) or self._make(user, person)
            told = self._told(person, profile)
            if not told["ready"] and profile not in self._at_work:
                work = threading.Thread(target=self._answer, args=(user, profile, person),
                                        name=f"example {key}", daemon=True)  # fmt: skip
                self._at_work[profile] = work
                work.start()
        return told

    def finish(self, user: int, key: str) -> dict[str, Any]:
        """The same, waited for."""
        profile = self.open(user, key)["profile"]
        work = self._at_work.get(profile)
        if work is not None:
            work.join()
        return next(e for e in self.about(user)["examples"] if e["key"] == key)

    def remove(self, user: int) -> dict[str, Any]:
        """Every example of this user, each as any profile is deleted."""
        from profiles import examples

        gone = [p.id for p in examples.of(self.studio.store, user)]
        for profile in gone:
            self.studio.delete_profile(user, profile)
        return {"removed": len(gone)}

    def _there(self, user: int) -> dict[str, int]:
        from profiles import examples

        found = examples.of(self.studio.store, user)
        return {p.purpose.removeprefix("example "): p.id for p in reversed(found)}

    def _make(self, user: int, person: Simulated) -> int:
        from profiles import examples

        studio = self.studio
        studio.rules.room(user, "profiles", len(studio.store.profiles(user)), "profiles")
        purpose = f"example {person.key}"
        return examples.add(studio.store, user, person.name, purpose, COLOUR).id

    def _answer(self, user: int, profile: int, person: Simulated) -> None:
        """In a thread of its own; ends early when the example or the studio goes."""
        studio, seed = self.studio, [PEOPLE.index(person)]
        try:
            for kind in KINDS:
                liking = Liking(studio, kind, getattr(person, kind))
                while studio.store.counts(profile).get(kind, 0) < OF:
                    if not studio.health()["ready"]:
                        return
                    answer(studio, (user, profile), kind, liking, seed)
        except Missing:
            log.info("an example was removed while it was being made")
        except Exception:  # noqa: BLE001 - the page says it is not ready; opening it goes on
            log.exception("an example could not be finished")
        finally:
            with self._lock:
                self._at_work.pop(profile, None)


def command(studio: "Studio", user: int, given: Any) -> dict[str, Any]:
    """`launch.py example [calm|bright|ink|remove]`."""
    examples = Examples(studio)
    if given.name is None:
        return examples.about(user)
    if given.name == "remove":
        return examples.remove(user)
    if given.name not in {p.key for p in PEOPLE}:
        known = ", ".join(p.key for p in PEOPLE)
        raise Bad(f"there is no example {given.name!r}; write one of {known}, or remove")
    return examples.finish(user, given.name)
