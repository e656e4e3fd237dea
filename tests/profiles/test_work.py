"""Jobs and adapters: rows that outlive the process that made them."""

import pytest

from profiles.store import Store
from tests.profiles.desk import Desk, full_desk

NEW = {"job_id": None, "name": "first", "kind": "text", "base": "tiny", "digest": "a" * 64,
       "card": {"answers": 40}}  # fmt: skip


@pytest.fixture
def desk(store: Store) -> Desk:
    return full_desk(store)


def test_the_newest_adapter_is_chosen_and_a_removed_one_hands_over(store: Store, desk) -> None:
    first = store.work.add_adapter(desk.profile, NEW)
    second = store.work.add_adapter(desk.profile, {**NEW, "name": "second", "digest": "b" * 64})
    assert [(a["id"], a["chosen"]) for a in store.work.adapters(desk.profile)] == [
        (second, True),
        (first, False),
    ]
    store.work.remove_adapter(second)
    assert store.work.adapter(first)["chosen"]
    with pytest.raises(KeyError, match="no adapter"):
        store.work.adapter(second)


def test_a_commit_that_is_tried_twice_is_one_adapter(store: Store, desk) -> None:
    job = store.work.add_job(desk.user, "tune", {}, desk.profile)
    ids = {store.work.add_adapter(desk.profile, {**NEW, "job_id": job}) for _ in range(2)}
    assert len(ids) == 1


def test_open_jobs_are_those_that_are_not_over(store: Store, desk) -> None:
    jobs = [store.work.add_job(desk.user, "tune", {"n": n}, desk.profile) for n in range(3)]
    store.work.change_job(jobs[0], "done")
    store.work.change_job(jobs[1], "interrupted")
    assert [j["id"] for j in store.work.open_jobs()] == jobs[1:]
    assert store.work.job(jobs[2])["request"] == {"n": 2}


def test_a_note_adds_to_the_card(store: Store, desk) -> None:
    made = store.work.add_adapter(desk.profile, NEW)
    store.work.note_adapter(made, {"blind": {"mine": 3}})
    store.work.rename_adapter(made, "evening")
    found = store.work.adapter(made)
    assert found["card"] == {"answers": 40, "blind": {"mine": 3}} and found["name"] == "evening"


def test_a_deleted_profile_leaves_no_adapter(store: Store, desk) -> None:
    store.work.add_adapter(desk.profile, NEW)
    gone = store.delete_profile(desk.profile)
    assert gone["removed"]["adapters"] == 1 and not gone["left"]
