"""A desk: one profile with passages to ask about, and what the tests put into a store."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from engine.data import Outcome, Question
from profiles import captions, reasons
from profiles.store import Answer, NewAnswer, NewItem, Store

WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 "


def sha(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def passages(n: int, word: str = "passage") -> list[NewItem]:
    texts = [f"{word} {i}" for i in range(n)]
    return [NewItem(sha(t), "say it", t, "starter", {"voice": "dry"}) for t in texts]


def pictures(n: int, word: bytes = b"") -> list[NewItem]:
    return [
        NewItem(sha(b), f"drawing {i}", made="own", media=b)
        for i, b in enumerate(WEBP + word + bytes([i]) for i in range(n))
    ]


@dataclass
class Desk:
    """Asks and answers; every key is new."""

    store: Store
    user: int
    profile: int
    texts: list[int]
    keys: Iterator[int] = field(default_factory=count)

    def ask(self, *places: int, rule: str = "uniform", repeat_of: int | None = None) -> Question:
        items = [self.texts[i] for i in places or (0, 1)]
        return self.store.add_question(self.profile, "text", items, rule, repeat_of)

    def pick(self, question: Question, place: int = 0, **more) -> Answer:
        outcome = Outcome(picks=(question.items[place],))
        more.setdefault("key", f"key-{next(self.keys)}")
        return self.store.add_answer(NewAnswer(question.id, outcome, **more))

    def say(self, question: Question, word: str, **more) -> Answer:
        more.setdefault("key", f"key-{next(self.keys)}")
        return self.store.add_answer(NewAnswer(question.id, Outcome(word=word), **more))

    def why(self, seq: int, *chips: str, words: str = "") -> bool:
        key = f"why-{next(self.keys)}"
        return self.store.reasons.give(reasons.new(self.profile, seq, chips, words, key))

    def undo(self) -> int | None:
        return self.store.undo(self.profile, "text", f"key-{next(self.keys)}")

    def redo(self) -> int | None:
        return self.store.redo(self.profile, "text", f"key-{next(self.keys)}")

    def seqs(self) -> list[int]:
        return [c.seq for c in self.store.comparisons(self.profile, "text")]


def full_desk(store: Store) -> Desk:
    """Twelve answers in both media, own pictures, a caption, undo and redo, two versions."""
    desk = new_desk(store, 8)
    own = store.add_items("picture", pictures(4), desk.user, desk.profile)
    who = (desk.user, desk.profile)
    store.write(lambda db: captions.put(db, who, own[0], "the small one"))
    hashes = [row.hash for row in pictures(4)]
    store.put_embeddings("starter:picture", hashes, np.eye(4, 6, dtype=np.float32))
    first = desk.ask(0, 1)
    for i in range(6):
        asked = desk.ask(i, i + 1) if i else first
        desk.pick(asked, i % 2, predicted=0.25 + i / 10, ms=900 + i, note="fine")
    desk.why(1, "shorter"), desk.why(1, "shorter", "calmer", words="it breathes"), desk.why(2)
    desk.pick(desk.ask(0, 1, 2, 3), 2, strength=2.0, extra={"why": "=warmer"})
    desk.say(desk.ask(1, 0, repeat_of=first.id), "both_good", predicted=1 / 3)
    desk.say(desk.ask(6, 7), "skip")
    desk.undo(), desk.undo(), desk.redo()
    grid = store.add_question(desk.profile, "picture", own, "thompson")
    picks = Outcome(picks=(own[3], own[0]))
    store.add_answer(NewAnswer(grid.id, picks, key="grid-1", source="create"))
    desk.ask(4, 5)
    state = {"mean": np.arange(6.0), "cov": np.eye(6)}
    store.put_version(desk.profile, "text", "bt", "starter:text", 4, state, "first")
    store.put_version(desk.profile, "text", "bt", "starter:text", 8, state)
    return desk


def new_desk(store: Store, n: int = 12) -> Desk:
    user = store.local_user()
    profile = store.add_profile(user, "Ann", "stories", "#2f6fed").id
    return Desk(store, user, profile, store.add_items("text", passages(n), None))
