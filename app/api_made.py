"""Routes of what was made: pages of it, its pictures, deleting one, a strip of strengths; and of
what is drawn and said beside the questions: captions, the switch of drawing ahead.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from app.different import different
from app.doors import Id, Making, Medium, Streamed, Strict, User

if TYPE_CHECKING:
    from app.studio import Studio


class StripIn(Strict):
    prompt: str = Field(min_length=1, max_length=2000)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    index: int = Field(0, ge=0, le=7)
    depth: Literal["guided", "attended", "steered", "tuned"] | None = None


class CaptionIn(Strict):
    item: Id
    words: str = Field("", max_length=200)


class DifferentIn(Strict):
    medium: Medium


class SwitchIn(Strict):
    on: bool


def made_routes(router: APIRouter, studio: "Studio") -> None:
    """All of them on one router."""
    _choosing(router, studio)
    made = studio.made

    @router.get("/profiles/{profile}/made")
    def page(
        profile: Id,
        user: User,
        medium: Medium = "picture",
        before: Id | None = None,
        limit: Annotated[int, Query(ge=1, le=48)] = 12,
    ) -> dict[str, Any]:
        return made.page(user, profile, medium, before, limit)

    @router.get("/profiles/{profile}/made/{number}/{side}/{index}")
    def picture(
        profile: Id,
        number: Id,
        side: Literal["plain", "personal"],
        index: Annotated[int, Field(ge=0, le=64)],
        user: User,
    ) -> Response:
        body = made.picture(user, profile, (number, side, index))
        headers = {
            # Asked about again each time: the next person at this browser is not shown it.
            "cache-control": "private, no-cache",
            "content-disposition": f'inline; filename="penchant-{number}-{index}.png"',
        }
        return Response(body, media_type="image/png", headers=headers)

    @router.delete("/profiles/{profile}/made/{number}")
    def remove(profile: Id, number: Id, user: User) -> dict[str, Any]:
        return made.remove(user, profile, number)

    @router.post("/profiles/{profile}/strip")
    async def strip(profile: Id, given: StripIn, user: User) -> Response:
        studio.profile(user, profile)
        making = Making(studio, user)
        lines = made.strip(user, profile, given.model_dump(), making.visit.gone.is_set)
        return Streamed(making, lines)


def _choosing(router: APIRouter, studio: "Studio") -> None:
    @router.post("/profiles/{profile}/different")
    def something_different(profile: Id, given: DifferentIn, user: User) -> dict[str, Any]:
        return different(studio, user, profile, given.medium)

    @router.post("/profiles/{profile}/captions")
    def caption(profile: Id, given: CaptionIn, user: User) -> dict[str, Any]:
        return studio.captions.put(user, profile, given.item, given.words)

    @router.get("/drawn-for-you")
    def fresh(user: User) -> dict[str, Any]:
        return studio.fresh.about(user)

    @router.post("/drawn-for-you")
    def switch(given: SwitchIn, user: User) -> dict[str, Any]:
        return studio.fresh.switch(user, given.on)
