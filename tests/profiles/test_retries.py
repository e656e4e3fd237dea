"""Networks repeat and reorder, people double-click and go back: one row for each decision."""

import random
import threading
from collections import Counter

import pytest

from engine.data import Outcome
from profiles import answers
from profiles.store import Conflict, NewAnswer, Store
from tests.profiles.desk import Desk, new_desk
from tests.profiles.kill_harness import _derived


@pytest.mark.parametrize("seed", range(4))
def test_what_arrives_thrice_in_any_order_counts_once(store: Store, seed: int) -> None:
    """Forty decisions, each sent three times by several threads in an order of its own."""
    desk, chance = new_desk(store), random.Random(seed)
    asked = [desk.ask(*chance.sample(range(12), 2)) for _ in range(40)]
    sent = [
        NewAnswer(q.id, Outcome((chance.choice(q.items),)), key=f"{seed}-{k}")
        for k, q in enumerate(asked)
    ]
    post = [new for new in sent for _ in range(3)]
    chance.shuffle(post)
    told: list[tuple[str, int, bool]] = []

    def carry(part: list[NewAnswer]) -> None:
        for new in part:
            receipt = store.add_answer(new)
            told.append((new.key, receipt.seq, receipt.duplicate))

    threads = [threading.Thread(target=carry, args=(post[i::5],)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = store.answer_rows(desk.profile)
    assert sorted(r["key"] for r in rows) == sorted(new.key for new in sent)
    assert Counter(key for key, _, again in told if not again) == {n.key: 1 for n in sent}
    assert {(key, seq) for key, seq, _ in told} == {(r["key"], r["seq"]) for r in rows}
    before = _derived(store, desk.profile)
    store.write(lambda db: answers.rebuild(db, desk.profile))
    assert _derived(store, desk.profile) == before


def test_a_double_click_with_two_keys_is_one_answer(desk: Desk) -> None:
    """A page that forgot its key: the second is refused, not counted."""
    asked = desk.ask()
    desk.pick(asked, key="first")
    with pytest.raises(Conflict, match="answered already"):
        desk.pick(asked, key="second")
    with pytest.raises(Conflict, match="another answer"):
        desk.pick(asked, 1, key="first")
    assert desk.seqs() == [1]


def test_a_retry_that_arrives_after_the_undo_brings_nothing_back(desk: Desk) -> None:
    """Click, undo, and then the click once more from a slow network."""
    asked = desk.ask()
    desk.pick(asked, key="click")
    assert desk.store.undo(desk.profile, "text", "undo") == 1
    late = desk.pick(asked, key="click")
    assert late.duplicate and late.seq == 1 and desk.seqs() == []
    assert desk.store.undo(desk.profile, "text", "undo") == 1, "the undo again: the same reply"
    assert desk.store.undo(desk.profile, "text", "another undo") is None


def test_back_in_the_browser_and_another_answer_is_refused_until_undone(desk: Desk) -> None:
    first, second = desk.ask(), desk.ask(2, 3)
    desk.pick(first, key="one"), desk.pick(second, key="two")
    with pytest.raises(Conflict):
        desk.pick(first, 1, key="three")
    assert desk.undo() == 2 and desk.undo() == 1
    desk.pick(first, 1, key="three")
    assert [c.outcome.picks for c in desk.store.comparisons(desk.profile, "text")] == [
        (first.items[1],)
    ]


def test_undo_and_redo_sent_twice_move_once(desk: Desk) -> None:
    for places in ((0, 1), (2, 3), (4, 5)):
        desk.pick(desk.ask(*places))
    store, profile = desk.store, desk.profile
    assert [store.undo(profile, "text", "u") for _ in range(3)] == [3, 3, 3]
    assert [store.redo(profile, "text", "r") for _ in range(3)] == [3, 3, 3]
    assert desk.seqs() == [1, 2, 3]
    with pytest.raises(Conflict, match="something else"):
        store.redo(profile, "text", "u")
