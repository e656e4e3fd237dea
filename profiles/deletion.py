"""Deleting a profile, with proof: rows, vectors and media that nobody else uses."""

from sqlite_utils import Database

from profiles import items, people

TABLES = (
    "open_questions",
    "effective",
    "tops",
    "answers",
    "shown",
    "versions",
    "generations",
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
    db.execute("UPDATE items SET profile_id = NULL WHERE profile_id = ?", [profile])
    db.execute("DELETE FROM profiles WHERE id = ?", [profile])
    db.execute("DELETE FROM deletions WHERE profile_id = ?", [profile])
    return {**gone, "items": len(own), "embeddings": vectors, "profiles": 1}, unused


def left(db: Database, profile: int) -> int:
    """Rows that still name the profile: must be 0."""
    return sum(
        int(db.execute(f"SELECT count(*) FROM {t} WHERE {c} = ?", [profile]).fetchone()[0])
        for t, c in [*((t, "profile_id") for t in (*TABLES, "items")), ("profiles", "id")]
    )


def empty_log(db: Database) -> bool:
    """Move the write-ahead log into the file and cut it to nothing: old text is in neither.

    The pages themselves were overwritten by secure_delete. False when a reader held the log for
    longer than five seconds; then it is emptied when the store closes.
    """
    return bool(db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
