"""A person's taste as a system prompt: the surest words of the belief, then a few own choices.

Layout of the examples as FSPO has it: question, preferred and dispreferred response.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST, LONGEST = 4, 120
TASK = ("## Task\n\nWrite what you are asked for next as the same person would prefer it, in the "
        "manner of the preferred responses.")  # fmt: skip


def words(axes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The liked ends of the axes that are sure, the surest first."""
    sure = (a["high_word"] if a["mean"] > 0 else a["low_word"] for a in axes if a["sure"])
    return list(dict.fromkeys(sure))


def system_prompt(
    said: Sequence[str], answers: Sequence[Mapping[str, Any]], about: str = ""
) -> str:
    """The text, or nothing where neither words nor examples are known. `about`: what the person
    wrote of their own taste.
    """
    from engine.data import Request
    from engine.steering.prompt import said as told

    opening = told(Request(""), said, 1.0).system if said else ""
    shots = [_shot(n, *pair) for n, pair in enumerate(_chosen(answers), 1)]
    own = f"## About this person\n\n{about}" if about else ""
    parts = [opening, own, *shots, TASK if shots else ""]
    return "\n\n".join(filter(None, parts)) + "\n" if opening or own or shots else ""


def _chosen(answers: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """One pair an answer: the strongest choices first, then the newest, of short texts."""
    from engine.exports.checks.answers import pairs

    found: dict[int, tuple[Any, Any]] = {}
    rows = sorted((a for a in answers if a["kind"] == "text"),
                  key=lambda a: (-a["strength"], -a["answer"]))  # fmt: skip
    for answer, chosen, rejected in pairs(rows):
        short = all(len(i["text"].split()) <= LONGEST for i in (chosen, rejected))
        if short and chosen["prompt"] == rejected["prompt"]:
            found.setdefault(answer["answer"], (chosen, rejected))
    return list(found.values())[:MOST]


def _shot(number: int, chosen: Mapping[str, Any], rejected: Mapping[str, Any]) -> str:
    return (f"## Example {number}\n\n### Question\n\n{chosen['prompt']}\n\n"
            f"### Preferred Response\n\n{chosen['text']}\n\n"
            f"### Dispreferred Response\n\n{rejected['text']}")  # fmt: skip
