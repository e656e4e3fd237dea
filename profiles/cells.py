"""The index of a crowd: vectors in cells, of which a search looks into the nearest few.

Inverted file (Sivic & Zisserman 2003; FAISS's IVF): exact inside the cells it opens. How many it
opens is measured when it is built: the fewest with which the ten nearest of sampled rows are found
to RECALL, beside an exhaustive search. An id is found by a hash, so that one row comes, changes or
goes without a walk through the others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array

Ids = NDArray[np.int64]
RECALL, PROBED, NEAREST = 0.97, 256, 10
# Rows a cell is learnt from; and rows so many times the learnt ones before cells are learnt anew.
LEARNT, GROWN = 40, 4


class Cells:
    """ids (n,), rows (n, d) of length 1."""

    def __init__(self, ids: Ids, rows: Array, seed: int = 0) -> None:
        import faiss

        n, d = rows.shape
        cells = max(1, int(2 * np.sqrt(n)))
        rng = np.random.default_rng(seed)
        self.d, self.grown = d, GROWN * n
        self._faiss, self._middle = faiss, faiss.IndexFlatIP(d)
        self._index: Any = faiss.IndexIVFFlat(self._middle, d, cells, faiss.METRIC_INNER_PRODUCT)
        self._index.cp.seed, self._index.cp.niter = seed + 1, 8
        self._index.set_direct_map_type(getattr(faiss, "DirectMap").Hashtable)  # noqa: B009 (untyped)
        self._index.train(rows[rng.choice(n, min(n, LEARNT * cells), replace=False)])
        self._index.add_with_ids(rows, ids)
        self._open(ids, rows, rows[rng.choice(n, min(n, PROBED), replace=False)])

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def _open(self, ids: Ids, rows: Array, asked: Array) -> None:
        """Open as few cells as find what an exhaustive search finds."""
        k = min(NEAREST, len(rows))
        _, places = self._faiss.knn(asked, rows, k, metric=self._faiss.METRIC_INNER_PRODUCT)
        wanted = ids[places]
        most, few, enough = int(self._index.nlist), 0, 1
        while enough < most and self._hits(asked, wanted, enough) < RECALL:
            few, enough = enough, min(2 * enough, most)
        while enough - few > 1:  # more cells never find less
            middle = (few + enough) // 2
            if self._hits(asked, wanted, middle) < RECALL:
                few = middle
            else:
                enough = middle
        self._index.nprobe = enough

    def _hits(self, asked: Array, wanted: Ids, cells: int) -> float:
        """Share of `wanted` (n, k) that is found in so many cells."""
        self._index.nprobe = cells
        _, found = self._index.search(asked, wanted.shape[1])
        return float(np.mean([len(np.intersect1d(a, b)) / wanted.shape[1]
                              for a, b in zip(found, wanted, strict=True)]))  # fmt: skip

    def put(self, ids: Ids, rows: Array) -> None:
        self.remove(ids)
        self._index.add_with_ids(rows, ids)

    def remove(self, ids: Ids) -> int:
        return int(self._index.remove_ids(self._faiss.IDSelectorArray(ids)))

    def search(self, row: Array, k: int) -> tuple[Array, Ids]:
        """Cosines and ids, (1, k) each; ids of -1 where the cells opened hold no more."""
        scores, ids = self._index.search(row, k)
        return scores, ids

    def everything(self) -> tuple[Ids, Array]:
        """All ids and rows, in no order."""
        lists, ids, rows = self._index.invlists, [], []
        for cell in range(self._index.nlist):
            size = lists.list_size(cell)
            if size:
                ids.append(self._faiss.rev_swig_ptr(lists.get_ids(cell), size).copy())
                codes = self._faiss.rev_swig_ptr(lists.get_codes(cell), size * self.d * 4)
                rows.append(codes.view(np.float32).reshape(size, self.d).copy())
        return np.concatenate(ids).astype(np.int64), np.concatenate(rows)
