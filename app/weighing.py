"""A learned state that came with a file: can the method here go on from it?

A bundle's arrays are finite numbers under names that fit, which says nothing of what they are: a
covariance of noughts, or one that is none, would break every page of the taste that it came with.
So a belief is made of them and asked whatever the loop will ask, before anything is written. States
of other methods or spaces are never read here, and pass.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.mind import Shelf
from app.minds import METHOD
from engine.data import Comparison, Outcome, Question
from engine.preference import PREFERENCE

# Numbers in a mean, and the largest liking in logits that answers ever lead to, with room.
LONGEST, LARGEST = 4096, 1e4
BROKEN = (ValueError, LookupError, TypeError, ArithmeticError, AttributeError, MemoryError)


def wrong_with(version: Any, arrays: Mapping[str, Any], shelf: Shelf) -> str:
    """Why this state cannot be gone on from; empty where it can."""
    if version.method != METHOD or version.space != shelf.features.space:
        return ""
    if any(k.endswith("mean") and v.size > LONGEST for k, v in arrays.items()):
        return "it is far larger than a taste"
    try:
        with np.errstate(all="ignore"):
            return _asked(arrays, shelf)
    except BROKEN as wrong:
        return f"it cannot be read ({type(wrong).__name__})"


def _asked(arrays: Mapping[str, Any], shelf: Shelf) -> str:
    """What the loop asks of a belief: likings, doubt, a guess, a step."""
    belief: Any = PREFERENCE[METHOD].load().from_state(arrays, shelf.features.space)
    weights = getattr(belief, "weights", np.ones(1))
    if not (np.isfinite(weights).all() and (weights >= 0).all() and abs(weights.sum() - 1) < 1e-3):
        return "its parts do not add up"
    pair = tuple(int(i) for i in shelf.features.ids[:2])
    question = Question(0, 0, shelf.kind, pair, "", None)
    outcome = Outcome.parse({"picks": [pair[0]]}, pair)
    linear = getattr(belief, "linear", belief)
    share = linear.doubt(shelf.spread) / linear.before(shelf.prior).doubt(shelf.spread)
    guess = belief.predict(question, outcome, shelf.features)
    belief.joint(shelf.features.matrix[:64])
    next_ = belief.update(Comparison(1, question, outcome), shelf.features)
    if not (
        np.isfinite(share) and 0 <= guess <= 1 and _fine(belief, shelf) and _fine(next_, shelf)
    ):
        return "it holds numbers that no answers lead to"
    return ""


def _fine(belief: Any, shelf: Shelf) -> bool:
    mean, std = belief.believe(shelf.features.matrix[:64])
    return bool((np.abs(mean) < LARGEST).all() and (std > 0).all() and (std < LARGEST).all())
