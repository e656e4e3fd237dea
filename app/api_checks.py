"""The routes of the second look: the list, a verdict on an answer, and why this prediction."""

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter

from app.checks import Checks
from app.doors import Id, Key, Medium, Strict, User

if TYPE_CHECKING:
    from app.studio import Studio


class VerdictIn(Strict):
    act: Literal["keep", "flip", "drop", "open"]
    idempotency_key: Key


def check_routes(router: APIRouter, studio: "Studio") -> None:
    checks = Checks(studio)

    @router.get("/profiles/{profile}/checks")
    def look(profile: Id, user: User, medium: Medium = "picture") -> dict[str, Any]:
        return checks.look(user, profile, medium)

    @router.post("/profiles/{profile}/answers/{seq}/verdict")
    def verdict(profile: Id, seq: Id, given: VerdictIn, user: User) -> dict[str, Any]:
        return checks.judge(user, profile, seq, given.act, given.idempotency_key)

    @router.get("/profiles/{profile}/why/{item}")
    def why(profile: Id, item: Id, user: User, medium: Medium = "picture") -> dict[str, Any]:
        return checks.why(user, profile, medium, item)
