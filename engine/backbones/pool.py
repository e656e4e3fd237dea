"""A collection behind the same interface as a generator: results are found, not drawn.

A seeded draw among what fits the prompt: each candidate gets its cosine to the prompt over a
temperature plus Gumbel noise, and the n largest are taken (Gumbel top-k, Kool et al. 2019,
arXiv 1903.06059). Personal results add a tilt on the same noise, so strength 0 is bit-equal.
Retrieval by prompt is FAISS; results are labelled as coming from the collection.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Features, Kind, Request, Sample

TEMPERATURE = 0.06
NEAR = 96
ALIKE = 2
SPREAD = 0.5
LABEL = "from the collection"


@dataclass
class PoolBackbone:
    """`items` (n,) ids, `captions` (n, 384) unit vectors, `encode` texts -> (m, 384).

    `tilt(rows) -> (len(rows),)` is set by the rerank steerer; in units of the relevance keys.
    """

    kind: Kind
    items: NDArray[np.int64]
    captions: Array
    features: Features
    encode: Callable[[Sequence[str]], Array]
    tilt: Callable[[NDArray[np.int64]], Array] | None = None
    _index: faiss.Index = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._index = faiss.IndexFlatIP(self.captions.shape[1])
        self._index.add(np.ascontiguousarray(self.captions, np.float32))

    def generate(self, request: Request) -> Iterator[Sample]:
        """n distinct items; the same seed gives the same ones."""
        rows = self.draw(request)
        for index, row in enumerate(rows):
            if request.cancelled():
                return
            yield Sample(index, item=int(self.items[row]), label=LABEL)

    def draw(self, request: Request) -> NDArray[np.int64]:
        """(n,) rows, best key first."""
        query = self.encode([request.prompt]).astype(np.float32)
        near = min(NEAR, len(self.items))
        fit, rows = self._index.search(query, near)
        fit, rows = fit[0], rows[0]
        # One draw of noise for every item, so that it belongs to the item and not to its rank.
        noise = np.random.default_rng(request.seed).gumbel(size=len(self.items))
        keys = (fit - fit[0]) / TEMPERATURE + SPREAD * noise[rows]
        if self.tilt is not None:
            keys = keys + self.tilt(rows)
        order = rows[np.argsort(-keys, kind="stable")]
        return self._varied(order, request.n)

    def _varied(self, order: NDArray[np.int64], n: int) -> NDArray[np.int64]:
        """The first n, at most ALIKE of them showing the same thing, filled up when short."""
        shown: dict[bytes, int] = {}
        first: list[int] = []
        rest: list[int] = []
        for row in order:
            what = self.captions[row].tobytes()
            shown[what] = shown.get(what, 0) + 1
            (first if shown[what] <= ALIKE else rest).append(int(row))
        return np.array((first + rest)[:n], np.int64)
