"""What a person said when they looked at an answer again: keep it, turn it around, drop it.

A verdict is one more event of the profile; the answer itself stays as it was given. The newest of
an answer holds, and "open" takes the ones before back. It hangs on its answer: taken back with it,
there again with it. What is learned reads answers through it: `applied` turns a flipped pair
around and makes a dropped answer a skip. A state that was built before a verdict on one of its
answers is not used any more: `after` is the newest version there was when the verdict was given.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from engine.data import Comparison, Outcome
from profiles import people
from profiles.errors import Conflict
from profiles.records import Version

NOTE = "verdict"
ACTS = ("keep", "flip", "drop", "open")


@dataclass(frozen=True)
class Verdict:
    """`seq` is the answer's; `key` makes it idempotent."""

    seq: int
    act: str
    key: str
    after: int = 0


def checked(verdict: Verdict) -> Verdict:
    """ValueError says what may be sent."""
    if verdict.act not in ACTS:
        raise ValueError(f"{verdict.act!r} is no verdict; choose of {', '.join(ACTS)}")
    if not 1 <= len(verdict.key) <= 200:
        raise ValueError("an idempotency key of 1 to 200 characters is needed, new for each tap")
    return verdict


def give(db: Database, who: tuple[int, int], verdict: Verdict, given: Comparison | None) -> bool:
    """Store it, of (user, profile); False when it was there under its key. `given` is its answer.

    KeyError without an answer, ValueError for a flip of what has no opposite, Conflict when the
    key says something else.
    """
    checked(verdict)
    for before in rows(db, who[1]):
        if before.key == verdict.key:
            if (before.seq, before.act) != (verdict.seq, verdict.act):
                raise Conflict(f"key {verdict.key!r} belongs to another verdict; use a new key")
            return False
    if given is None:
        raise KeyError(f"there is no answer {verdict.seq} that counts")
    if verdict.act == "flip":
        given.outcome.opposite(given.question.items)
    put(db, who, verdict)
    return True


def put(db: Database, who: tuple[int, int], verdict: Verdict) -> None:
    """One more row; `who` is (user, profile). Where it changes what is learned, the versions there
    are now are outdated.
    """
    learned = ("flip", "drop")
    before = holding(rows(db, who[1])).get(verdict.seq)
    changes = before != verdict.act and (before in learned or verdict.act in learned)
    newest = db.execute("SELECT max(id) FROM versions WHERE profile_id = ?", [who[1]]).fetchone()
    after = (newest[0] or 0) if changes else 0
    told = {"seq": verdict.seq, "act": verdict.act, "key": verdict.key, "after": after}
    people.add_event(db, who, NOTE, json.dumps(told), time.time())


def rows(db: Database, profile: int) -> list[Verdict]:
    """Every one that was ever given, in order."""
    found = people.notes(db, profile, NOTE)
    return [Verdict(**json.loads(row["detail"])) for row in found]


def holding(given: Iterable[Verdict]) -> dict[int, str]:
    """keep, flip or drop by the seq of its answer."""
    last = {v.seq: v.act for v in given}
    return {seq: act for seq, act in last.items() if act != "open"}


def applied(comparison: Comparison, act: str | None) -> Comparison:
    """The answer as it is to be learned from."""
    if act == "flip":
        other = comparison.outcome.opposite(comparison.question.items)
        return replace(comparison, outcome=other)
    return replace(comparison, outcome=Outcome(word="skip")) if act == "drop" else comparison


def fresh(version: Version, given: Iterable[Verdict]) -> bool:
    """Whether the version knows every verdict on the answers it was built from."""
    return all(v.seq > version.seq or v.after < version.id for v in given)


def outcome(row: dict[str, Any], act: str | None) -> Any:
    """`applied` for the outcome of a plain row of the log, as JSON."""
    if act == "drop":
        return "skip"
    if act == "flip":
        return Outcome.parse(row["outcome"], row["items"]).opposite(row["items"]).json()
    return row["outcome"]
