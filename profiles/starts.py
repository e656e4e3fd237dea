"""Where a taste starts when others help: notes of the profile, like everything set beside answers.

A start is taken at an answer (`seq`; 0: before any) and keeps its own numbers, so that the same
belief comes back after a restart; `who` says whose taste is in it, by profile, version and weight.
Taken at 0 it is the person's choice, and the newest choice outdates all before it; a later one
hangs on its answer as a verdict does: taken back with it, there again with it. A state that was
built before the start it belongs to, or on answers before it, is not used any more.

When a profile is deleted, every start that its taste is in goes, with all states built since then
and, by the versions they name, all starts that those are in: `leave`.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from engine.data import Kind
from profiles import counting, people, rowsums
from profiles.records import Version

NOTE, HELPS = "start", "helps others start"
Do = Callable[[Callable[[Database], Any]], Any]
NAMING = """
SELECT id, profile_id, detail FROM events WHERE what = ?1 AND profile_id IN
(SELECT id FROM profiles WHERE user_id = (SELECT user_id FROM profiles WHERE id = ?2))
ORDER BY id
"""


@dataclass(frozen=True)
class Start:
    """mean (d,), empty: as without others. `narrow`: times the prior's variance. who: (profile,
    version, weight). `after`: the newest version of the profile when it was taken.
    """

    kind: Kind
    space: str
    seq: int
    mean: tuple[float, ...] = ()
    narrow: float = 1.0
    who: tuple[tuple[int, int, float], ...] = ()
    after: int = 0

    @property
    def plain(self) -> bool:
        return not self.mean


def put(db: Database, who: tuple[int, int], start: Start) -> Start | None:
    """One more row of (user, profile); None, and no row, where its answer does not count, or, of a
    choice before any answer, where one does, or where what is in it was deleted meanwhile.
    """
    counted = seqs(db, who[1], start.kind)
    if start.seq not in (counted or {0}) or not _there(db, start):
        return None
    newest = db.execute("SELECT max(id) FROM versions WHERE profile_id = ?", [who[1]]).fetchone()
    start = replace(start, after=newest[0] or 0)
    people.add_event(db, who, NOTE, json.dumps(asdict(start)), time.time())
    return start


def rows(db: Database, profile: int) -> list[Start]:
    """Every one that was ever taken, in order."""
    return [_read(row["detail"]) for row in people.notes(db, profile, NOTE)]


def holding(
    taken: Iterable[Start], kind: Kind, space: str, counted: AbstractSet[int]
) -> Start | None:
    """The one that holds while these answers count."""
    mine = [s for s in taken if (s.kind, s.space) == (kind, space)]
    choices = [i for i, s in enumerate(mine) if s.seq == 0]
    if not choices:
        return None
    since = [s for s in mine[choices[-1] :] if s.seq == 0 or s.seq in counted]
    return max(enumerate(since), key=lambda row: (row[1].seq, row[0]))[1]


def fresh(version: Version, start: Start | None) -> bool:
    """Whether the version was built from that start."""
    return start is None or (version.id > start.after and version.seq >= start.seq)


def plain_versions(db: Database, profile: int) -> list[int]:
    """Numbers of the versions that hold nobody else's taste, oldest first."""
    taken = rows(db, profile)
    found = db.execute(
        "SELECT id, kind, space FROM versions WHERE profile_id = ? ORDER BY id", [profile]
    ).fetchall()

    def plain(number: int, kind: Kind, space: str) -> bool:
        since = [s for s in taken if (s.kind, s.space) == (kind, space) and s.after < number]
        return not since or since[-1].plain

    return [int(row[0]) for row in found if plain(*row)]


def seqs(db: Database, profile: int, kind: Kind) -> set[int]:
    """Of the answers that count."""
    return set(counting.seqs(db, profile, kind))


def leave(db: Database, profile: int) -> list[tuple[int, Kind]]:
    """Take the taste of a profile out of all others; whose were touched."""
    taken = [(i, p, _read(d)) for i, p, d in db.execute(NAMING, [NOTE, profile]).fetchall()]
    gone: dict[tuple[int, Kind | None], int] = {(profile, None): -1}
    touched: list[tuple[int, Kind]] = []
    todo = list(gone)
    while todo:
        source = todo.pop()
        for number, owner, start in taken:
            place = (owner, start.kind)
            if owner != profile and _names(start, source, gone[source]) and (
                place not in gone or start.after < gone[place]
            ):  # fmt: skip
                gone[place] = start.after
                _forget(db, place, number, start.after)
                touched.append(place)
                todo.append(place)
    return list(dict.fromkeys(touched))


def naming(db: Database, profile: int) -> int:
    """Starts of others that a profile's taste is still in: 0 once it is deleted."""
    found = rowsums.select(db, "events", "WHERE what = ?", [NOTE])
    numbers = [row["id"] for row in found]
    rowsums.every(db, "notes", "part = ?", [NOTE], (len(numbers), sum(numbers)))
    return sum(any(p == profile for p, _, _ in _read(row["detail"]).who) for row in found)


def _there(db: Database, start: Start) -> bool:
    """Whether every taste in it is still as it was taken: a deletion takes versions along."""
    held = "SELECT 1 FROM versions WHERE id = ? AND profile_id = ?"
    return all(db.execute(held, [v, p]).fetchone() is not None for p, v, _ in start.who)


def _names(start: Start, source: tuple[int, Kind | None], after: int) -> bool:
    owner, kind = source
    return kind in (None, start.kind) and any(p == owner and v > after for p, v, _ in start.who)


def _forget(db: Database, place: tuple[int, Kind], number: int, after: int) -> None:
    """What was taken or built from this start on."""
    owner, kind = place
    db.execute(
        "DELETE FROM events WHERE profile_id = ? AND what = ? AND id >= ?"
        " AND json_extract(detail, '$.kind') = ?", [owner, NOTE, number, kind],
    )  # fmt: skip
    db.execute(
        "DELETE FROM versions WHERE profile_id = ? AND kind = ? AND id > ?", [owner, kind, after]
    )


def _read(detail: str) -> Start:
    told = json.loads(detail)
    who = tuple((int(p), int(v), float(w)) for p, v, w in told.pop("who"))
    return Start(**{**told, "mean": tuple(told["mean"]), "who": who})


class Starts:
    """`store.starts`. `read` and `write` are the store's own, with all they promise."""

    def __init__(self, read: Do, write: Do) -> None:
        self.read, self.write = read, write

    def help(self, user: int, profile: int, on: bool) -> None:
        """Whether this taste may help other profiles of the user to start; durable on return."""
        text = json.dumps({"on": on})
        self.write(lambda db: people.add_event(db, (user, profile), HELPS, text, time.time()))

    def helping(self, user: int) -> list[int]:
        """Profiles of the user that may help, each switched on; an example never does."""

        def work(db: Database) -> list[int]:
            real = [p.id for p in people.profiles(db, user) if not p.simulated]
            said = {p: people.notes(db, p, HELPS) for p in real}
            return [p for p, rows in said.items() if rows and json.loads(rows[-1]["detail"])["on"]]

        return list(self.read(work))

    def take(
        self, user: int, profile: int, kind: Kind, space: str, told: Mapping[str, Any]
    ) -> Start | None:
        """Durable on return; told: the rest of a Start. None: see `put`."""
        start = Start(kind, space, **told)
        made: Start | None = self.write(lambda db: put(db, (user, profile), start))
        return made

    def counted(self, profile: int, kind: Kind) -> set[int]:
        """Numbers of the answers that count."""
        found: set[int] = self.read(lambda db: seqs(db, profile, kind))
        return found

    def of(self, profile: int, kind: Kind, space: str) -> Start | None:
        """The start that holds now; None where nobody ever chose one."""

        def work(db: Database) -> Start | None:
            taken = rows(db, profile)
            return holding(taken, kind, space, seqs(db, profile, kind)) if taken else None

        found: Start | None = self.read(work)
        return found

    def held(self, user: int) -> dict[tuple[int, Kind], int]:
        """How many starts each profile and medium of the user has taken, where any."""

        def work(db: Database) -> dict[tuple[int, Kind], int]:
            mine = [p.id for p in people.profiles(db, user)]
            return dict(Counter((p, start.kind) for p in mine for start in rows(db, p)))

        return dict(self.read(work))

    def near(
        self, space: str, means: Sequence[NDArray[Any]], taste: NDArray[Any], k: int
    ) -> list[int]:
        """Places of the at most k tastes (d,) nearest to this one, by angle: see neighbours.py."""
        from profiles.neighbours import Neighbours  # which needs the store

        index = Neighbours(space, range(len(means)), np.stack(means))
        return [int(i) for i in index.near(np.asarray(taste, np.float32), k, space)[0]]
