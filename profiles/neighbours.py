"""Nearest items, or nearest people, by the angle between their vectors.

FAISS inner product over unit vectors: exhaustive, and from a hundred thousand on in cells
(cells.py), where about one in forty of the ten nearest may be missed. The index lives in memory and
is built from the tables every time: an index file is never read, because reading a damaged or
hostile one corrupts memory.
"""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Kind, same_space
from profiles import states
from profiles.cells import Cells
from profiles.store import Store

Ids = NDArray[np.int64]
CROWD = 100_000


class Neighbours:
    """ids (n,), matrix (n, d) of one space; a row of zeros is near to nothing."""

    def __init__(
        self, space: str, ids: Sequence[int] | Ids, matrix: Array, crowd: int = CROWD
    ) -> None:
        if np.ndim(matrix) != 2:
            raise ValueError("the matrix must be (n, d)")
        self.space, self._d, self._crowd = space, int(np.shape(matrix)[1]), crowd
        self._index: Any = _Flat(self._d)
        self._lock = threading.Lock()
        self.add(ids, matrix)

    def __len__(self) -> int:
        return len(self._index)

    def add(self, ids: Sequence[int] | Ids, matrix: Array) -> None:
        """Put rows in; an id that is there already gets the new vector."""
        numbers, rows = np.asarray(ids, np.int64), unit(matrix)
        if rows.shape != (len(numbers), self._d):
            raise ValueError(
                f"{len(numbers)} ids need a ({len(numbers)}, {self._d}) matrix, got {rows.shape}"
            )
        if len(np.unique(numbers)) != len(numbers):
            raise ValueError("an id comes twice")
        with self._lock:
            self._index.put(numbers, rows)
            if len(self._index) > getattr(self._index, "grown", self._crowd):
                self._index = Cells(*self._index.everything())

    def remove(self, ids: Sequence[int] | Ids) -> int:
        """Take rows out; returns how many were there."""
        with self._lock:
            return int(self._index.remove(np.asarray(ids, np.int64)))

    def near(self, vector: Array, k: int, space: str | None = None) -> tuple[Ids, Array]:
        """The at most k nearest, best first: ids and cosines, (m,) each."""
        same_space(self.space, self.space if space is None else space)
        with self._lock:
            k = min(k, len(self))
            if k < 1:
                return np.zeros(0, np.int64), np.zeros(0, np.float32)
            scores, ids = self._index.search(unit(np.atleast_2d(vector)), k)
        there = ids[0] >= 0
        return ids[0][there], scores[0][there]


class _Flat:
    """Every row is looked at. A new id is put at the end; only one that is there moves others."""

    def __init__(self, d: int) -> None:
        import faiss

        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(d))
        self._there: set[int] = set()

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def put(self, ids: Ids, rows: Array) -> None:
        told = ids.tolist()
        if not self._there.isdisjoint(told):
            self._index.remove_ids(ids)
        self._index.add_with_ids(rows, ids)
        self._there.update(told)

    def remove(self, ids: Ids) -> int:
        self._there.difference_update(ids.tolist())
        return int(self._index.remove_ids(ids))

    def search(self, row: Array, k: int) -> tuple[Array, Ids]:
        scores, ids = self._index.search(row, k)
        return scores, ids

    def everything(self) -> tuple[Ids, Array]:
        import faiss

        flat: Any = faiss.downcast_index(self._index.index)
        rows = faiss.rev_swig_ptr(flat.get_xb(), len(self) * flat.d).reshape(len(self), flat.d)
        return faiss.vector_to_array(self._index.id_map).astype(np.int64), rows.copy()


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
        found = store.read(partial(states.of_method, profile=profile, kind=kind, method=method,
                                   space=space))  # fmt: skip
        if found and not store.profile(profile).simulated:
            rows[profile] = np.asarray(store.version_arrays(found[0].id)[array], np.float32)
    if not rows:
        raise ValueError(
            f"no profile has a {method} state in space {space!r} yet; answer some questions first"
        )
    return Neighbours(space, list(rows), np.stack(list(rows.values())))
