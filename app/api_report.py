"""The route of the report of a bug: the same text as `launch.py doctor --report`, for the page."""

from typing import Any

from fastapi import APIRouter

from app.api_people import Keeper
from app.flags import Options


def report_routes(studio: Any, options: Any) -> APIRouter:
    given = options or Options(str(studio.store.folder))
    router = APIRouter(prefix="/api/v1")

    @router.get("/report")
    def report(_: Keeper) -> dict[str, Any]:
        from app.doctor_report import report as text

        return {"report": text(given)}

    return router
