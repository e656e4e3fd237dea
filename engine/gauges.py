"""Gauges of a run: what was learnt, what it cost, and a verdict in words.

Pure functions on the log-probabilities of a Batch: a (m, K) under the model, b under the reference,
best first. Papers 18 (ranking), 42 (drop, degradation, dispersion) and 59 (implicit and explicit).
The verdict reads a history of checks and knows no method; its bounds are for small adapters and a
few dozen answers, and it is a reading of figures, not a proof.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
State = Literal["early", "learning", "no_signal", "contradicting", "longer", "fading", "repeating",
                "drifting", "unlearning"]  # fmt: skip


class Compared(Protocol):
    """What a gauge reads of a Batch; columns 0 and 1 are the chosen and the rejected."""

    @property
    def a(self) -> Any: ...

    @property
    def b(self) -> Any: ...


def floats(values: Any) -> Floats:
    """A tensor of any device, or an array, as float64."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, np.float64)


def margin(values: Any) -> Floats:
    """(m,) column 0 minus column 1."""
    pairs = floats(values)
    return pairs[:, 0] - pairs[:, 1]


# Paper 18: rankings


def ranking_accuracy(batch: Compared) -> float:
    """Share of pairs of which the model itself finds the chosen likelier: a_w > a_l."""
    return float((margin(batch.a) > 0).mean())


def implicit_accuracy(batch: Compared) -> float:
    """Share of pairs of which the chosen gained more than the rejected: h > 0 (paper 59)."""
    return float((margin(batch.a) > margin(batch.b)).mean())


def explicit_accuracy(rewards: Any) -> float:
    """The same of a reward head's (m, 2) scores (paper 59)."""
    return float((margin(rewards) > 0).mean())


def difficulty(batch: Compared, beta: float) -> Floats:
    """(m,) beta (b_l - b_w): how far the model before training stood on the wrong side."""
    return -beta * margin(batch.b)


def ranked_right(losses: Any, batch: Compared, beta: float) -> NDArray[np.bool_]:
    """(m,) from the DPO losses alone: a_w >= a_l iff loss <= -log sigma(beta (b_l - b_w))."""
    return np.asarray(floats(losses) <= np.logaddexp(0.0, -difficulty(batch, beta)))


def ideal_margin(batch: Compared, agreed: Any, beta: float) -> Floats:
    """(m,) a_w - a_l of the perfect DPO model where a share `agreed` of answers prefers w:
    its ratio is the reference's times (agreed / (1 - agreed))^(1 / beta).
    """
    share = floats(agreed)
    with np.errstate(divide="ignore"):
        odds = np.log(share) - np.log1p(-share)
    return margin(batch.b) + odds / beta


def best_possible(batch: Compared, agreed: Any, beta: float) -> float:
    """The ranking accuracy that a perfect run with this beta could reach."""
    return float((ideal_margin(batch, agreed, beta) > 0).mean())


# Paper 42: the three properties


def degradation(batch: Compared) -> float:
    """Mean a_w - b_w in nats: below zero what was chosen has become less likely."""
    return float((floats(batch.a) - floats(batch.b))[:, 0].mean())


def drop(batch: Compared) -> float:
    """Mean a_l - b_l in nats: how far the rejected was pushed down."""
    return float((floats(batch.a) - floats(batch.b))[:, 1].mean())


def dispersion(a: Any, b: Any) -> float:
    """log of how much likelier the texts outside the compared set have become together; (r,)."""
    return float(np.logaddexp.reduce(floats(a)) - np.logaddexp.reduce(floats(b)))


def dispersed(batch: Compared) -> float:
    """Mean nats by which the compared texts of a group together have become less likely.

    What lies outside them has gained exactly where this is above zero: its share is one minus
    theirs. So dispersion is read from the passes that drop and degradation need anyway.
    """
    together = np.logaddexp.reduce(floats(batch.b), -1) - np.logaddexp.reduce(floats(batch.a), -1)
    return float(together.mean())


# Nats a text. SmolLM2-135M on 48 pairs: dpo -5.1 and -128 after 40 steps, rpo +61 and -22 after 30.
FADED, DROPPED = -5.0, -10.0


def tripped(batch: Compared, outside: float | None = None) -> list[str]:
    """Which of the three have tripped; `outside` is the dispersion where all texts were seen."""
    found = {
        "drop": drop(batch) <= DROPPED,
        "degradation": degradation(batch) <= FADED,
        "dispersion": (dispersed(batch) if outside is None else outside) > 0,
    }
    return [name for name, on in found.items() if on]


# What is written


def length_ratio(texts: Sequence[str], before: Sequence[str]) -> float:
    """Mean number of words against that of the texts before."""
    mine, theirs = (float(np.mean([len(t.split()) for t in group])) for group in (texts, before))
    return mine / max(theirs, 1.0)


def freshness(texts: Sequence[str], before: Sequence[str]) -> float:
    """Mean share of different word pairs against that of the texts before: falls in repetition."""
    from engine.coherence import distinct2  # not at the top: it brings the steering, and torch

    mine, theirs = (float(np.mean([distinct2(t) for t in group])) for group in (texts, before))
    return mine / max(theirs, 1e-9)


# The verdict

STALE, REPEATING = 0.8, 0.5  # distinct-2 against the base model: twice below the first, or once
DRIFTED = 1.0  # nats a token from the base model; the same two runs were at 0.87 and 0.41
WORSE = 3  # checks in a row that predict clearly worse than the best one
CLEARLY = 0.05
UNFIT, SURE = 0.65, 3  # this much of its own answers after this many checks: they contradict
LONGER = 1.5


@dataclass(frozen=True)
class Verdict:
    """How a run stands. `keep` is the best step so far; `stop` says that more would be worse."""

    state: State
    words: str
    advice: str = ""
    stop: bool = False
    keep: int = 0


Check = Mapping[str, Any]


def verdict(history: Sequence[Check]) -> Verdict:
    """The gravest thing that is true of the last check, in words a person can use.

    A check holds step and, where measured (None or absent otherwise): agreement and held (share
    and number of held-out answers predicted), kl, distinct2 and length_ratio (against the base),
    degradation, drop, dispersion, train_accuracy.
    """
    if not history:
        return Verdict("early", "nothing has been measured yet")
    keep = best_step(history)
    for rule in (_repeating, _drifting, _unlearning, _fading, _contradicting, _longer, _no_signal):
        found = rule(history, keep)
        if found:
            return found
    return _going_on(history, keep)


def best_step(history: Sequence[Check]) -> int:
    """The sound check that predicts held-out answers best, the latest of equals; else the first."""
    sound = [c for c in history if not (_stale(c) or _far(c))]
    if not sound:
        return int(history[0]["step"])
    return int(max(sound, key=lambda c: (_of(c, "agreement", 0.0), c["step"]))["step"])


def _of(check: Check, name: str, missing: float) -> float:
    value = check.get(name)
    return missing if value is None else float(value)


def _stale(check: Check, bound: float = STALE) -> bool:
    return _of(check, "distinct2", 1.0) < bound


def _far(check: Check) -> bool:
    return _of(check, "kl", 0.0) > DRIFTED


def _stopped(state: State, what: str, advice: str, keep: int) -> Verdict:
    return Verdict(state, f"{what}: stopped and kept step {keep}", advice, True, keep)


def _from_the_start(history: Sequence[Check]) -> str:
    return " from the start" if all(_stale(c) or _far(c) for c in history) else ""


def _repeating(history: Sequence[Check], keep: int) -> Verdict | None:
    twice = len(history) > 1 and _stale(history[-1]) and _stale(history[-2])
    if not (twice or _stale(history[-1], REPEATING)):
        return None
    what = f"repeating itself{_from_the_start(history)}"
    return _stopped("repeating", what, "Take fewer steps or a smaller rate.", keep)


def _drifting(history: Sequence[Check], keep: int) -> Verdict | None:
    if not _far(history[-1]):
        return None
    advice = "Hold it closer with a larger beta, or take fewer steps."
    what = f"drifted too far from the base model{_from_the_start(history)}"
    return _stopped("drifting", what, advice, keep)


def _unlearning(history: Sequence[Check], keep: int) -> Verdict | None:
    """Agreement clearly under its best in each of the last checks; one answer is not clear."""
    known = [c for c in history if c.get("agreement") is not None]
    if len(known) <= WORSE:
        return None
    best = max(float(c["agreement"]) for c in known)
    bound = best - max(CLEARLY, 1.5 / _of(known[-1], "held", np.inf))
    if any(float(c["agreement"]) > bound for c in known[-WORSE:]):
        return None
    advice = "It learns your answers by heart; more answers help more than more steps."
    return _stopped("unlearning", "predicting you less well than before", advice, keep)


def _fading(history: Sequence[Check], keep: int) -> Verdict | None:
    if _of(history[-1], "degradation", 0.0) > FADED:
        return None
    words = "what you liked is fading: a safer setting is offered"
    return Verdict("fading", words, "Switch to RPO, which keeps what you liked.", False, keep)


def _contradicting(history: Sequence[Check], keep: int) -> Verdict | None:
    """Even the answers that were learnt are not fitted, and it has stopped getting better."""
    fits = [float(c["train_accuracy"]) for c in history if c.get("train_accuracy") is not None]
    if len(fits) < SURE or max(fits[-SURE:]) >= UNFIT or fits[-1] > fits[-SURE] + CLEARLY:
        return None
    words = "your answers contradict each other on this"
    advice = "Look at the answers again, or allow for mis-clicks with rDPO."
    return Verdict("contradicting", words, advice, False, keep)


def _longer(history: Sequence[Check], keep: int) -> Verdict | None:
    if _of(history[-1], "length_ratio", 1.0) < LONGER:
        return None
    words = "texts are getting longer: a setting that ignores length is offered"
    return Verdict("longer", words, "Switch to LN-DPO, if you did not ask for length.", False, keep)


def _no_signal(history: Sequence[Check], keep: int) -> Verdict | None:
    """It fits what it learns from and, for several checks, predicts no better than a coin."""
    last = history[-SURE:]
    blind = all(_of(c, "agreement", 1.0) <= 0.5 for c in last)
    if len(last) < SURE or not blind or _of(last[-1], "train_accuracy", 0.0) < UNFIT:
        return None
    return Verdict("no_signal", "no personal signal found yet", "Answer more.", False, keep)


def _going_on(history: Sequence[Check], keep: int) -> Verdict:
    last = history[-1]
    fits = max(_of(last, "train_accuracy", 0.0), _of(last, "agreement", 0.0))
    if fits < UNFIT:
        return Verdict("early", "too early to say", keep=keep)
    return Verdict("learning", "learning you", keep=keep)
