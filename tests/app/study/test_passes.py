"""Passes of participants: a flood from one address takes nobody else's away."""

from app import study_passes
from app.study_passes import FROM_ONE, MOST, Passes


def key(n: int) -> bytes:
    return n.to_bytes(4, "big")


def test_an_address_beyond_its_share_drops_its_own_oldest() -> None:
    passes: Passes[int] = Passes()
    passes.add(key(0), 0, "192.0.2.1")
    for n in range(1, 3 * MOST):
        passes.add(key(n), n, "198.51.100.9")
    assert passes.get(key(0)) == 0 and len(passes) == FROM_ONE + 1
    assert passes.get(key(3 * MOST - FROM_ONE - 1)) is None
    assert passes.get(key(3 * MOST - FROM_ONE)) == 3 * MOST - FROM_ONE


def test_the_oldest_of_all_goes_where_there_are_too_many() -> None:
    passes: Passes[int] = Passes()
    for n in range(MOST + 5):
        passes.add(key(n), n, f"address {n}")
    assert len(passes) == MOST and passes.get(key(4)) is None and passes.get(key(5)) == 5
    assert len(passes._by) == MOST, "addresses without a pass are forgotten"


def test_who_leaves_makes_room(monkeypatch) -> None:
    monkeypatch.setattr(study_passes, "FROM_ONE", 2)
    passes: Passes[int] = Passes()
    for n in range(2):
        passes.add(key(n), n, "here")
    passes.drop(key(0)), passes.drop(key(0))
    passes.add(key(2), 2, "here")
    assert [passes.get(key(n)) for n in range(3)] == [None, 1, 2]
