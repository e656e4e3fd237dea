"""The routes of the description: read it, write it."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import Field

from app.describing import Describing
from app.doors import Id, Medium, Strict, User

if TYPE_CHECKING:
    from app.studio import Studio


class DescriptionIn(Strict):
    medium: Medium
    text: str = Field(max_length=5000)


def describing_routes(router: APIRouter, studio: "Studio") -> None:
    describing = Describing(studio)

    @router.get("/profiles/{profile}/description")
    def show(profile: Id, user: User, medium: Medium = "text") -> dict[str, Any]:
        return describing.show(user, profile, medium)

    @router.post("/profiles/{profile}/description")
    def write(profile: Id, given: DescriptionIn, user: User) -> dict[str, Any]:
        return describing.write(user, profile, given.medium, given.text)
