"""Candidates and their vectors: items by owner and content hash, embeddings by space and hash."""

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlite_utils import Database

from engine.data import Array, Candidate, Kind
from profiles import rowsums
from profiles.disk import atomic_write, private_folder, remove
from profiles.errors import Damaged
from profiles.records import NewItem

HEX = re.compile(r"[0-9a-f]{64}")
VECTOR = f"{rowsums.columns('embeddings')}, vector"
ITEM = f"SELECT {rowsums.columns('items')} FROM items"


def check(kind: Kind, row: NewItem) -> None:
    """ValueError unless the hash is that of the content."""
    if kind not in ("picture", "text"):
        raise ValueError(f"kind {kind!r} is not known; use 'picture' or 'text'")
    if not HEX.fullmatch(row.hash):
        raise ValueError(f"hash {row.hash[:80]!r} is not a sha256 in lower-case hex")
    if kind == "text" and (row.text is None or row.media is not None):
        raise ValueError("a passage has text and no media")
    body = row.text.encode() if kind == "text" and row.text is not None else row.media
    if body is not None and hashlib.sha256(body).hexdigest() != row.hash:
        raise ValueError(f"the content of item {row.hash[:12]} does not have that sha256")


def media_path(folder: Path, digest: str) -> Path:
    """Where the bytes with this hash are kept."""
    if not HEX.fullmatch(digest):
        raise ValueError(f"hash {digest[:80]!r} is not a sha256 in lower-case hex")
    return folder / digest[:2] / digest


def write_media(folder: Path, rows: Iterable[NewItem]) -> None:
    """Bytes are on disk before the row that names them."""
    for row in rows:
        if row.media is None:
            continue
        path = media_path(folder, row.hash)
        if not path.exists():
            private_folder(folder)
            private_folder(path.parent)
            atomic_write(path, row.media)


def remove_media(db: Database, folder: Path, hashes: Iterable[str]) -> int:
    """Delete the bytes that no item has any more. Call in the writer's thread."""
    return sum(remove(media_path(folder, h)) for h in hashes if not used(db, h))


def sweep(folder: Path, known: set[str]) -> None:
    """Finish what an interrupted write or deletion left in the folder. Only while opening."""
    for path in folder.glob("??/*"):
        if path.name not in known:
            remove(path)


def with_media(db: Database) -> list[str]:
    """Hashes of all items whose bytes are kept."""
    return [row[0] for row in db.execute("SELECT DISTINCT hash FROM items WHERE media = 1")]


def used(db: Database, digest: str) -> bool:
    """Whether any item has this content."""
    return db.execute("SELECT 1 FROM items WHERE hash = ?", [digest]).fetchone() is not None


def add(
    db: Database,
    kind: Kind,
    rows: Sequence[NewItem],
    owner: tuple[int | None, int | None],
    now: float,
) -> list[int]:
    """Ids in the order of rows; what is there already keeps its id. `owner` is (user, profile)."""
    return [_add(db, kind, row, owner, now) for row in rows]


def _add(
    db: Database, kind: Kind, row: NewItem, owner: tuple[int | None, int | None], now: float
) -> int:
    where = "WHERE kind = ? AND hash = ? AND coalesce(owner, 0) = ?"
    for old in rowsums.select(db, "items", where, [kind, row.hash, owner[0] or 0]):
        if (old["kind"], old["hash"], old["owner"]) != (kind, row.hash, owner[0]):
            raise rowsums.lost("items")  # the index points at another
        media = int(old["media"] or row.media is not None)
        if (old["retired"], old["media"]) != (0, media):
            rowsums.change(db, "items", {"retired": 0, "media": media}, "id = ?", [old["id"]])
        return int(old["id"])
    told = {
        "kind": kind, "hash": row.hash, "prompt": row.prompt, "text": row.text, "made": row.made,
        "attributes": json.dumps(dict(row.attributes)), "media": int(row.media is not None),
        "owner": owner[0], "profile_id": owner[1], "created": now,
    }  # fmt: skip
    return rowsums.insert(db, "items", told)


def of_user(db: Database, kind: Kind, user_id: int | None) -> list[Candidate]:
    """The shared items and this user's own, without the retired, by id."""
    rows = db.execute(
        f"{ITEM} WHERE kind = ?1 AND retired = 0 AND owner IS NULL"
        f" UNION ALL {ITEM} WHERE kind = ?1 AND retired = 0 AND owner = ?2 ORDER BY id",
        [kind, user_id],
    ).fetchall()
    found = [rowsums.read("items", row) for row in rows]
    for who in {None, user_id}:
        rowsums.whole(db, "items", who or 0, f"{kind} 0", (r[0] for r in found if r[8] == who))
    return [candidate(row[:7]) for row in found]


def get(db: Database, item_id: int) -> Candidate:
    return candidate(_row(db, item_id)[:7])


def owner(db: Database, item_id: int) -> int | None:
    """The user it belongs to; None for a shared one."""
    found = _row(db, item_id)[8]
    return None if found is None else int(found)


def _row(db: Database, item_id: int) -> tuple[Any, ...]:
    row = db.execute(f"{ITEM} WHERE id = ?", [item_id]).fetchone()
    if row is None:
        rowsums.absent(db, "items", "items_profile", item_id)
        raise KeyError(f"there is no item {item_id}; it may have been deleted with its profile")
    return rowsums.read("items", row)


def retire(db: Database, item_id: int) -> None:
    """Never offered again; answers about it stay."""
    if rowsums.change(db, "items", {"retired": 1}, "id = ?", [item_id]) != 1:
        raise KeyError(f"there is no item {item_id}; it may have been deleted with its profile")


def candidate(row: tuple[Any, ...]) -> Candidate:
    number, kind, digest, prompt, text, made, attributes = row
    return Candidate(number, kind, digest, prompt, text, {**json.loads(attributes), "made": made})


def put_embeddings(db: Database, space: str, hashes: Sequence[str], matrix: Array) -> None:
    """matrix: (n, d) float32, finite; a vector that is there already is replaced."""
    for digest, vector in zip(hashes, matrix, strict=True):
        data = vector.tobytes()
        db.execute(
            f"INSERT INTO embeddings({VECTOR}) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT(space, hash) DO UPDATE SET vector = excluded.vector,"
            " crc = excluded.crc, given = 0, row_crc = excluded.row_crc",
            _vector(space, digest, data, 0),
        )


def _vector(space: str, digest: str, data: bytes, given: int) -> list[Any]:
    """A row of VECTOR."""
    told = (space, digest, zlib.crc32(data), given)
    return [*told, rowsums.total("embeddings", told), data]


def give_embedding(db: Database, space: str, digest: str, data: bytes) -> None:
    """A vector out of a bundle: it serves until the content is encoded here.

    It never takes the place of a vector made here, and missing_embeddings still lists it, so that
    nobody's bundle decides what somebody else's item looks like to the models.
    """
    db.execute(
        f"INSERT OR IGNORE INTO embeddings({VECTOR}) VALUES (?, ?, ?, ?, ?, ?)",
        _vector(space, digest, data, 1),
    )


def embeddings(db: Database, space: str, hashes: Sequence[str]) -> Array:
    """(n, d) float32 in the order of hashes; KeyError says how many have no vector there."""
    found = some_embeddings(db, space, hashes)
    missing = [h for h in hashes if h not in found]
    if missing:
        raise KeyError(
            f"{len(missing)} items have no vector in space {space!r} (first: "
            f"{missing[0][:12]}); encode them and put_embeddings first"
        )
    return np.stack([found[h] for h in hashes]) if hashes else np.zeros((0, 0), np.float32)


def some_embeddings(db: Database, space: str, hashes: Sequence[str]) -> dict[str, Array]:
    """The vectors (d,) there are, by hash. Damaged when one changed on the disk."""
    found: dict[str, Array] = {}
    for digest, data, _ in _vectors(db, space, hashes):
        found[digest] = np.frombuffer(data, np.float32)
    return found


def _vectors(db: Database, space: str, hashes: Sequence[str]) -> list[tuple[str, bytes, int]]:
    """(hash, vector, given) of those there are, each checked; what is not found is looked for by
    the other index as well, so that no damage makes it look missing.
    """
    rows = db.execute(
        f"SELECT {VECTOR} FROM embeddings WHERE space = ? AND hash IN"
        " (SELECT value FROM json_each(?))",
        [space, json.dumps(list(hashes))],
    ).fetchall()
    for *told, row_crc, data in rows:
        if zlib.crc32(data) != told[2] or rowsums.total("embeddings", told) != row_crc:
            raise _damaged(space, told[1])
    found = {row[1] for row in rows}
    for digest in set(hashes) - found:
        if db.execute(
            "SELECT 1 FROM embeddings INDEXED BY embeddings_hash WHERE hash = ? AND space = ?",
            [digest, space],
        ).fetchone():
            raise _damaged(space, digest)
    return [(digest, data, given) for _, digest, _, given, _, data in rows]


def _damaged(space: str, digest: str) -> Damaged:
    return Damaged(
        f"the vector of {digest[:12]} in space {space} is damaged; it can be "
        "encoded again, the answers are not touched"
    )


def missing_embeddings(db: Database, space: str, hashes: Sequence[str]) -> list[str]:
    """Those hashes, in order, that have no vector made here in the space yet."""
    found = {digest for digest, _, given in _vectors(db, space, hashes) if not given}
    return [h for h in hashes if h not in found]
