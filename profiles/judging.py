"""Answers looked at again: the store's door to verdicts (see verdicts.py)."""

from collections.abc import Callable
from typing import Any

from sqlite_utils import Database

from engine.data import Comparison, Kind
from profiles import answers, verdicts
from profiles.verdicts import Verdict

Do = Callable[[Callable[[Database], Any]], Any]


class Judging:
    """`store.judging`. `read` and `write` are the store's own, with all they promise."""

    def __init__(self, read: Do, write: Do) -> None:
        self.read, self.write = read, write

    def give(self, user: int, profile: int, seq: int, act: str, key: str) -> bool:
        """Durable on return. False: it had been stored before under this key."""
        verdict = Verdict(seq, act, key)
        return bool(self.write(lambda db: self._give(db, (user, profile), verdict)))

    def of(self, profile: int) -> dict[int, str]:
        """keep, flip or drop by the seq of its answer; whether that counts is not looked at."""
        return dict(self.read(lambda db: verdicts.holding(verdicts.rows(db, profile))))

    def said(self, profile: int, kind: Kind) -> list[tuple[Comparison, float | None]]:
        """The answers that count as they were given, each with its prediction."""
        return list(self.read(lambda db: answers.said(db, profile, kind)))

    def one(self, profile: int, seq: int) -> Comparison | None:
        """The answer with this number as it was given; None where it does not count."""
        found = self.read(lambda db: answers.one(db, profile, seq))
        return found[0] if found else None

    @staticmethod
    def _give(db: Database, who: tuple[int, int], verdict: Verdict) -> bool:
        found = answers.one(db, who[1], verdict.seq)
        return verdicts.give(db, who, verdict, found[0] if found else None)
