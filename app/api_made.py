"""Routes of what was made: pages of it, its pictures, deleting one, a strip of strengths."""

import threading
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from app.doors import Id, Medium, Strict, User, room, streamed

if TYPE_CHECKING:
    from app.studio import Studio


class StripIn(Strict):
    prompt: str = Field(min_length=1, max_length=2000)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    index: int = Field(0, ge=0, le=7)
    depth: Literal["steered", "tuned"] | None = None


def made_routes(router: APIRouter, studio: "Studio") -> None:
    """All of them on one router."""
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
            "cache-control": "private, max-age=31536000, immutable",
            "content-disposition": f'inline; filename="penchant-{number}-{index}.png"',
        }
        return Response(body, media_type="image/png", headers=headers)

    @router.delete("/profiles/{profile}/made/{number}")
    def remove(profile: Id, number: Id, user: User) -> dict[str, Any]:
        return made.remove(user, profile, number)

    @router.post("/profiles/{profile}/strip")
    async def strip(profile: Id, given: StripIn, user: User) -> Response:
        room()
        stop = threading.Event()
        lines = made.strip(user, profile, given.model_dump(), stop.is_set)
        return StreamingResponse(streamed(lines, stop), media_type="application/x-ndjson")
