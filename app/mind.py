"""What the studio believes about one person and one medium: ask, learn, count.

Nothing here knows the database: the Studio hands in comparisons and features, and stores what
comes back. Every cost on the click path is independent of how many answers came before.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Comparison, Features, Kind, Outcome, Question
from engine.preference import PREFERENCE
from engine.prequential import Tally, Trace
from engine.queries import QUERIES

GRID = {"picture": 9, "text": 3}
ENOUGH_PICKS = 3
REPEAT_EVERY = 12
RANDOM_EVERY = 6
RECENT = 24


@dataclass(frozen=True)
class Shelf:
    """What can be asked about: features in the taste space, and groups that hold something fixed.

    `groups` are row numbers of one concept (pictures) or one task (words), at least two each;
    `roam` those that may be asked about at all. `prior` is the engine's Prior of that space.
    """

    kind: Kind
    features: Features
    groups: tuple[NDArray[np.int64], ...]
    roam: NDArray[np.int64]
    prior: Any

    @cached_property
    def spread(self) -> Array:
        """(d, d) second moments of about 200 items about their mean: what doubt is measured on."""
        sample = self.features.matrix[:: max(1, len(self.features) // 200)].astype(np.float64)
        sample -= sample.mean(0)
        return np.asarray(sample.T @ sample / len(sample))

    @cached_property
    def _doubts(self) -> dict[tuple[float, float], float]:
        return {}

    def doubt(self, belief: Any) -> float:
        """Doubt about the items before any answer, in the units of this linear belief; kept, for
        every vote asks for it. Knobs come from short lists, so few are ever kept.
        """
        knobs = (belief.scale, belief.tie)
        found = self._doubts.get(knobs)
        if found is None:
            found = self._doubts[knobs] = float(belief.before(self.prior).doubt(self.spread))
        return found

    def longer(self, ids: Sequence[int], matrix: Array) -> "Shelf":
        """The same with more rows at its end, which no rule picks by itself. matrix (n, d)."""
        if not len(ids):
            return self
        old = self.features
        every = np.concatenate([old.ids, np.array(ids, np.int64)])
        return replace(self, features=Features(old.space, every,
                                               np.concatenate([old.matrix, matrix])))  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A question before it has an id."""

    items: tuple[int, ...]
    rule: str
    repeat_of: int | None = None

    @property
    def form(self) -> str:
        return "pair" if len(self.items) == 2 else "grid"


@dataclass(frozen=True)
class Met:
    """An answer as a belief met it (engine/meeting.py)."""

    belief: Any
    question: Question
    outcome: Outcome
    meeting: Any

    def fits(self, belief: Any, told: Comparison) -> bool:
        """Whether this is that answer, and the belief still the one that met it."""
        return (
            self.belief is belief
            and self.question == told.question
            and self.outcome == told.outcome
        )


@dataclass
class Mind:
    """One belief with its running counts. Use it under `lock`."""

    profile: int
    shelf: Shelf
    belief: Any
    seq: int = 0
    answers: int = 0
    picks: int = 0
    asked: int = 0
    rule: str | None = None
    honest: Tally = field(default_factory=Tally)
    every: Tally = field(default_factory=Tally)
    agreed: int = 0
    repeats: int = 0
    curve: Trace = field(default_factory=Trace)
    pairs: deque[Comparison] = field(default_factory=lambda: deque(maxlen=RECENT))
    waiting: dict[int, Comparison] = field(default_factory=dict)
    recent: deque[tuple[int, ...]] = field(default_factory=lambda: deque(maxlen=RECENT))
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    # What was foretold last, to be learnt from without working it out again.
    _met: Met | None = field(default=None, repr=False)

    @classmethod
    def blank(cls, profile: int, shelf: Shelf, method: str = "auto") -> "Mind":
        return cls(profile, shelf, PREFERENCE[method].load().blank(shelf.prior))

    @property
    def linear(self) -> Any:
        """The part of the belief that is one direction: what axes are read from, models bent by."""
        return getattr(self.belief, "linear", self.belief)

    def form(self, ahead: int = 0) -> str:
        """Grids first, and every third question a pair: closer, and it can come back swapped.

        `ahead`: of the question after so many more answers.
        """
        return "pair" if (self.answers + ahead) % 3 == 2 else "grid"

    def plan(self, form: str | None = None) -> Plan:
        """The next question, by the person's own posterior; the same state asks the same."""
        form = form or self.form()
        n, self.asked = self.asked, self.asked + 1
        if form == "pair" and n % REPEAT_EVERY == REPEAT_EVERY - 1 and self.pairs:
            old = self.pairs.popleft()
            self.waiting[old.question.id] = old
            return Plan(old.question.items[::-1], "repeat", old.question.id)
        rng = np.random.default_rng([self.profile, n, self.seq])
        rule = self.rule or ("uniform" if n % RANDOM_EVERY == RANDOM_EVERY - 1 else "d_optimal")
        held = self.shelf.kind == "text" or n % 2 == 1
        rows = QUERIES[rule].load()(
            self.belief,
            self.shelf.features,
            2 if form == "pair" else GRID[self.shelf.kind],
            rng,
            groups=self.shelf.groups if held else (self.shelf.roam,),
            recent=tuple(self.recent),
        )
        shown = tuple(int(i) for i in self.shelf.features.ids[rng.permutation(rows)])
        self.recent.append(shown)
        return Plan(shown, rule)

    def offered(self, items: tuple[int, ...], rule: str) -> Plan:
        """A question that was prepared elsewhere takes its turn."""
        n, self.asked = self.asked, self.asked + 1
        rng = np.random.default_rng([self.profile, n, self.seq])
        shown = tuple(int(i) for i in rng.permutation(items))
        self.recent.append(shown)
        return Plan(shown, rule)

    def knows(self, question: Question) -> bool:
        """False when an item of the question has left the shelf since it was shown."""
        return all(i in self.shelf.features for i in question.items)

    def predict(self, question: Question, outcome: Outcome) -> float | None:
        """Probability of this outcome before it is learnt from; None for words such as skip."""
        self._met = None
        if outcome.word or not self.knows(question):
            return None
        features = self.shelf.features
        if not hasattr(self.belief, "meet"):
            return float(self.belief.predict(question, outcome, features))
        met = self.belief.meet(question, outcome, features)
        self._met = Met(self.belief, question, outcome, met)
        return float(self.belief.foretold(met))

    def learn(self, comparison: Comparison, predicted: float | None) -> None:
        """Take one answer in: one step of the belief and the counts."""
        met, self._met = self._met, None
        if met is not None and met.fits(self.belief, comparison):
            self.belief = self.belief.learnt(met.meeting, comparison.strength)
        elif self.knows(comparison.question):
            self.belief = self.belief.update(comparison, self.shelf.features)
        self.count(comparison, predicted)

    def count(self, comparison: Comparison, predicted: float | None) -> None:
        """The running counts only; the belief came from a stored version."""
        question, outcome = comparison.question, comparison.outcome
        self.seq = comparison.seq
        if outcome.word != "skip":
            self.answers += 1
            self.picks += len(outcome.picks)
        if predicted is not None and question.repeat_of is None:
            self.every = self.every.add(predicted)
            if question.rule == "uniform":
                self.honest = self.honest.add(predicted)
            self.curve.add(self.answers, self.every)
        if question.form == "pair":
            self._agreement(comparison)

    def _agreement(self, comparison: Comparison) -> None:
        first, picks = comparison.question.repeat_of, comparison.outcome.picks
        if first is None:
            if picks:
                self.pairs.append(comparison)
            return
        before = self.waiting.pop(first, None)
        if before is not None and picks:
            self.repeats += 1
            self.agreed += before.outcome.picks == picks

    def replay(
        self, answers: Iterable[tuple[Comparison, float | None]], since: int, asked: int
    ) -> None:
        """Rebuild from the log. Answers up to `since` are already inside the belief."""
        for comparison, predicted in answers:
            first = comparison.question.repeat_of
            if first is not None:
                for old in [p for p in self.pairs if p.question.id == first]:
                    self.pairs.remove(old)
                    self.waiting[first] = old
            self.recent.append(comparison.question.items)
            if comparison.seq <= since:
                self.count(comparison, predicted)
            else:
                self.learn(comparison, predicted)
        self.asked = asked

    def still(self) -> "Mind":
        """As it is now, to be read while it goes on learning. Under the lock; cheap."""
        curve = replace(self.curve, points=list(self.curve.points))
        return replace(self, curve=curve, lock=threading.RLock(), _met=None)

    def refit(self, comparisons: Sequence[Comparison]) -> Any:
        """A belief fitted to all answers at once, from the prior; not yet put in place."""
        usable = self.usable(comparisons)
        return type(self.belief).fit(usable, self.shelf.features, self.shelf.prior)

    def usable(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Those whose items are all still on the shelf."""
        return [c for c in comparisons if self.knows(c.question)]
