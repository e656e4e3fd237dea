"""The values that pass between the parts: frozen dataclasses, numpy at most.

Features are always float32 of shape (n, d) and carry the name of their space; a use in a wrong
space raises WrongSpace.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Kind = Literal["picture", "text"]
Word = Literal["both_good", "both_bad", "skip"]


class WrongSpace(ValueError):
    """Vectors of one space were used in another."""


def same_space(expected: str, got: str) -> None:
    """Raise WrongSpace unless the two names are equal."""
    if expected != got:
        raise WrongSpace(
            f"this belief lives in space {expected!r}, the vectors in {got!r}; encode "
            f"them with the encoder of {expected!r}"
        )


@dataclass(frozen=True)
class Candidate:
    """Something a person can like: a picture or a passage.

    `hash` is the sha256 hex digest of the bytes (picture) or of the UTF-8 text.
    `prompt` is what it shows or answers; `attributes` holds tags (style, voice, concept, licence).
    """

    id: int
    kind: Kind
    hash: str
    prompt: str = ""
    text: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a person answered: picks in click order, or one word.

    In JSON: {"picks": [ids]} or "both_good", "both_bad", "skip".
    """

    picks: tuple[int, ...] = ()
    word: Word | None = None

    @classmethod
    def parse(cls, value: object, shown: Sequence[int]) -> "Outcome":
        """Read JSON; ValueError says what is wrong. `shown` are the ids of the question."""
        if isinstance(value, str):
            if value not in ("both_good", "both_bad", "skip"):
                raise ValueError(
                    f"outcome {value!r} is not known; send {{'picks': [ids]}}, "
                    "'both_good', 'both_bad' or 'skip'"
                )
            if value != "skip" and len(shown) != 2:
                raise ValueError(f"{value!r} answers a pair; a grid takes picks or 'skip'")
            return cls(word=value)  # type: ignore[arg-type]
        picks = value.get("picks") if isinstance(value, dict) else None
        if not isinstance(picks, list) or not all(type(i) is int for i in picks):
            raise ValueError("outcome must be {'picks': [ids in click order]} or a word")
        if not picks:
            raise ValueError("picks is empty; to pick nothing, send 'skip'")
        if len(set(picks)) != len(picks) or not set(picks) <= set(shown):
            raise ValueError("picks must be distinct ids out of those shown in this question")
        if len(shown) == 2 and len(picks) != 1:
            raise ValueError("a pair takes one pick; for both send 'both_good'")
        return cls(picks=tuple(picks))

    def json(self) -> Any:
        return self.word if self.word else {"picks": list(self.picks)}

    def opposite(self, shown: Sequence[int]) -> "Outcome":
        """The other answer to a question about two; ValueError for a grid or skip: it has none."""
        if self.word == "skip" or len(shown) != 2:
            raise ValueError(
                "only an answer about two things has an opposite; drop this one instead"
            )
        if self.word:
            return Outcome(word="both_bad" if self.word == "both_good" else "both_good")
        return Outcome(picks=(shown[1] if self.picks[0] == shown[0] else shown[0],))


@dataclass(frozen=True)
class Question:
    """What was shown, in display order (left first), and why: fixed before display."""

    id: int
    profile: int
    kind: Kind
    items: tuple[int, ...]
    rule: str = "uniform"
    repeat_of: int | None = None

    @property
    def form(self) -> Literal["pair", "grid"]:
        return "pair" if len(self.items) == 2 else "grid"


@dataclass(frozen=True)
class Comparison:
    """One answer: the question, the outcome, how strongly (0.5 weak, 1 plain, 2 much better)."""

    seq: int
    question: Question
    outcome: Outcome
    strength: float = 1.0
    ms: int | None = None
    source: str = "choose"
    created: float = 0.0


@dataclass(frozen=True)
class Features:
    """Rows of one space, found by item id. `matrix` is (n, d) float32, `ids` (n,) int."""

    space: str
    ids: NDArray[np.int64]
    matrix: Array
    _row: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.matrix):
            raise ValueError(f"{len(self.ids)} ids for {len(self.matrix)} rows")
        object.__setattr__(self, "_row", {int(i): k for k, i in enumerate(self.ids)})

    def rows(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Row numbers of the ids; KeyError names the first unknown one."""
        return np.fromiter((self._row[int(i)] for i in ids), np.int64, len(ids))

    def of(self, ids: Sequence[int]) -> Array:
        """(len(ids), d) vectors in the order of ids."""
        return self.matrix[self.rows(ids)]

    def __contains__(self, item: object) -> bool:
        return item in self._row

    def __len__(self) -> int:
        return len(self.ids)


def never() -> bool:
    return False


@dataclass(frozen=True)
class Request:
    """What to make. `cancelled` is asked between yields.

    `system`, when not empty, is what a language model is told to be in place of a writer.
    """

    prompt: str
    n: int = 4
    seed: int = 0
    max_tokens: int = 80
    temperature: float = 0.8
    cancelled: Callable[[], bool] = never
    system: str = ""


@dataclass(frozen=True)
class Draw(Request):
    """What to draw. None leaves a setting to the model; `size` is (height, width) in pixels."""

    steps: int | None = None
    guidance: float | None = None
    size: tuple[int, int] | None = None
    negative: str = ""


@dataclass(frozen=True)
class Sample:
    """One result, or a piece of one while `done` is False.

    `pixels` (h, w, 3) uint8 is a drawn picture, or a first look at one. `delta` is the new text
    since the last piece; `text` the whole so far. `item` is the id of a pool item for results
    "from the collection". `score` and `std`: predicted liking and its posterior deviation, in
    utility units, where a belief was at hand.
    """

    index: int
    text: str = ""
    delta: str = ""
    pixels: NDArray[np.uint8] | None = None
    item: int | None = None
    done: bool = True
    score: float | None = None
    std: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Progress:
    """A report of long work: `done` of `total` steps, plain words, and numbers for a plot."""

    done: int
    total: int
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
