"""FAISS finds what numpy finds, and is built from the tables alone."""

import numpy as np
import pytest

from engine.data import WrongSpace
from profiles.cells import RECALL, Cells
from profiles.neighbours import Neighbours, of_items, of_people, unit
from profiles.store import Store
from tests.profiles.desk import Desk, new_desk, passages


def by_hand(ids, matrix, vector, k):
    """Cosines with numpy, best first."""
    rows = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    cosines = rows @ (vector / np.linalg.norm(vector))
    order = np.argsort(-cosines, kind="stable")[:k]
    return np.asarray(ids)[order], cosines[order]


def test_the_nearest_are_those_of_numpy() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(300, 16)).astype(np.float32)
    ids = rng.permutation(10_000)[:300]
    index = Neighbours("s", ids[:200], matrix[:200])
    index.add(ids[200:], matrix[200:])
    assert len(index) == 300
    for vector in rng.normal(size=(20, 16)).astype(np.float32):
        got, wanted = index.near(vector, 10, "s"), by_hand(ids, matrix, vector, 10)
        assert np.array_equal(got[0], wanted[0])
        assert np.allclose(got[1], wanted[1], atol=1e-6)


def test_a_crowd_in_cells_is_searched_as_well_and_changes_row_by_row() -> None:
    rng = np.random.default_rng(5)
    middle = rng.normal(size=(40, 16))
    matrix = (middle[rng.integers(40, size=6000)] + rng.normal(size=(6000, 16))).astype(np.float32)
    ids = rng.permutation(90_000)[:6000]
    index = Neighbours("s", ids[:3000], matrix[:3000], crowd=5000)
    assert not isinstance(index._index, Cells)
    index.add(ids[3000:], matrix[3000:])
    assert isinstance(index._index, Cells) and len(index) == 6000
    assert index._index._index.nprobe < index._index._index.nlist, "not all of it is looked at"
    asked = matrix[rng.choice(6000, 50)] + rng.normal(size=(50, 16)).astype(np.float32) / 4
    hits = [
        len(np.intersect1d(index.near(v, 10)[0], by_hand(ids, matrix, v, 10)[0])) for v in asked
    ]
    assert np.mean(hits) >= 9.5
    index.add(ids[:1], -matrix[:1])
    assert len(index) == 6000 and index.near(-matrix[0], 1)[0][0] == ids[0]
    assert index.remove([int(ids[0]), 99_999]) == 1 and len(index) == 5999
    assert index.near(-matrix[0], 1)[0][0] != ids[0]
    kept, rows = index._index.everything()
    assert sorted(kept.tolist()) == sorted(ids[1:].tolist())
    order = {int(i): k for k, i in enumerate(ids)}
    assert np.allclose(rows, unit(matrix[[order[int(i)] for i in kept]]))


def test_the_fewest_cells_that_find_enough_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[int, float] = {}
    hits = Cells._hits

    def noted(self: Cells, asked: object, wanted: object, cells: int) -> float:
        told[cells] = hits(self, asked, wanted, cells)  # type: ignore[arg-type]
        return told[cells]

    monkeypatch.setattr(Cells, "_hits", noted)
    rng = np.random.default_rng(6)
    matrix = unit(rng.normal(size=(4000, 12)).astype(np.float32))
    made = Cells(np.arange(4000), matrix)
    opened = made._index.nprobe
    assert 1 < opened < made._index.nlist
    assert told[opened] >= RECALL > told[opened - 1]
    assert len(told) < 2 * np.log2(made._index.nlist), "without trying all of them"


def test_an_id_has_one_vector_and_can_leave() -> None:
    index = Neighbours("s", [1, 2], np.eye(2, dtype=np.float32))
    index.add([1], np.array([[0.0, 5.0]], np.float32))
    ids, cosines = index.near(np.array([0.0, 1.0], np.float32), 5)
    assert sorted(ids.tolist()) == [1, 2] and np.allclose(cosines, 1)
    assert index.remove([2, 9]) == 1 and len(index) == 1
    assert index.remove([1]) == 1 and len(index.near(np.ones(2, np.float32), 3)[0]) == 0


@pytest.mark.parametrize(
    ("ids", "matrix"),
    [([1], np.ones((1, 3))), ([1, 2], np.ones((1, 2))), ([1], np.full((1, 2), np.nan)),
     ([1, 1], np.ones((2, 2)))],
)  # fmt: skip
def test_rows_that_do_not_fit_are_refused(ids, matrix) -> None:
    index = Neighbours("s", [7], np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="matrix|finite|twice"):
        index.add(ids, matrix.astype(np.float32))
    with pytest.raises(WrongSpace):
        index.near(np.ones(2, np.float32), 1, "other")
    assert len(index) == 1


def test_a_row_of_zeros_is_near_to_nothing() -> None:
    assert np.array_equal(unit(np.zeros((1, 3))), np.zeros((1, 3)))


def test_items_come_from_the_tables(store: Store, desk: Desk) -> None:
    rows = passages(12)
    matrix = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    with pytest.raises(ValueError, match="encode"):
        of_items(store, "text", None, "s")
    store.put_embeddings("s", [r.hash for r in rows[:10]], matrix[:10])
    store.retire_item(desk.texts[0])
    index = of_items(store, "text", desk.user, "s")
    ids, _ = index.near(matrix[3], 20)
    assert ids[0] == desk.texts[3] and sorted(ids.tolist()) == desk.texts[1:10]


def test_people_come_from_their_latest_states(store: Store) -> None:
    desks = [new_desk(store) for _ in range(3)]
    people = [d.profile for d in desks]
    with pytest.raises(ValueError, match="answer some"):
        of_people(store, people, "text", "bt", "s")
    for desk, angle in zip(desks[:2], (0.0, 1.0), strict=True):
        store.put_version(desk.profile, "text", "bt", "s", 1, {"mean": np.array([-1.0, 0.0])})
        state = {"mean": np.array([np.cos(angle), np.sin(angle)])}
        store.put_version(desk.profile, "text", "bt", "s", 2, state)
    ids, cosines = of_people(store, people, "text", "bt", "s").near(np.array([1.0, 0.0]), 3)
    assert ids.tolist() == people[:2] and np.allclose(cosines, [1, np.cos(1.0)])


def test_nothing_on_the_disk_is_an_index_and_a_lost_one_is_built_again(store: Store) -> None:
    """What is deleted, damaged or left over from another time cannot be read: there is no file."""
    desk = new_desk(store)
    rng = np.random.default_rng(4)
    hashes = [row.hash for row in passages(12)]
    store.put_embeddings("s", hashes, rng.normal(size=(12, 8)).astype(np.float32))
    vector = rng.normal(size=8).astype(np.float32)
    before = of_items(store, "text", desk.user, "s").near(vector, 10)
    for name in ("items.index", "faiss.index", "neighbours.faiss"):
        (store.folder / name).write_bytes(b"IxFI" + b"\xff" * 4000)
    files = {p.name for p in store.folder.rglob("*") if p.is_file()}
    with Store.open(_closed(store)) as again:
        after = of_items(again, "text", desk.user, "s").near(vector, 10)
        assert {p.name for p in again.folder.rglob("*") if p.is_file()} - files == set()
    assert np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1])


def _closed(store: Store):
    store.close()
    return store.folder
