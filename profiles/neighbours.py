"""Nearest items, or nearest people, by the angle between their vectors.

FAISS inner product over unit vectors. The index lives in memory and is built from the tables every
time: an index file is never read, because reading a damaged or hostile one corrupts memory.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Kind, same_space
from profiles.store import Store

Ids = NDArray[np.int64]


class Neighbours:
    """ids (n,), matrix (n, d) of one space; a row of zeros is near to nothing."""

    def __init__(self, space: str, ids: Sequence[int] | Ids, matrix: Array) -> None:
        import faiss

        if np.ndim(matrix) != 2:
            raise ValueError("the matrix must be (n, d)")
        self.space = space
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(int(np.shape(matrix)[1])))
        self._lock = threading.Lock()
        self.add(ids, matrix)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Sequence[int] | Ids, matrix: Array) -> None:
        """Put rows in; an id that is there already gets the new vector."""
        numbers, rows = np.asarray(ids, np.int64), unit(matrix)
        if rows.shape != (len(numbers), self._index.d):
            raise ValueError(
                f"{len(numbers)} ids need a ({len(numbers)}, {self._index.d}) matrix, "
                f"got {rows.shape}"
            )
        if len(set(numbers.tolist())) != len(numbers):
            raise ValueError("an id comes twice")
        with self._lock:
            self._index.remove_ids(numbers)
            self._index.add_with_ids(rows, numbers)

    def remove(self, ids: Sequence[int] | Ids) -> int:
        """Take rows out; returns how many were there."""
        with self._lock:
            return int(self._index.remove_ids(np.asarray(ids, np.int64)))

    def near(self, vector: Array, k: int, space: str | None = None) -> tuple[Ids, Array]:
        """The at most k nearest, best first: ids and cosines, (m,) each."""
        same_space(self.space, self.space if space is None else space)
        with self._lock:
            k = min(k, len(self))
            if k < 1:
                return np.zeros(0, np.int64), np.zeros(0, np.float32)
            scores, ids = self._index.search(unit(np.atleast_2d(vector)), k)
        return ids[0], scores[0]


def unit(matrix: Array) -> Array:
    """(n, d) float32 rows of length 1; a row of zeros stays. ValueError unless finite."""
    rows = np.ascontiguousarray(matrix, np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("a vector is not finite")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    made: Array = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return made


def of_items(store: Store, kind: Kind, user_id: int | None, space: str) -> Neighbours:
    """Over the items a user may see that have a vector in the space."""
    items = store.items(kind, user_id)
    found = store.some_embeddings(space, [c.hash for c in items])
    kept = [c for c in items if c.hash in found]
    if not kept:
        raise ValueError(f"no {kind} has a vector in space {space!r}; encode them first")
    return Neighbours(space, [c.id for c in kept], np.stack([found[c.hash] for c in kept]))


def of_people(
    store: Store, profile_ids: Sequence[int], kind: Kind, method: str, space: str,
    array: str = "mean",
) -> Neighbours:  # fmt: skip
    """Over profiles, by the array of this name (d,) in their latest state, where there is one.

    A simulated person is nobody's neighbour.
    """
    rows: dict[int, Array] = {}
    for profile in profile_ids:
        version = store.latest_version(profile, kind, method, space)
        if version is not None and not store.profile(profile).simulated:
            rows[profile] = np.asarray(store.version_arrays(version.id)[array], np.float32)
    if not rows:
        raise ValueError(
            f"no profile has a {method} state in space {space!r} yet; answer some questions first"
        )
    return Neighbours(space, list(rows), np.stack(list(rows.values())))
