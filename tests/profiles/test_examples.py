"""A simulated person is marked for good: in the store, in every file, and never as a neighbour."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from engine.data import Outcome
from profiles import examples
from profiles.bundle import answers_csv, answers_jsonl, read_bundle, write_bundle
from profiles.bundle_format import BadBundle, pack, unpack
from profiles.exports import told
from profiles.neighbours import of_people
from profiles.records import NewAnswer
from profiles.store import Store
from tests.profiles.desk import Desk, new_desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return new_desk(Store.open(tmp_path))


def answered(desk: Desk) -> int:
    """An example with one answer."""
    store = desk.store
    made = examples.add(store, desk.user, "Example: calm", "", "#2f6fed").id
    items = tuple(c.id for c in store.items("text", None))[:2]
    asked = store.add_question(made, "text", items, "uniform")
    store.add_answer(NewAnswer(asked.id, Outcome(picks=items[:1]), key="example-key-1"))
    return made


def test_the_mark_cannot_be_taken_off(desk: Desk) -> None:
    made = answered(desk)
    assert [p.id for p in examples.of(desk.store, desk.user)] == [made]
    with pytest.raises(ValueError, match="'simulated' that can be changed"):
        desk.store.change_profile(made, simulated=False)
    with pytest.raises(Exception, match="never changed"):
        desk.store.write(lambda db: db.execute("UPDATE profiles SET simulated = 0"))
    assert desk.store.profile(made).simulated
    assert not desk.store.profile(desk.profile).simulated


def test_every_file_says_so_and_nobody_elses_does(desk: Desk) -> None:
    made, store = answered(desk), desk.store
    desk.pick(desk.ask(), key="a person answers")
    for number, simulated in ((made, True), (desk.profile, False)):
        (line,) = answers_jsonl(store, number)
        assert json.loads(line).get("simulated", False) is simulated
        head, row = csv.reader(answers_csv(store, number))
        assert ("simulated" in head) is simulated
        assert not simulated or row[head.index("simulated")] == "True"
        assert [r.get("simulated", False) for r in told(store, number)] == [simulated]


def test_a_bundle_carries_the_mark_both_ways(desk: Desk) -> None:
    body = write_bundle(desk.store, answered(desk))
    assert json.loads(unpack(body)["profile"])["simulated"] is True
    assert read_bundle(desk.store, desk.user, body).simulated
    assert b"simulated" not in unpack(write_bundle(desk.store, desk.profile))["profile"]
    for wrong in (False, "yes", 1, None):
        parts = unpack(body)
        parts["profile"] = json.dumps({**json.loads(parts["profile"]), "simulated": wrong}).encode()
        with pytest.raises(BadBundle):
            read_bundle(desk.store, desk.user, pack(parts))


def test_it_is_nobodys_neighbour_and_helps_nobody_start(desk: Desk) -> None:
    made, store = answered(desk), desk.store
    for number in (made, desk.profile):
        store.put_version(number, "text", "bt", "s", 1, {"mean": np.ones(3, np.float32)})
        store.starts.help(desk.user, number, True)
    assert len(of_people(store, [made, desk.profile], "text", "bt", "s")) == 1
    assert store.starts.helping(desk.user) == [desk.profile]
