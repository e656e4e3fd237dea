"""What a person set by hand, in a bundle: the compass and the words about them, as last set.

A start from other tastes is a note as well and stays behind: it would carry others along.
"""

import json
import math
import time
from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

from profiles import people
from profiles.bundle_format import BadBundle, fields

COMPASS = {"what": str, "medium": str, "plane": list, "angle": (int, float)}
DESCRIPTION = {"what": str, "medium": str, "text": str}
TYPES: dict[str, dict[str, Any]] = {"compass": COMPASS, "description": DESCRIPTION}
MEDIA = ("picture", "text")
AXIS, WORDS, TURN = 40, 600, 360.0


def rows(db: Database, profile: int) -> list[dict[str, Any]]:
    """The newest of each name and medium; none where it was taken back."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for what in TYPES:
        for row in people.notes(db, profile, what):
            told = json.loads(row["detail"])
            newest[what, told["medium"]] = {"what": what, **told}
    held = [newest[place] for place in sorted(newest)]
    return [note for note in held if note.get("plane") or note.get("text")]


def checked(values: Iterable[Any]) -> tuple[dict[str, Any], ...]:
    """Each as the studio itself writes it, and at most one of a name and medium."""
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for value in values:
        what = value.get("what") if isinstance(value, dict) else None
        if not isinstance(what, str) or what not in TYPES:
            raise BadBundle("note: it is neither a compass nor a description")
        told = fields(value, TYPES[what], what)
        if told["medium"] not in MEDIA or (what, told["medium"]) in made:
            raise BadBundle(f"{what}: it is of no medium, or of one that has one")
        if what == "compass":
            _compass(told)
        else:
            _description(told)
        made[what, told["medium"]] = told
    return tuple(made.values())


def put(db: Database, who: tuple[int, int], note: dict[str, Any]) -> None:
    """One that was checked, for (user, profile)."""
    told = {name: value for name, value in note.items() if name != "what"}
    people.add_event(db, who, note["what"], json.dumps(told), time.time())


def _compass(told: dict[str, Any]) -> None:
    plane, angle = told["plane"], told["angle"]
    if not all(isinstance(axis, str) and 1 <= len(axis) <= AXIS for axis in plane):
        raise BadBundle(f"compass: an axis is not named in 1 to {AXIS} characters")
    if len(plane) != 2 or plane[0] == plane[1]:
        raise BadBundle("compass: it does not have two different axes")
    if not math.isfinite(angle) or abs(angle) > TURN:
        raise BadBundle("compass: its angle is not one in degrees")


def _description(told: dict[str, Any]) -> None:
    text = told["text"]
    if not 1 <= len(text) <= WORDS or text != " ".join(text.split()):
        raise BadBundle(f"description: it is not on one line of 1 to {WORDS} characters")
