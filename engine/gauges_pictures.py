"""How a tuning of a picture model stands: samples first, errors as a guard, never the loss.

Pure functions on checks. A check holds step, win (share of samples liked more than the base
model's, by the belief), sure (the same, doubt included), winner (how much worse the chosen
pictures are drawn than before, as a share), distance (of its answers from the base model's, as a
share of that model's error) and, where measured, agreement and held. The guard on the winner is
the toy of docs/log.md for Diffusion-DPO: low beta wins by drawing everything worse.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.gauges import Compared, Verdict, floats

# The chosen pictures' error may exceed the reference's by this share (5 to 10 % in the reports).
WINNER = 0.08
# The share of its own error by which the model's answers may have moved.
FAR = 0.5
# This much under the best win rate in each of the last checks is worse.
CLEARLY, WORSE = 0.1, 2
LIKED = 0.55

Check = Mapping[str, Any]


def winner(batch: Compared) -> float:
    """By how much the chosen are drawn worse than before: 0.05 is five per cent."""
    now, before = -floats(batch.a)[:, 0].mean(), -floats(batch.b)[:, 0].mean()
    return float(now / max(before, 1e-12) - 1.0)


def distance(tuned: Any, base: Any, error: float) -> float:
    """Mean squared difference of two answers as a share of the base model's mean error."""
    moved = floats(tuned) - floats(base)
    return float((moved**2).mean() / max(error, 1e-12))


def sound(check: Check) -> bool:
    return float(check["winner"]) <= WINNER and float(check["distance"]) <= FAR


def best_step(history: Sequence[Check]) -> int:
    """The sound check whose samples are liked most; of equals the surer, then the later."""
    fine = [c for c in history if sound(c)] or list(history[:1])
    return int(max(fine, key=lambda c: (c["win"], c["sure"], c["step"]))["step"])


def verdict(history: Sequence[Check]) -> Verdict:
    """The gravest thing that is true of the last check, in words a person can use."""
    if not history:
        return Verdict("early", "nothing has been measured yet")
    keep, last = best_step(history), history[-1]
    if float(last["winner"]) > WINNER:
        what = f"draws what you chose worse than before: stopped and kept step {keep}"
        return Verdict("fading", what, "Hold it closer with a larger beta.", True, keep)
    if float(last["distance"]) > FAR:
        what = f"drifted too far from the base model: stopped and kept step {keep}"
        return Verdict("drifting", what, "Take fewer steps or a smaller rate.", True, keep)
    best = max(float(c["win"]) for c in history)
    if len(history) > WORSE and all(float(c["win"]) < best - CLEARLY for c in history[-WORSE:]):
        what = f"its pictures please you less than before: stopped and kept step {keep}"
        return Verdict("unlearning", what, "More answers help more than more steps.", True, keep)
    if len(history) > WORSE and best <= 0.5:
        return Verdict("no_signal", "no personal signal found yet", "Answer more.", False, keep)
    words = "learning you" if float(last["win"]) >= LIKED else "too early to say"
    return Verdict("learning" if float(last["win"]) >= LIKED else "early", words, keep=keep)
