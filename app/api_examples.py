"""The routes of the examples: who there is, opening one, removing all."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import Field

from app.doors import Strict, User
from app.examples import Examples

if TYPE_CHECKING:
    from app.studio import Studio


class ExampleIn(Strict):
    key: str = Field(min_length=1, max_length=40)


def example_routes(router: APIRouter, studio: "Studio") -> None:
    examples = Examples(studio)

    @router.get("/examples")
    def about(user: User) -> dict[str, Any]:
        return examples.about(user)

    @router.post("/examples")
    def begin(given: ExampleIn, user: User) -> dict[str, Any]:
        return examples.open(user, given.key)

    @router.delete("/examples")
    def remove(user: User) -> dict[str, Any]:
        return examples.remove(user)
