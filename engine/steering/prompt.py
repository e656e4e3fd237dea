"""Prompted: the person's direction said to the model in words, before the prompt.

Instruction in the system prompt, as DPA (founding paper 16) puts its direction there; here in the
words of the belief's surest axes. Costs nothing, needs no access to the weights, and a small model
follows it weakly. Strength 0 changes nothing; other strengths are not told apart.
"""

from collections.abc import Sequence
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
