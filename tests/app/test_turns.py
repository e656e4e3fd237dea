"""The slot goes round: with k people waiting nobody has more than one turn in k."""

import threading
from collections import Counter
from collections.abc import Iterable

import pytest

from app.turns import ASKING, Left, Turns, Visit


def crowd(turns: Turns, wanted: Iterable[int]) -> tuple[list[int], list[threading.Thread]]:
    """Everybody of `wanted` queues, in that order, while the slot is held; who had it, in order."""
    order: list[int] = []

    def work(visit: Visit) -> None:
        ASKING.set(visit)
        with turns.turn():
            order.append(visit.user)

    threads = []
    for user in wanted:
        visit = Visit(user)
        thread = threading.Thread(target=work, args=(visit,))
        thread.start()
        threads.append(thread)
        while turns.before(visit) is None:
            pass
    return order, threads


@pytest.mark.parametrize("wanted", [
    [1] * 60 + [2] * 20 + [3] * 20, [1, 2, 3] * 20, [3] + [1] * 40 + [2] * 40 + [3] * 30,
])  # fmt: skip
def test_of_k_people_waiting_nobody_has_more_than_one_turn_in_k(wanted: list[int]) -> None:
    turns = Turns()
    with turns.spare() as free:
        assert free
        order, threads = crowd(turns, wanted)
    for thread in threads:
        thread.join(30)
    assert Counter(order) == Counter(wanted)
    least = min(Counter(wanted).values())
    for n in range(1, 3 * least + 1):  # as long as all three wait
        most = Counter(order[:n]).most_common(1)[0][1]
        assert most <= -(-n // 3), (n, order[:n])
    assert not turns.taken() and not turns.wanted()


def test_the_place_that_is_told_is_the_number_of_turns_before() -> None:
    turns, seen = Turns(), {}
    lock = threading.Lock()
    visits = [Visit(user) for user in (1, 1, 1, 2, 3, 3)]
    done: list[Visit] = []

    def work(visit: Visit) -> None:
        ASKING.set(visit)
        with turns.turn(), lock:
            done.append(visit)

    with turns.spare():
        threads = []
        for visit in visits:
            threads.append(threading.Thread(target=work, args=(visit,)))
            threads[-1].start()
            while turns.before(visit) is None:
                pass
        seen = {visit: turns.before(visit) for visit in visits}
    for thread in threads:
        thread.join(30)
    # The slot itself was held by one more, which counts as a turn before.
    assert {visit: n + 1 for n, visit in enumerate(done)} == seen
    assert [v.user for v in done] == [1, 2, 3, 1, 3, 1]


def test_who_leaves_loses_the_place_and_nobody_elses() -> None:
    turns, visit, told = Turns(), Visit(1), []

    def work() -> None:
        ASKING.set(visit)
        try:
            with turns.turn():
                told.append("had it")
        except Left:
            told.append("left")

    with turns.spare():
        thread = threading.Thread(target=work)
        thread.start()
        while turns.before(visit) is None:
            pass
        visit.gone.set()
        thread.join(30)
        assert told == ["left"] and not turns.wanted() and not turns.busy(1)
    assert not turns.taken()


def test_the_header_says_making_only_to_whose_work_it_is() -> None:
    turns = Turns()
    with turns.spare(7):
        assert turns.busy(7) and not turns.busy(8)
    assert not turns.busy(7)
