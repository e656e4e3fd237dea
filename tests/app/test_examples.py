"""Examples: a simulated person answers through the studio's own loop; marked, and gone at once."""

import json
import threading

import numpy as np
import pytest

from app import examples as module
from app.examples import Examples
from app.simulated import PEOPLE, Liking, picks
from app.studio import Studio
from app.wire import Bad, Missing
from profiles.bundle_format import unpack


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "OF", 6)
    return 6


@pytest.fixture(autouse=True)
def nothing_drawn(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is warmed and nothing drawn ahead: the answers are what is looked at."""
    monkeypatch.setattr(studio.maker, "warm", lambda kind: None)
    monkeypatch.setattr(studio.fresh, "after", lambda user, profile: None)


def test_a_person_keeps_to_what_they_weigh(studio: Studio) -> None:
    """Who likes blue picks bluer drawings than they leave; who likes plain words shorter ones."""
    calm = PEOPLE[0]
    for kind, name in (("picture", "blue parts"), ("text", "sentence length")):
        liking = Liking(studio, kind, getattr(calm, kind))  # type: ignore[arg-type]
        pool, shelf = studio.shelves.pool(kind), studio.shelves.starter(kind)  # type: ignore[arg-type]
        column = [s[0] for s in pool.stat_names].index(name)
        value = {r["hash"]: row[column] for r, row in zip(pool.records, pool.stats, strict=True)}
        rng, gaps = np.random.default_rng(0), []
        for _ in range(60):
            ids = rng.choice(shelf.features.ids, 3, replace=False)
            shown = [studio.shelves.candidate(int(i)) for i in ids]
            taken = picks(liking, shown, rng)
            told = {c.id: float(value[c.hash]) for c in shown}
            gaps.append(told[taken[0]] - np.mean(list(told.values())))
        assert np.sign(getattr(calm, kind)[name]) * np.mean(gaps) > 2 * np.std(gaps) / 60**0.5


def test_it_is_made_by_answering_and_says_simulated_everywhere(studio: Studio, few: int) -> None:
    user, made = studio.store.local_user(), Examples(studio)
    told = made.finish(user, "calm")
    assert told["ready"] and told["answers"] == 2 * few
    profile = told["profile"]
    (row,) = studio.profiles(user)
    assert row["simulated"] and row["id"] == profile and row["name"].startswith("Example:")
    assert {r["source"] for r in studio.store.answer_rows(profile)} == {"simulated"}
    body, name, _ = studio.export(user, profile)
    assert json.loads(unpack(body)["profile"])["simulated"] is True and "simulated" in name
    body, name, _ = studio.export(user, profile, "answers", "jsonl")
    assert all(json.loads(line)["simulated"] for line in body.splitlines()) and "simulated" in name
    assert studio.import_bundle(user, studio.export(user, profile)[0])["simulated"]
    assert made.finish(user, "calm")["profile"] == profile, "opened again, not made again"


def test_an_example_never_counts_and_goes_at_once(studio: Studio, few: int) -> None:
    user, made = studio.store.local_user(), Examples(studio)
    own = int(studio.new_profile(user, "mine")["id"])
    profiles = [made.finish(user, p.key)["profile"] for p in PEOPLE[:2]]
    for profile in profiles:
        studio.starting.help(user, profile, True)
    assert studio.store.starts.helping(user) == []
    assert made.remove(user) == {"removed": 2}
    assert [row["id"] for row in studio.profiles(user)] == [own]
    assert all(e["profile"] is None for e in made.about(user)["examples"])


def test_one_that_was_left_half_made_goes_on(studio: Studio, few: int) -> None:
    user, made = studio.store.local_user(), Examples(studio)
    profile = made._make(user, PEOPLE[1])
    told = made.about(user)["examples"][1]
    assert (told["profile"], told["answers"], told["ready"]) == (profile, 0, False)
    assert made.finish(user, "bright")["profile"] == profile
    assert made.about(user)["examples"][1]["ready"]


def test_removed_while_it_is_made_it_ends(studio: Studio) -> None:
    user, made = studio.store.local_user(), Examples(studio)
    told = made.open(user, "ink")
    work: threading.Thread = made._at_work[told["profile"]]
    made.remove(user)
    work.join(20)
    assert not work.is_alive() and studio.profiles(user) == []


def test_nobody_else_is_an_example(studio: Studio) -> None:
    user = studio.store.local_user()
    with pytest.raises(Missing, match="calm, bright, ink"):
        Examples(studio).open(user, "nobody")
    with pytest.raises(Bad, match="calm, bright, ink"):
        module.command(studio, user, type("Given", (), {"name": "nobody"}))
