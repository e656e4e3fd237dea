"""bench retrieve: the nearest among a million tastes, beside FAISS's exhaustive index.

A taste is the posterior mean (64 numbers, in the space of the pictures) of a simulated person after
eight answers about pictures that ship, all fitted by our own fit; Gaussian noise and tight clusters
stand beside it as the two extremes, for an index is judged wrongly on either. Recall is of the ten
nearest, on tastes that are not in the index. `rebuild_s` is from rows in memory to the index with
its cells learnt; `store_s` reads 20,000 states out of a store and builds from them.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine import laplace
from engine.starter.pool import pictures
from profiles.neighbours import Neighbours, of_people, unit

ASKED, NEAREST, ANSWERS, AT_ONCE = 200, 10, 8, 20_000


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures of a million, and rows of smaller crowds and of the extremes."""
    import faiss

    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(seed)
    most = 30_000 if quick else 1_000_000
    kinds: dict[str, Callable[[int], np.ndarray]] = {
        "tastes": lambda n: tastes(n, rng),
        "clusters": lambda n: clusters(n, rng),
        "gaussian": lambda n: rng.standard_normal((n, 64), np.float32),
    }
    rows = [measured(kind, make(most + ASKED), most) for kind, make in kinds.items()]
    for n in () if quick else (10_000, 100_000):
        rows.append(measured("tastes", tastes(n + ASKED, rng), n))
    top = rows[0]
    figures = {
        "ms_1m": top["ms"], "recall_1m": top["recall"], "ratio_flat_1m": top["ratio_flat"],
        "upsert_ms": top["upsert_ms"], "rebuild_s": top["rebuild_s"],
        "store_s": stored(200 if quick else 20_000, rng),
        "recall_clusters": rows[1]["recall"], "recall_gaussian": rows[2]["recall"],
        "ratio_flat_gaussian": rows[2]["ratio_flat"],
    }  # fmt: skip
    return {"figures": figures, "rows": rows}


def measured(kind: str, vectors: np.ndarray, n: int) -> dict[str, Any]:
    """One crowd of n, asked for what is near to the vectors after the first n."""
    import faiss

    asked = unit(vectors[n:])
    begun = time.perf_counter()
    index = Neighbours("bench:space", np.arange(n), vectors[:n])
    rebuilt = time.perf_counter() - begun
    flat: Any = faiss.IndexFlatIP(64)
    flat.add(unit(vectors[:n]))
    ours, theirs, hits = [], [], []
    for one in asked:
        begun = time.perf_counter()
        found = index.near(one, NEAREST)[0]
        ours.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        wanted = flat.search(one[None], NEAREST)[1][0]
        theirs.append(time.perf_counter() - begun)
        hits.append(len(np.intersect1d(found, wanted)) / NEAREST)
    changed = [_seconds(lambda k=k: index.add([k], asked[k : k + 1])) for k in range(50)]
    return {
        "kind": kind, "people": n, "ms": 1e3 * float(np.median(ours)),
        "flat_ms": 1e3 * float(np.median(theirs)), "recall": float(np.mean(hits)),
        "ratio_flat": float(np.median(np.array(theirs) / np.array(ours))),
        "upsert_ms": 1e3 * float(np.median(changed)), "rebuild_s": rebuilt,
    }  # fmt: skip


def tastes(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 64) posterior means of simulated people after ANSWERS pairs of the pool."""
    pool = pictures()
    matrix, var = pool.features.astype(np.float32), pool.prior_var.astype(np.float32)
    made = [_fitted(matrix, var, min(AT_ONCE, n - k), rng) for k in range(0, n, AT_ONCE)]
    return np.concatenate(made)


def _fitted(matrix: np.ndarray, var: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    likes = rng.standard_normal((n, matrix.shape[1]), np.float32) * np.sqrt(var, dtype=np.float32)
    pair = rng.integers(len(matrix), size=(n, ANSWERS, 2))
    gap = matrix[pair[..., 0]] - matrix[pair[..., 1]]
    odds = np.einsum("nkd,nd->nk", gap, likes)
    label = np.where(rng.random((n, ANSWERS)) < 1 / (1 + np.exp(-odds)), 1.0, -1.0)
    lifted = gap * var
    made = laplace.fit_many(np.zeros((n, ANSWERS)), lifted @ gap.swapaxes(1, 2), label)
    return np.einsum("nk,nkd->nd", made.alpha, lifted).astype(np.float32)


def clusters(n: int, rng: np.random.Generator) -> np.ndarray:
    middle = rng.standard_normal((1000, 64), np.float32)
    return middle[rng.integers(1000, size=n)] + 0.1 * rng.standard_normal((n, 64), np.float32)


def stored(n: int, rng: np.random.Generator) -> float:
    """Seconds from a store that holds the states of n people to an index over them."""
    from profiles.store import Store

    vectors = tastes(n, rng)
    with tempfile.TemporaryDirectory() as temp, Store.open(Path(temp) / "data") as store:
        user = store.local_user()
        numbers = []
        for vector in vectors:
            number = store.add_profile(user, "", "", "#000000").id
            store.put_version(number, "picture", "mean", "bench:space", 1, {"mean": vector})
            numbers.append(number)
        return _seconds(lambda: of_people(store, numbers, "picture", "mean", "bench:space"))


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
