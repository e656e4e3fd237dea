"""A circle among the kinds of things a person compared: A over B over C over A, or none."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.data import Candidate, Comparison, Kind
from engine.diagnostics.circles import circle

SURE = 0.05
ABOUT: dict[Kind, str] = {"picture": "style", "text": "voice"}


def told(
    kind: Kind,
    answers: Sequence[Comparison],
    candidate: Callable[[int], Candidate],
    known: Sequence[tuple[str, int]],
) -> dict[str, Any]:
    """Among `known` kinds (name, an item that shows it): the clearest circle with its counts and
    p, or why there is none to tell; `sure` when chance would show one so clear once in twenty.
    """
    names = [name for name, _ in known]
    wins = _wins(answers, lambda i: candidate(i).attributes.get(ABOUT[kind]), names)
    found = circle(wins, np.random.default_rng(len(answers)))
    compared = int(wins.sum())
    if found is None:
        return {"compared": compared, "sure": False, "links": []}
    turn = (*found.loop, found.loop[0])
    links = [
        {"over": names[a], "under": names[b], "item": known[a][1], "for": w, "against": v}
        for a, b, (w, v) in zip(turn, turn[1:], found.wins, strict=False)
    ]
    return {"compared": compared, "p": found.p, "sure": found.p < SURE, "links": links}


def _wins(
    answers: Sequence[Comparison], kind_of: Callable[[int], Any], names: Sequence[str]
) -> Any:
    """(n, n) how often the row's kind was picked over the column's. Of a grid every pick is set
    against another thing that was left: all of them would say one choice many times.
    """
    place = {name: k for k, name in enumerate(names)}
    wins = np.zeros((len(names), len(names)))
    for answer in answers:
        picks = answer.outcome.picks
        rest = [i for i in answer.question.items if i not in picks]
        for won, lost in zip(picks, rest, strict=False):
            a, b = place.get(kind_of(won)), place.get(kind_of(lost))
            if a is not None and b is not None and a != b:
                wins[a, b] += 1
    return wins
