"""Prompted: the person's direction said to the model in words, before the prompt.

Instruction in the system prompt, as DPA (founding paper 16) puts its direction there: in the words
of the belief's surest axes (`said`), or as weights in hundredths, for a model that was taught to
read them (`in_words`, objectives/best_of_n.py). Costs nothing, needs no access to the weights, and
a small model follows it weakly. Strength 0 changes nothing; other strengths are not told apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.data import Request

OPENING = "You are a gifted writer. Write {words}."
MOST = 4


def said(request: Request, words: Sequence[str], strength: float) -> Request:
    """The request with the first `words` ("in short sentences", "warm") as its system words."""
    if not (strength and words):
        return request
    few = list(words[:MOST])
    told = few[0] if len(few) == 1 else ", ".join(few[:-1]) + " and " + few[-1]
    return replace(request, system=OPENING.format(words=told))


def in_words(direction: Mapping[str, float]) -> str:
    """A direction as opening words, in hundredths: weights of any length are made a unit.

    Rounded, it is a unit vector only nearly (DPA, arXiv 2402.18571).
    """
    length = sum(v * v for v in direction.values()) ** 0.5
    if not length:
        raise ValueError("a direction of length zero says nothing; give one axis a weight")
    parts = [f"{name} * {round(100 * v / length)}" for name, v in direction.items()]
    return f"Write so that this rating is as high as possible: {' + '.join(parts)}."
