"""Deleting a profile, with proof: rows, vectors and media that nobody else uses."""

import sqlite3
from collections.abc import Callable

from sqlite_utils import Database

from profiles import items, people, rowsums, starts

TABLES = (
    "study_views",
    "study_questions",
    "study_sessions",
    "open_questions",
    "effective",
    "tops",
    "reasons",
    "answers",
    "shown",
    "versions",
    "generations",
    "adapters",
    "jobs",
    "events",
    "questions",
)
OWN = """
SELECT i.id, i.hash FROM items i
WHERE i.owner = (SELECT user_id FROM profiles WHERE id = ?1)
  AND NOT EXISTS (SELECT 1 FROM shown s WHERE s.item_id = i.id AND s.profile_id <> ?1)
  AND (i.profile_id = ?1
       OR EXISTS (SELECT 1 FROM shown s WHERE s.item_id = i.id AND s.profile_id = ?1)
       OR NOT EXISTS (SELECT 1 FROM profiles p WHERE p.user_id = i.owner AND p.id <> ?1))
"""


def remove_rows(db: Database, profile: int) -> tuple[dict[str, int], list[str]]:
    """Delete every row of the profile. Returns (rows per table, hashes nobody uses any more).

    An own item goes when no other profile was ever shown it and it was added or shown here, or
    when this is the last profile of its owner.
    """
    people.profile(db, profile)
    own = db.execute(OWN, [profile]).fetchall()
    helped = starts.leave(db, profile)
    db.execute("INSERT INTO deletions VALUES (?)", [profile])
    gone = {}
    for table in TABLES:
        found = db.execute(f"DELETE FROM {table} WHERE profile_id = ?", [profile])
        gone[table] = found.rowcount
    for item, _ in own:
        db.execute("DELETE FROM items WHERE id = ?", [item])
    unused = [digest for _, digest in own if not items.used(db, digest)]
    vectors = 0
    for digest in unused:
        vectors += db.execute("DELETE FROM embeddings WHERE hash = ?", [digest]).rowcount
    rowsums.change(db, "items", {"profile_id": None}, "profile_id = ?", [profile])
    db.execute("DELETE FROM profiles WHERE id = ?", [profile])
    db.execute("DELETE FROM deletions WHERE profile_id = ?", [profile])
    gone |= {"items": len(own), "embeddings": vectors, "starts": len(helped), "profiles": 1}
    return gone, unused


def left(db: Database, profile: int) -> int:
    """Rows that still name the profile: must be 0."""
    return starts.naming(db, profile) + sum(
        int(db.execute(f"SELECT count(*) FROM {t} WHERE {c} = ?", [profile]).fetchone()[0])
        for t, c in [*((t, "profile_id") for t in (*TABLES, "items")), ("profiles", "id")]
    )


def scrub(db: Database, empty: Callable[[Database], bool]) -> bool:
    """Write the file anew and let `empty` cut the log to nothing: the old text is in neither.

    secure_delete alone is not enough: when SQLite balances a tree it moves rows between pages and
    leaves the moved bytes behind (seen by the test that searches the file). Costs about a second
    for 100 MB, during which writes wait. False when the disk has no room for it, or a reader held
    the log for longer than five seconds; the next deletion does it then.
    """
    try:
        db.conn.execute("VACUUM")
        return empty(db)
    except sqlite3.OperationalError:
        return False
