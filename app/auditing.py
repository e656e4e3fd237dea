"""The audit log looked at from outside, read-only: for doctor, also while a studio runs."""

import sqlite3
from pathlib import Path

from profiles import audit


def look(file: Path) -> tuple[str, bool]:
    """(what there is to say, whether every row is as it was written)."""
    if not file.exists():
        return "nothing noted yet", True
    db = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        n, newest, wrong = audit.check(db.execute(audit.ALL))
    except sqlite3.DatabaseError as missing:
        return f"none in this database yet ({missing})", True
    finally:
        db.close()
    return wrong or f"{n} rows, none changed; the newest is {newest[:16]}", not wrong
