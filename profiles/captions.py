"""A person's own words for pictures: notes by one name, the newest of each picture counts.

Empty words take a caption back. They go with their profile, as every note does.
"""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from sqlite_utils import Database

from profiles import people

NOTE, LONGEST = "caption", 200


def checked(words: str) -> str:
    """On one line, or empty; ValueError says how long it may be."""
    said = " ".join(words.split())
    if len(said) > LONGEST:
        raise ValueError(f"a caption has at most {LONGEST} characters; say it shorter")
    return said


def newest(notes: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """Item -> words out of all notes, oldest first."""
    found = {int(note["item"]): str(note["words"]) for note in notes}
    return {item: words for item, words in found.items() if words}


def holding(db: Database, profile: int) -> dict[int, str]:
    """Item -> words that a profile has for it now."""
    return newest(json.loads(row["detail"]) for row in people.notes(db, profile, NOTE))


def put(db: Database, who: tuple[int, int], item: int, words: str) -> None:
    """One more note; `who` is (user, profile)."""
    people.add_event(db, who, NOTE, json.dumps({"item": item, "words": words}), time.time())
