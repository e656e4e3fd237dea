"""The routes of a start from others: what can be had, taking it or not, letting a taste help."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from app.doors import Id, Medium, Strict, User

if TYPE_CHECKING:
    from app.studio import Studio


class BeginIn(Strict):
    medium: Medium
    on: bool


class HelpIn(Strict):
    on: bool


def starting_routes(router: APIRouter, studio: "Studio") -> None:
    @router.get("/profiles/{profile}/start")
    def about(profile: Id, user: User) -> dict[str, Any]:
        return studio.starting.about(user, profile)

    @router.post("/profiles/{profile}/start")
    def begin(profile: Id, given: BeginIn, user: User) -> dict[str, Any]:
        return studio.starting.begin(user, profile, given.medium, given.on)

    @router.post("/profiles/{profile}/helps")
    def helps(profile: Id, given: HelpIn, user: User) -> dict[str, Any]:
        return studio.starting.help(user, profile, given.on)
