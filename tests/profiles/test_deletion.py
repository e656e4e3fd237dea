"""A deleted profile is gone from the tables, the vectors, the media and the bytes of the files."""

import random

import numpy as np
import pytest

from engine.data import Outcome
from profiles import reasons
from profiles.store import NewAnswer, NewItem, Store
from tests.profiles.desk import WEBP, Desk, full_desk, new_desk, passages, pictures, sha

CANARY = "canary bird 4711"


def bytes_with(store: Store, text: str) -> list[str]:
    """Files of the folder, backups left out, that hold the text."""
    return [
        path.name
        for path in store.folder.rglob("*")
        if path.is_file() and path.parent.name != "backups" and text.encode() in path.read_bytes()
    ]


def sing(desk: Desk, word: str, rng: random.Random, rounds: int) -> None:
    """Write the word wherever a person's text can end up."""
    store, profile = desk.store, desk.profile
    store.change_profile(profile, name=word, purpose=word)
    for i in range(rounds):
        asked = store.add_question(profile, "text", rng.sample(desk.texts, 2), rule=word[:40])
        note = word * rng.randint(0, 150)
        outcome = Outcome((asked.items[0],))
        extra = {"why": word}
        store.add_answer(
            NewAnswer(asked.id, outcome, 1.0, None, word, f"{word}{asked.id}", None, note, extra)
        )
        seq = store.answer_rows(profile)[-1]["seq"]
        store.reasons.give(reasons.new(profile, seq, (), word, f"why{word}{asked.id}"))
        if i % 3 == 0:
            text = f"{word * rng.randint(1, 90)} {i} {profile}"
            store.add_items("text", [NewItem(sha(text), word, text)], desk.user, profile)
            store.add_generation(
                profile, "text", word, 0, 1.0, {"p": word}, [word] * rng.randint(1, 60)
            )
        if i % 5 == 0:
            store.add_event(desk.user, word, {"w": word}, profile)
            store.put_version(profile, "text", "bt", "s", i, {"m": np.zeros(9)}, word)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_byte_of_the_text_is_left(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    mine, other = new_desk(store), new_desk(store)
    for _ in range(6):
        sing(mine, CANARY, rng, 1)
    for part in range(6):
        mine.texts, other.texts = other.texts, mine.texts
        for desk, word in ((mine, CANARY + str(part)), (other, "plain word")):
            sing(desk, word, rng, 12)
    backup = store.backup()
    assert "penchant.db" in bytes_with(store, CANARY) or "penchant.db-wal" in bytes_with(
        store, CANARY
    )
    told = store.delete_profile(mine.profile)
    assert bytes_with(store, CANARY) == []
    assert told["left"] == 0 and told["scrubbed"] and told["backups"] == [str(backup)]
    assert CANARY.encode() in backup.read_bytes()
    assert told["removed"]["answers"] == 78 and told["removed"]["items"] == 30
    assert store.counts(other.profile)["text"] == 72
    assert store.read(lambda db: db.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
    assert store.read(lambda db: db.execute("PRAGMA foreign_key_check").fetchall()) == []


def test_it_counts_what_went_and_nothing_is_left(store: Store) -> None:
    desk = full_desk(store)
    told = store.delete_profile(desk.profile)
    wanted = {"answers": 13, "questions": 11, "versions": 2, "items": 4, "embeddings": 4,
              "media": 4, "profiles": 1}  # fmt: skip
    assert {k: told["removed"][k] for k in wanted} == wanted and told["left"] == 0
    assert [p for p in (store.folder / "media").rglob("*") if p.is_file()] == []
    for gone in (store.profile, store.delete_profile, store.undo):
        with pytest.raises(KeyError, match="no profile"):
            gone(desk.profile, *(["text", "k"] if gone == store.undo else []))
    assert store.items("text", None) and store.answer_rows(desk.profile) == []


def test_what_others_use_stays(store: Store) -> None:
    one, two = new_desk(store), new_desk(store)
    both, mine, unshown, free = store.add_items("picture", pictures(4), one.user, one.profile)
    theirs = store.add_items("picture", pictures(4)[1:2], store.put_user("bob", "hash"))
    store.put_embeddings("s", [p.hash for p in pictures(4)], np.eye(4, dtype=np.float32))
    store.add_question(one.profile, "picture", [both, mine])
    store.add_question(two.profile, "picture", [both, free])
    told = store.delete_profile(one.profile)
    assert [c.id for c in store.items("picture", one.user)] == [both, free]
    assert told["removed"]["items"] == 2 and told["removed"]["media"] == 1
    kept = [pictures(4)[i].hash for i in (0, 1, 3)]
    assert store.embeddings("s", kept).shape == (3, 4)
    assert all(store.media_path(h).exists() for h in kept)
    assert (
        store.item(theirs[0]).hash == kept[1] and not store.media_path(pictures(4)[2].hash).exists()
    )
    store.delete_profile(two.profile)
    assert store.items("picture", one.user) == []


def test_the_last_profile_takes_everything_of_its_owner_along(store: Store) -> None:
    desk = new_desk(store)
    store.add_items("text", passages(3, "own"), desk.user)
    store.add_items("picture", [NewItem(sha(WEBP), media=WEBP)], desk.user)
    told = store.delete_profile(desk.profile)
    assert told["removed"]["items"] == 4 and store.items("picture", desk.user) == []


def test_deleting_twice_or_while_answering_is_told(desk: Desk) -> None:
    asked = desk.ask()
    desk.store.delete_profile(desk.profile)
    with pytest.raises(KeyError, match="no question"):
        desk.pick(asked)
    with pytest.raises(KeyError, match="no profile"):
        desk.ask()
