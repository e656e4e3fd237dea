"""Minds kept in memory, and the loop of ask, answer, undo over a store.

The order on an answer is law: predict, write durably, learn, reply. The next question is planned
while the person looks at this one, and stored together with the answer that brings it up.
"""

import logging
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.ahead import Ahead
from app.meek import VOTES
from app.mind import Mind, Plan, Shelf
from app.trim import give_back
from engine.data import Comparison, Kind, Outcome, Question
from engine.fitting import Failed, Fitter
from engine.preference import PREFERENCE

METHOD = "auto"
# A fit is due after so many answers, or after this share of a longer history.
REFIT_EVERY, REFIT_SHARE = 8, 4
QUIET = 1.5
KEPT = 512
ASKED = 2 * KEPT
# Fits that wait before they are made in a process of their own, and votes within the last second.
CROWD, BUSY = 2, 20
# Fits after which memory that they left free is handed back.
TRIM = 200
# Votes under way from which on a fit for somebody who merely paused can wait: they wait as well.
MANY = 8
KINDS: tuple[Kind, ...] = ("picture", "text")
log = logging.getLogger("penchant")


@dataclass
class Seat:
    """A mind with the question in front of the person and the one prepared after it: a plan, or a
    question of old where an answer was taken back.

    `waiting`: a question that made room for another one; it comes next, whatever its form.
    """

    mind: Mind
    current: Question | None = None
    ready: Question | Plan | None = None
    waiting: Question | None = None
    # How many answers there were when a fit was last due, and whether that is still to be made.
    fitted: int = 0
    due: bool = False


@dataclass(frozen=True)
class Vote:
    """An answer as it came in, before it has a number."""

    question: Question
    outcome: Outcome
    strength: float = 1.0
    ms: int | None = None
    source: str = "choose"
    key: str = ""


class Minds:
    """All minds of one store. `shelf(profile, kind)` tells what that profile can be asked about.

    `write(vote, predicted, plan)` stores an answer durably, and with it the planned question where
    there is one; returns an object with seq, duplicate and following (that Question, or None).
    """

    def __init__(
        self,
        store: Any,
        shelf: Callable[[int, Kind], Shelf],
        write: Callable[[Vote, float | None, Plan | None], Any],
        ahead: Ahead,
    ) -> None:
        self.store, self.shelf, self.write, self.ahead = store, shelf, write, ahead
        self._seats: OrderedDict[tuple[int, Kind], Seat] = OrderedDict()
        self._lock = threading.Lock()
        self.fitter = Fitter()
        self._fits = 0
        # Answers, and those among them whose next question was prepared by then.
        self.votes = self.prepared = 0
        self._lately: deque[float] = deque(maxlen=BUSY)
        # Questions handed out lately, first come first gone: what is answered is found without
        # the store. Whose it is, is asked every time; whether its row is whole, by the write.
        self._asked: OrderedDict[int, Question] = OrderedDict()
        # Taken inside a mind's lock, never the other way round: one vote computes at a time, and
        # the others wait without asking for the interpreter, which costs more than the sums do.
        self.turn = threading.Lock()
        # May bring a question of its own: asked with the mind and the form, under the mind's lock.
        self.offer: Callable[[Mind, str], Plan | None] = lambda _mind, _form: None
        # Runs behind the person's back before a refit: may have the mind read anew.
        self.settle: Callable[[int, Kind], None] = lambda _profile, _kind: None

    def seat(self, profile: int, kind: Kind) -> Seat:
        """The seat of a profile and medium; rebuilt from the store when not in memory."""
        key = (profile, kind)
        with self._lock:
            seat = self._seats.get(key)
            if seat is not None:
                self._seats.move_to_end(key)
                return seat
        made = self._seated(profile, kind)
        with self._lock:
            seat = self._seats.setdefault(key, made)
            while len(self._seats) > KEPT:
                self._seats.popitem(last=False)
        return seat

    def loaded(self, profile: int) -> list[Kind]:
        """The media whose mind is in memory."""
        return [kind for kind in KINDS if (profile, kind) in self._seats]

    def put_shelf(self, profile: int, kind: Kind, shelf: Shelf) -> None:
        """More to look at, for a mind in memory: its belief and where it began stay as they are."""
        with self._lock:
            seat = self._seats.get((profile, kind))
        if seat is not None:
            with seat.mind.lock:
                seat.mind.shelf = replace(shelf, prior=seat.mind.shelf.prior)

    def unplan(self, profile: int, kind: Kind, rule: str) -> None:
        """What this rule planned and nobody was asked yet is planned anew."""
        with self._lock:
            seat = self._seats.get((profile, kind))
        if seat is not None:
            with seat.mind.lock:
                if isinstance(seat.ready, Plan) and seat.ready.rule == rule:
                    seat.ready = None
                    self._prepare(profile, kind)

    def forget(self, profile: int, kind: Kind | None = None) -> None:
        """Drop from memory; the store has everything."""
        with self._lock:
            for key in [k for k in self._seats if k[0] == profile and kind in (None, k[1])]:
                del self._seats[key]

    def asked(self, question: int) -> Question:
        """A question by its number; KeyError where there is none. What was asked never changes."""
        found = self._asked.get(question)
        return found if found is not None else self.store.question(question)

    def _hand(self, question: Question) -> Question:
        with self._lock:
            self._asked[question.id] = question
            while len(self._asked) > ASKED:
                self._asked.popitem(last=False)
        return question

    def question(self, profile: int, kind: Kind, form: str | None = None) -> Question:
        """The question in front of the person: the open one again after a reload."""
        seat = self.seat(profile, kind)
        with seat.mind.lock:
            wanted = form or (seat.current.form if seat.current else seat.mind.form())
            if seat.current is None or seat.current.form != wanted:
                seat.current = self._open(seat, wanted) or self._ask(seat, wanted)
                if isinstance(seat.ready, Question) and seat.ready.id == seat.current.id:
                    seat.ready = None
                self._prepare(profile, kind)
            return self._hand(seat.current)

    def answer(self, vote: Vote) -> tuple[Any, Question]:
        """Store, learn, and hand over the next question. Returns (stored answer, next)."""
        question = vote.question
        seat = self.seat(question.profile, question.kind)
        with seat.mind.lock:
            mind = seat.mind
            with self.turn:
                predicted = mind.predict(question, vote.outcome)
                plan = self._brings(seat, vote)
            stored = self.write(vote, predicted, plan)
            with self.turn:
                if not stored.duplicate:
                    self.votes += 1
                    self._lately.append(time.monotonic())
                    self.prepared += _prepared(seat, stored.following)
                    mind.learn(_comparison(stored.seq, vote), predicted)
                following = self._advance(seat, question, stored.following)
            if not stored.duplicate:
                self._after(seat, question)
            return stored, self._hand(following)

    def undo(self, profile: int, kind: Kind, key: str) -> tuple[int | None, Question]:
        """Take the last answer back and ask its question again."""
        seat = self.seat(profile, kind)
        with seat.mind.lock:
            last = self.store.last_answer(profile, kind)
            seq = self.store.undo(profile, kind, key)
            if seq is None or last is None:
                return None, self.question(profile, kind)
            self._reload(seat, profile, kind)
            seat.current, seat.ready = last.question, seat.current
            return seq, last.question

    def redo(self, profile: int, kind: Kind, key: str) -> tuple[int | None, Question]:
        """Put the answer that was last taken back in again, and go on."""
        seat = self.seat(profile, kind)
        with seat.mind.lock:
            seq = self.store.redo(profile, kind, key)
            if seq is not None:
                self._reload(seat, profile, kind)
                asked = seat.ready if isinstance(seat.ready, Question) else None
                seat.current, seat.ready = asked, seat.ready if asked is None else None
            return seq, self.question(profile, kind)

    def back_to(self, profile: int, kind: Kind, seq: int, key: str) -> int:
        """Take answers back, one row each, until the one with this seq is the last."""
        seat = self.seat(profile, kind)
        with seat.mind.lock:
            taken = int(self.store.back_to(profile, kind, seq, f"{key}-{uuid.uuid4()}"))
            self._reload(seat, profile, kind)
            seat.current = seat.ready = seat.waiting = None
        return taken

    def refit(self, profile: int, kind: Kind) -> int | None:
        """Fit to all answers, put it in place if nothing came in meanwhile, store a version."""
        seat = self.seat(profile, kind)
        with seat.mind.lock:
            seq, mind = seat.mind.seq, seat.mind
        comparisons = self.store.comparisons(profile, kind)
        if not comparisons or comparisons[-1].seq != seq:
            return None
        belief, count = self._fit(mind, comparisons), mind.answers
        with mind.lock:
            if mind.seq != seq or seat.mind is not mind:
                return None
            mind.belief = belief
            # Under the lock: a verdict on an answer may not fall between the fit and its version.
            return self._keep(mind, belief, seq, f"after {count} answers")

    def _fit(self, mind: Mind, comparisons: Sequence[Comparison]) -> Any:
        """Here; or, while several people vote or wait for fits, in the process that only fits."""
        if self.ahead.crowd() < CROWD and not self._busy():
            return mind.refit(comparisons)
        shelf = mind.shelf
        try:
            told = mind.usable(comparisons)
            return self.fitter.fit(METHOD, told, shelf.features, shelf.prior)
        except Failed as wrong:
            log.warning("a fit is made in the server: %s", wrong)
            return mind.refit(comparisons)

    def _busy(self) -> bool:
        """Whether votes come so thick that a fit beside them would make them wait."""
        return len(self._lately) == BUSY and time.monotonic() - self._lately[0] < 1.0

    def _keep(self, mind: Mind, belief: Any, seq: int, note: str) -> int:
        shelf = mind.shelf
        return int(
            self.store.put_version(
                mind.profile, shelf.kind, METHOD, shelf.features.space, seq, belief.state(), note
            )
        )

    def _plan(self, seat: Seat, form: str) -> Plan:
        return self.offer(seat.mind, form) or seat.mind.plan(form)

    def _fix(self, seat: Seat, plan: Plan) -> Question:
        mind = seat.mind
        question: Question = self.store.add_question(
            mind.profile, mind.shelf.kind, plan.items, plan.rule, plan.repeat_of
        )
        return question

    def _ask(self, seat: Seat, form: str | None = None) -> Question:
        return self._fix(seat, self._plan(seat, form or seat.mind.form()))

    def _brings(self, seat: Seat, vote: Vote) -> Plan | None:
        """The planned question, where this answer will bring it up."""
        answered = vote.question.id
        if any(q is not None and q.id != answered for q in (seat.current, seat.waiting)):
            return None
        form = seat.mind.form(int(vote.outcome.word != "skip"))
        ready = seat.ready
        return ready if isinstance(ready, Plan) and ready.form == form else None

    def _advance(self, seat: Seat, answered: Question, brought: Question | None) -> Question:
        if seat.waiting is not None and seat.waiting.id == answered.id:
            seat.waiting = None
        if seat.current is not None and seat.current.id != answered.id:
            return seat.current
        if seat.waiting is not None:
            seat.current, seat.waiting = seat.waiting, None
            return seat.current
        # Read anew (after a restart, say): a repeat brings what its answer brought at first.
        there = None if seat.current or brought else self._open(seat, seat.mind.form())
        seat.current = brought or there or self._next(seat)
        seat.ready = None
        return seat.current

    def _open(self, seat: Seat, form: str) -> Question | None:
        """The question that was in front of the person, as the store has it."""
        mind = seat.mind
        found: Question | None = self.store.open_question(mind.profile, mind.shelf.kind, form)
        return found if found is not None and mind.knows(found) else None

    def _next(self, seat: Seat) -> Question:
        """What was prepared, where its form fits; else a new question."""
        form, ready = seat.mind.form(), seat.ready
        if ready is None or ready.form != form:
            return self._ask(seat, form)
        return ready if isinstance(ready, Question) else self._fix(seat, ready)

    def _after(self, seat: Seat, question: Question) -> None:
        profile, kind = question.profile, question.kind
        self._prepare(profile, kind)
        answers, quiet = seat.mind.answers, QUIET
        # A fit reads all there is: made after a share of it, it costs the same an answer.
        if answers - seat.fitted >= max(REFIT_EVERY, answers // REFIT_SHARE):
            seat.fitted, seat.due, quiet = answers, True, 0.0
        self._later(profile, kind, quiet)

    def _later(self, profile: int, kind: Kind, quiet: float) -> None:
        self.ahead.slowly(("refit", profile, kind), lambda: self._refit(profile, kind), quiet)

    def _refit(self, profile: int, kind: Kind) -> None:
        if kind not in self.loaded(profile):
            return  # left memory since: it is fitted after the next answer, if one comes
        seat = self.seat(profile, kind)
        # Where votes wait for longer than QUIET every answer looks like a pause, and fits made for
        # all of them would make the votes wait longer still.
        if not seat.due and VOTES.now > MANY:
            self._later(profile, kind, QUIET)
            return
        seat.due = False
        self.settle(profile, kind)
        self.refit(profile, kind)
        self._fits += 1
        if self._fits % TRIM == 0:
            give_back()

    def _prepare(self, profile: int, kind: Kind) -> None:
        def work() -> None:
            if kind not in self.loaded(profile):
                return
            seat = self.seat(profile, kind)
            with seat.mind.lock:
                if seat.ready is None:
                    # It will be shown when the one in front of the person is answered.
                    with self.turn:
                        seat.ready = self._plan(seat, seat.mind.form(1))

        self.ahead.do(("next", profile, kind), work)

    def _reload(self, seat: Seat, profile: int, kind: Kind) -> None:
        lock = seat.mind.lock
        fresh = self._seated(profile, kind)
        fresh.mind.lock = lock
        seat.mind, seat.fitted = fresh.mind, fresh.fitted

    def _seated(self, profile: int, kind: Kind) -> Seat:
        """From the store: the newest state that holds, and a step for each answer after it."""
        shelf = self.shelf(profile, kind)
        mind = Mind.blank(profile, shelf, METHOD)
        answers = self.store.replay(profile, kind)
        version = self.store.version_within(
            profile, kind, METHOD, shelf.features.space, {c.seq for c, _ in answers}
        )
        since = -1
        if version is not None:
            arrays: Mapping[str, Any] = self.store.version_arrays(version.id)
            mind.belief = PREFERENCE[METHOD].load().from_state(arrays, shelf.features.space)
            since = version.seq
        mind.replay(answers, since, self.store.count_questions(profile, kind))
        return Seat(mind, fitted=mind.answers - sum(c.seq > since for c, _ in answers))


def _comparison(seq: int, vote: Vote) -> Comparison:
    return Comparison(seq, vote.question, vote.outcome, vote.strength, vote.ms, vote.source)


def _prepared(seat: Seat, brought: Question | None) -> bool:
    """Whether nothing had to be planned while somebody waited."""
    return brought is not None or seat.waiting is not None or isinstance(seat.ready, Question)
