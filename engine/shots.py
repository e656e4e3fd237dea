"""A person's labelled pairs as a prompt, in FSPO's layout: pure text, no model.

For each pair a heading "Example i" with Question, Preferred Response and Dispreferred Response,
then the Task with the new question (Singh et al. 2025, arXiv 2502.19312; the words are ours). A
description of the person, where there is one, comes first. What does not fit goes in this order:
the oldest pair, the next oldest, ..., the end of the description; never the question. Assumes that
all pairs are one person's; what they wrote stands in the prompt word for word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

TASK = "# Task\nAnswer the question in the way this person prefers.\n## Question\n"
ABOUT = "# About this person\n{said}\n\n"
Count = Callable[[str], int]


@dataclass(frozen=True)
class Shot:
    """One question and which of two answers a person preferred."""

    question: str
    chosen: str
    rejected: str


def one(number: int, shot: Shot) -> str:
    return (
        f"# Example {number}\n## Question\n{shot.question}\n"
        f"## Preferred Response\n{shot.chosen}\n## Dispreferred Response\n{shot.rejected}\n\n"
    )


def asked(question: str, shots: Sequence[Shot], description: str = "") -> str:
    """The whole prompt, oldest pair first; the bare question where nothing is known."""
    said = description.strip()
    if not (shots or said):
        return question
    told = "".join(one(n, s) for n, s in enumerate(shots, 1))
    return (ABOUT.format(said=said) if said else "") + told + TASK + question


def fitted(
    question: str, shots: Sequence[Shot], count: Count, room: int, description: str = ""
) -> str:
    """`asked` with as much as `room` holds, by `count` (tokens of a prompt).

    ValueError where the question alone does not fit.
    """
    for first in range(len(shots) + 1):
        made = asked(question, shots[first:], description)
        if count(made) <= room:
            return made
    words = description.split()
    while words:
        words.pop()
        made = asked(question, (), " ".join(words))
        if count(made) <= room:
            return made
    raise ValueError(
        f"the question takes {count(question)} tokens and the model has room for {room} before "
        "the answer; ask a shorter one"
    )


def chunks(rows: Sequence[Shot], shots: int, seed: int) -> list[tuple[list[Shot], Shot]]:
    """(shots, held-out row) of one person, every row held out twice and a shot 2 * shots times.

    Rows are shuffled and cut into chunks of shots + 1, of which each row is held out once in its
    turn; twice over, with a new order. A row whose answers also stand in another row of its chunk
    would be given away: such shots are left out. A chunk that is short is filled from the others.
    """
    rng = np.random.default_rng([seed, len(rows)])
    size = min(shots + 1, len(rows))
    made = []
    for _ in range(2 if size > 1 else 0):
        order = rng.permutation(len(rows))
        for start in range(0, len(rows), size):
            part = [rows[i] for i in order[start : start + size]]
            spare = [rows[i] for i in order[:start]][: size - len(part)]
            for at, held in enumerate(part):
                rest = [*spare, *part[at + 1 :], *part[:at]]
                made.append(([s for s in rest if apart(s, held)], held))
    return made


def apart(one: Shot, other: Shot) -> bool:
    """No answer stands in both."""
    return not {one.chosen, one.rejected} & {other.chosen, other.rejected}
