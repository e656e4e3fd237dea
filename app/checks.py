"""A second look: which answers the rest speaks against, how far the per cents can be trusted, what
drives the choices, and why something is rated as it is.

Nothing here is shown while somebody chooses. A verdict on an answer is a row of its own; the belief
is then built again from the answers as they are to be learned from.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from app import circling
from app.mind import Mind
from app.wire import Bad, Missing
from engine import laplace
from engine.data import Comparison, Features, Kind
from engine.diagnostics import base, calibration, consistency, drivers, flips, why
from engine.preference import PREFERENCE

if TYPE_CHECKING:
    from app.studio import Studio

LOOKED_AT = 2000
LISTED, JUDGED, DRIVERS = 10, 20, 6
# Nearer to even than this, an answer does not stand against the rest.
EVEN = 0.45
ENOUGH = 12
REPEATS, ENSEMBLE = 8, 60
GUESSES = 20
ROUNDS = 10
KEPT = 16


@dataclass(frozen=True)
class History:
    """The answers to be learned from whose things are there, and a direction fitted to them.

    `middle` (d,) is the average thing that may be asked about.
    """

    told: tuple[Comparison, ...]
    features: Features
    belief: Any
    prior: laplace.Gaussian
    middle: Any

    @property
    def log_tie(self) -> float:
        return log(self.belief.tie)

    @property
    def gaussian(self) -> laplace.Gaussian:
        return laplace.Gaussian(self.belief.mean, self.belief.cov)


class Checks:
    """Cheap to make; fits of the last few people asked about are kept."""

    def __init__(self, studio: "Studio") -> None:
        self.studio, self.judging = studio, studio.store.judging
        self._known: OrderedDict[tuple[Any, ...], History] = OrderedDict()

    # what a person does

    def look(self, user: int, profile: int, kind: Kind) -> dict[str, Any]:
        """Everything of the second look for one medium."""
        self.studio.profile(user, profile)
        held, said = self.judging.of(profile), self.judging.said(profile, kind)
        history = self.history(profile, kind)
        spoken = [c for c in history.told if c.outcome.word != "skip"]
        made: dict[str, Any] = {"medium": kind, "answers": len(spoken), "enough": ENOUGH}
        made |= {"picks": [], "drivers": [], "gamed": None, "flips": None}
        if len(spoken) >= ENOUGH:
            rng = np.random.default_rng([profile, len(said)])
            stack = base.stack(history.told, history.features)
            gaps = base.halves(stack, history.prior, history.log_tie, ROUNDS, rng)
            made["picks"] = self._doubtful(history, gaps, held)
            made["flips"] = _flips(said, gaps)
            made |= self._drivers(kind, history)
        made["circle"] = self._circle(kind, spoken)
        return made | {"judged": self._judged(said, held), "reliability": _reliability(said)}

    def judge(self, user: int, profile: int, seq: int, act: str, key: str) -> dict[str, Any]:
        """Keep, flip or drop an answer, or "open" it again; learn from what holds now."""
        self.studio.profile(user, profile)
        kind = self._kind(profile, seq)
        minds = self.studio.minds
        seat = minds.seat(profile, kind)
        with seat.mind.lock:
            try:
                stored = self.judging.give(user, profile, seq, act, key)
            except KeyError as wrong:
                raise Missing(str(wrong.args[0])) from None
            except ValueError as wrong:
                if type(wrong) is not ValueError:
                    raise  # a Conflict is told as one
                raise Bad(str(wrong)) from None
            last = self.studio.store.last_answer(profile, kind)
            # Nothing is taken back up to the last one: the mind is read anew, as a restore does.
            minds.back_to(profile, kind, last.seq if last else 0, key)
        self.studio.ahead.slowly(
            ("refit", profile, kind), lambda: _refit(minds, profile, kind), 0.0
        )
        return {"seq": seq, "act": act, "duplicate": not stored}

    def why(self, user: int, profile: int, kind: Kind, item: int) -> dict[str, Any]:
        """Why this thing is rated above or below an average one."""
        self.studio.profile(user, profile)
        self.studio.item(user, item)
        history = self.history(profile, kind)
        if item not in history.features:
            raise Missing(f"item {item} is no {'picture' if kind == 'picture' else 'passage'} here")
        x = np.asarray(history.features.of([item])[0], np.float64)
        stats = self.studio.shelves.pool(kind).stat_names
        found = why.why(history.gaussian, history.log_tie, x - history.middle,
                        (history.told, history.features), len(stats))  # fmt: skip
        return {
            "item": self.studio.item_json(item),
            "gap": found.gap,
            "axes": [
                {
                    "name": stats[k].name,
                    "word": stats[k].high_word if x[k] > history.middle[k] else stats[k].low_word,
                    "part": part,
                }
                for k, part in found.axes
            ],
            "answers": [
                {**self._answer(history.told[place]), "effect": effect}
                for place, effect in found.answers
            ],
        }

    # what it is made of

    def history(self, profile: int, kind: Kind) -> History:
        """Fitted anew when an answer, a verdict or another start came in, else as before."""
        seat = self.studio.minds.seat(profile, kind)
        told = self.studio.store.comparisons(profile, kind)[-LOOKED_AT:]
        with seat.mind.lock:
            mind: Mind = seat.mind
            usable = tuple(c for c in told if mind.knows(c.question))
            shelf = mind.shelf
        began = hash((shelf.prior.mean.tobytes(), shelf.prior.var.tobytes()))
        told_so = tuple((c.seq, c.outcome) for c in usable)
        name = (profile, kind, began, len(shelf.features), told_so)
        made = self._known.get(name)
        if made is None:
            belief = PREFERENCE["bradley_terry"].load().fit(usable, shelf.features, shelf.prior)
            start = belief.before(shelf.prior)
            prior = laplace.Gaussian(start.mean, start.cov)
            middle = shelf.features.matrix[shelf.roam].mean(0).astype(np.float64)
            made = self._known[name] = History(usable, shelf.features, belief, prior, middle)
            self._thin()
        return made

    def _thin(self) -> None:
        """A deleted taste goes with the next fit: its mind was dropped from memory."""
        for name in list(self._known):
            if name[1] not in self.studio.minds.loaded(name[0]):
                self._known.pop(name, None)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    def _circle(self, kind: Kind, spoken: Sequence[Comparison]) -> dict[str, Any]:
        shelves = self.studio.shelves
        found = circling.told(kind, spoken, shelves.candidate, shelves.kinds(kind))
        links = [{**x, "item": self.studio.item_json(x["item"])} for x in found["links"]]
        return found | {"links": links}

    def _kind(self, profile: int, seq: int) -> Kind:
        found = self.judging.one(profile, seq)
        if found is None:
            raise Missing(f"there is no answer {seq} that counts; the list says which there are")
        return found.question.kind

    def _doubtful(
        self, history: History, gaps: base.Float, held: dict[int, str]
    ) -> list[dict[str, Any]]:
        """The least consistent answers that nobody has looked at yet."""
        found = consistency.strengths(gaps)
        rows = []
        for place in found.doubtful(len(history.told)):
            answer = history.told[place]
            chance = float(laplace.chance(found.mean[place], found.sd[place] ** 2))
            if answer.seq not in held and chance < EVEN:
                rows.append({**self._answer(answer), "chance": chance})
        return rows[:LISTED]

    def _judged(
        self, said: Sequence[tuple[Comparison, float | None]], held: dict[int, str]
    ) -> list[dict[str, Any]]:
        """What was looked at, the newest answers first, so that it can be taken back."""
        rows = [{**self._answer(c), "act": held[c.seq]} for c, _ in reversed(said)
                if c.seq in held and self._there(c)]  # fmt: skip
        return rows[:JUDGED]

    def _there(self, answer: Comparison) -> bool:
        return self.studio.minds.seat(answer.question.profile, answer.question.kind).mind.knows(
            answer.question
        )

    def _answer(self, answer: Comparison) -> dict[str, Any]:
        """An answer with what was shown; of a grid what was picked, then some of the rest."""
        picks, items = answer.outcome.picks, answer.question.items
        pair = len(items) == 2
        shown = items if pair else (*picks[:3], *[i for i in items if i not in picks][:3])
        return {
            "seq": answer.seq,
            "created": answer.created,
            "of": len(items),
            "can_flip": pair,
            "said": answer.outcome.word or "pick",
            "items": [{**self.studio.item_json(i, told=True), "picked": i in picks} for i in shown],
        }

    def _drivers(self, kind: Kind, history: History) -> dict[str, Any]:
        stats = self.studio.shelves.pool(kind).stat_names
        matrix = history.features.matrix[:, : len(stats)]
        scale = matrix.std(0).clip(1e-6)
        named = Features(f"{history.features.space}:named", history.features.ids, matrix / scale)
        found = drivers.drivers(history.told, named, [s.name for s in stats])
        by = {s.name: s for s in stats}

        def row(d: drivers.Driver) -> dict[str, Any]:
            words = {"low_word": by[d.name].low_word, "high_word": by[d.name].high_word}
            figures = {"mean": d.weight, "low": d.low, "high": d.high, "share": d.share}
            return {"name": d.name, **words, **figures, "sure": d.sure, "swing": d.swing}

        worst = drivers.gamed(found)
        return {"drivers": [row(d) for d in found[:DRIVERS]],
                "gamed": row(worst) if worst else None}  # fmt: skip


def _refit(minds: Any, profile: int, kind: Kind) -> None:
    minds.refit(profile, kind)


def _flips(
    said: Iterable[tuple[Comparison, float | None]], gaps: base.Float
) -> dict[str, Any] | None:
    """From pairs that came back swapped where there are enough, else from how well answers fit."""
    agreed, left, right = _repeats(said)
    if agreed + left + right >= REPEATS:
        found, source = flips.from_repeats(agreed, left, right), "repeats"
    elif int((~np.isnan(gaps).all(1)).sum()) >= ENSEMBLE:
        found, source = flips.from_ensemble(gaps), "ensemble"
    else:
        return None
    return {"rate": found.rate, "low": found.low, "high": found.high, "n": found.n, "of": source}


def _repeats(said: Iterable[tuple[Comparison, float | None]]) -> tuple[int, int, int]:
    """Swapped repeats answered the same, left both times, right both times."""
    first: dict[int, Comparison] = {}
    counts = [0, 0, 0]
    for answer, _ in said:
        question = answer.question
        if question.form != "pair" or not answer.outcome.picks:
            continue
        before = first.get(question.repeat_of or -1)
        if before is not None:
            same = before.outcome.picks == answer.outcome.picks
            is_left = answer.outcome.picks[0] == question.items[0]
            counts[0 if same else 1 if is_left else 2] += 1
        first[question.id] = answer
    return counts[0], counts[1], counts[2]


def _reliability(said: Iterable[tuple[Comparison, float | None]]) -> dict[str, Any]:
    """Guesses about pairs, each made before its answer; a repeat was learnt before."""
    guessed = [p for c, p in said if p is not None and c.question.form == "pair"
               and c.outcome.picks and c.question.repeat_of is None]  # fmt: skip
    p = np.array(guessed, np.float64)
    found = calibration.reliability(*calibration.confidences(p))
    mended = None
    if len(p) >= GUESSES:
        t = calibration.temperature(np.stack([p, 1 - p], 1), np.zeros(len(p), np.int64))
        mended = float(t(np.array([0.8]))[0])
    return {
        "n": found.n,
        "error": found.error,
        "eighty": mended,
        "bins": [
            {
                "from": b.low,
                "to": b.high,
                "n": b.n,
                "said": b.said,
                "happened": b.happened,
                "low": b.interval[0],
                "high": b.interval[1],
            }
            for b in found.bins
        ],
    }
