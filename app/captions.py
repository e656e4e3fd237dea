"""A person's own words for pictures: the newest of each counts; without one, the picture's own."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.wire import Bad
from profiles.captions import NOTE, checked, newest

if TYPE_CHECKING:
    from app.studio import Studio
    from engine.data import Candidate

KEPT = 64


class Captions:
    """Written as notes beside the answers; nothing that was shown or answered is changed."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio
        self._known: OrderedDict[int, dict[int, str]] = OrderedDict()
        # Another with everything that is written or forgotten: what was read before is not kept.
        self._changed = object()
        self._lock = threading.Lock()

    def of(self, profile: int) -> dict[int, str]:
        """Item -> words, for the items that this profile has words for."""
        with self._lock:
            found, changed = self._known.get(profile), self._changed
        if found is not None:
            return found
        found = newest(self.studio.notes.of_profile(profile, NOTE))
        with self._lock:
            if self._changed is changed:
                self._known[profile] = found
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
        return found

    def on(self, profile: int, shown: "Mapping[int, Candidate]") -> "dict[int, Candidate]":
        """The same candidates, each under this person's words for it where there are some."""
        words = self.of(profile)
        return {i: replace(c, prompt=words.get(i, c.prompt)) for i, c in shown.items()}

    def put(self, user: int, profile: int, item: int, words: str) -> dict[str, Any]:
        """Write one; empty words go back to the picture's own."""
        studio = self.studio
        studio.profile(user, profile)
        if studio.item(user, item).kind != "picture":
            raise Bad("only pictures have captions; a passage is its own words")
        try:
            words = checked(words)
        except ValueError as wrong:
            raise Bad(str(wrong)) from None
        studio.notes.add(user, profile, NOTE, {"item": item, "words": words})
        self.forget(profile)
        return {"item": item, "caption": words or studio.shelves.candidate(item).prompt}

    def forget(self, profile: int) -> None:
        with self._lock:
            self._changed = object()
            self._known.pop(profile, None)
