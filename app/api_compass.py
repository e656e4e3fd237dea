"""The routes of the compass: look, set by hand, back to what the answers say."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from app.compass import Compass
from app.doors import Id, Medium, Strict, User

if TYPE_CHECKING:
    from app.studio import Studio

Axis = Annotated[str, Field(max_length=40)]


class PointIn(Strict):
    medium: Medium
    plane: list[Axis] = Field(min_length=2, max_length=2)
    angle: float = Field(ge=-360.0, le=360.0)


class ReleaseIn(Strict):
    medium: Medium


def compass_routes(router: APIRouter, studio: "Studio") -> None:
    compass = Compass.of(studio)

    @router.get("/profiles/{profile}/compass")
    def show(
        profile: Id,
        user: User,
        medium: Medium = "picture",
        plane: Annotated[list[Axis] | None, Query(max_length=2)] = None,
    ) -> dict[str, Any]:
        return compass.show(user, profile, medium, plane or ())

    @router.post("/profiles/{profile}/compass")
    def point(profile: Id, given: PointIn, user: User) -> dict[str, Any]:
        return compass.point(user, profile, given.medium, given.plane, given.angle)

    @router.post("/profiles/{profile}/compass/release")
    def release(profile: Id, given: ReleaseIn, user: User) -> dict[str, Any]:
        return compass.release(user, profile, given.medium)
