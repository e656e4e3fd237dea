"""The shapes that leave the Studio: plain dicts for JSON, and the two errors a caller can mend."""

from collections.abc import Mapping
from typing import Any

from engine.data import Candidate, Kind, Question
from engine.data import WrongSpace as WrongSpace
from engine.memory import NO_MEMORY as NO_MEMORY


class Missing(LookupError):
    """It is not there, or it is not yours; nobody is told which."""


class Bad(ValueError):
    """The request makes no sense; the message says what to send instead."""


class Full(RuntimeError):
    """No room just now; try again in `seconds`."""

    def __init__(self, text: str, seconds: int = 30) -> None:
        super().__init__(text)
        self.seconds = seconds


def item(
    candidate: Candidate, score: float | None = None, std: float | None = None, told: bool = False
) -> dict[str, Any]:
    """One thing to look at. Style and voice are told only after the vote (`told`)."""
    made: dict[str, Any] = {"id": candidate.id, "prompt": candidate.prompt}
    if candidate.kind == "picture":
        made["media"] = f"/api/v1/media/{candidate.id}"
        made["alt"] = candidate.prompt or "a picture"
        if candidate.attributes.get("for"):
            made["mark"] = "drawn for you"
    else:
        made["text"] = candidate.text
    if score is not None:
        made |= {"score": round(score, 4), "std": round(std or 0.0, 4)}
    if told:
        keep = ("style", "voice", "concept", "task", "source", "licence")
        made["about"] = {k: v for k, v in candidate.attributes.items() if k in keep}
    return made


def question(
    asked: Question, items: list[Candidate], state: dict[str, Any], words: Mapping[int, str]
) -> dict[str, Any]:
    """A question as the card draws it, with the state of the loop around it.

    `words`: captions of the person's own, by item.
    """
    return {
        "id": asked.id,
        "medium": asked.kind,
        "kind": asked.form,
        "items": [{**item(c), **_own(c, words)} for c in items],
        "rule": asked.rule,
        **state,
    }


def _own(candidate: Candidate, words: Mapping[int, str]) -> dict[str, str]:
    return {"caption": words[candidate.id]} if candidate.id in words else {}


def ahead(kind: Kind, items: tuple[int, ...]) -> list[str]:
    """Addresses of the pictures of a prepared question."""
    return [f"/api/v1/media/{i}" for i in items] if kind == "picture" else []


def profile(row: Any, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "purpose": row.purpose,
        "colour": row.colour,
        "named": row.named,
        "simulated": row.simulated,
        "created": row.created,
        "answers": {"picture": counts.get("picture", 0), "text": counts.get("text", 0)},
    }


def version(row: Any) -> dict[str, Any]:
    return {"id": row.id, "seq": row.seq, "created": row.created, "note": row.note}
