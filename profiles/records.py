"""What goes into the store and comes out of it, as frozen dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.data import Kind, Outcome, Question


@dataclass(frozen=True)
class NewItem:
    """A candidate to add. `hash` is the sha256 hex digest of `media`, or of the UTF-8 `text`.

    `made` says where it comes from: starter, own, generated. `media` are the bytes to keep for a
    picture of one's own; the pool that ships keeps its own bytes and passes None.
    """

    hash: str
    prompt: str = ""
    text: str | None = None
    made: str = "own"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    media: bytes | None = None


@dataclass(frozen=True)
class NewAnswer:
    """An answer as it comes in. `key` makes it idempotent: the same key twice is one answer.

    `predicted` is the probability the belief gave this outcome before learning from it. `extra`
    takes what a method wants to remember (a reason, a context, a generator's fingerprint).
    """

    question_id: int
    outcome: Outcome
    strength: float = 1.0
    ms: int | None = None
    source: str = "choose"
    key: str = ""
    predicted: float | None = None
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """Receipt of a stored answer. `duplicate`: it had been stored before under the same key.

    `following`: the question that was fixed together with it, where one was.
    """

    seq: int
    profile_id: int
    duplicate: bool = False
    following: Question | None = None


@dataclass(frozen=True)
class Version:
    """A derived state of a profile, built from its answers up to and including `seq`."""

    id: int
    kind: Kind
    method: str
    space: str
    seq: int
    created: float
    note: str = ""


@dataclass(frozen=True)
class NewQuestion:
    """What will be shown, in display order, and why."""

    profile: int
    kind: Kind
    items: tuple[int, ...]
    rule: str = "uniform"
    repeat_of: int | None = None


@dataclass(frozen=True)
class LogRow:
    """One row of the answers log as it lies on the disk; `digest` covers all other fields."""

    profile: int
    seq: int
    act: str
    kind: Kind
    question: int
    target: int | None
    outcome: str | None
    strength: float
    ms: int | None
    source: str
    key: str
    predicted: float | None
    note: str
    extra: str
    created: float
