"""The route of a reason: a second small event about an answer that is already stored."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from app.doors import Id, Key, Strict, User

if TYPE_CHECKING:
    from app.studio import Studio


class ReasonIn(Strict):
    chips: list[Annotated[str, Field(max_length=40)]] = Field(default_factory=list, max_length=20)
    words: str = Field("", max_length=1000)
    idempotency_key: Key


def reason_routes(router: APIRouter, studio: "Studio") -> None:
    @router.post("/profiles/{profile}/answers/{seq}/reason")
    def reason(profile: Id, seq: Id, given: ReasonIn, user: User) -> dict[str, Any]:
        return studio.reasons.give(
            user, profile, seq, (given.chips, given.words), given.idempotency_key
        )
