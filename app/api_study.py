"""The doors of a study: the page and routes of participants, and the researcher's list.

A participant is known by a cookie that only /api/v1/study gets and that names one sitting; it
opens nothing else. Without --study the participants' routes are not there at all.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import Field

from app import study_file
from app.doors import Id, Key, Strict, User
from app.study import NotIn, Pass, Study, TooMany
from app.study_desk import Desk

if TYPE_CHECKING:
    from app.accounts import Accounts
    from app.studio import Studio

COOKIE = "penchant_study"
PAGE = Path(__file__).parent / "static" / "study.html"
# What the Gate lets through without a login, while a study is running.
OPEN = ("/study", "/api/v1/study/")


class EnterIn(Strict):
    code: str = Field("", max_length=80)
    study: str = Field("", max_length=80)


class AgreeIn(Strict):
    code: str = Field(max_length=80)
    consent: str = Field(pattern=r"^[0-9a-f]{64}$")
    language: str = Field("en", pattern=r"^[a-z]{2}$")


class StudyAnswerIn(Strict):
    question_id: Id
    outcome: Any
    strength: Literal[1, 2] = 1
    ms: int = Field(ge=0, le=24 * 3600 * 1000)
    confidence: int | None = Field(None, ge=1, le=100)
    confidence_ms: int | None = Field(None, ge=0, le=24 * 3600 * 1000)
    idempotency_key: Key


def open_studies(app: FastAPI, studio: "Studio", accounts: "Accounts", options: Any) -> None:
    """Put the routes on; `app.state.open` names the paths that need no login."""
    files = study_file.files(getattr(options, "study", None))
    study = Study(studio, owner(studio, accounts, options), files) if files else None
    app.include_router(researcher(Desk(studio, study)))
    app.state.open = OPEN if study else ()
    if study is None:
        return
    app.include_router(participant(study))
    for kind, status in ((NotIn, 403), (TooMany, 429)):
        app.add_exception_handler(kind, _handle(status))

    @app.get("/study", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))


def owner(studio: "Studio", accounts: "Accounts", options: Any) -> int:
    """Whose the studies are: the admin's, else the first of --auth, else the one local user's."""
    if accounts.required:
        keepers = [u.id for u in accounts.users() if accounts.is_admin(u.id)]
        if keepers:
            return int(keepers[0])
        first = next((studio.store.user(name) for name in options.auth or ()), None)
        if first is not None:
            return int(first.id)
    return studio.store.local_user()


def researcher(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get("/studies")
    def studies(user: User) -> dict[str, Any]:
        return {"studies": desk.studies(user)}

    @router.get("/studies/{study}/export")
    def export(study: Id, user: User) -> Response:
        body, name = desk.export(user, study)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type="application/zip", headers=headers)

    @router.delete("/studies/{study}")
    def remove(
        study: Id, user: User, participant: Annotated[str | None, Query(max_length=20)] = None
    ) -> dict[str, Any]:
        return desk.remove(user, study, participant)

    return router


def participant(study: Study) -> APIRouter:
    router = APIRouter(prefix="/api/v1/study")

    def holder(request: Request) -> Pass:
        return study.holder(request.cookies.get(COOKIE))

    @router.post("/enter")
    async def enter(given: EnterIn, request: Request) -> Response:
        address = request.client.host if request.client else ""
        token, told = await asyncio.to_thread(study.enter, given.code, given.study, address)
        reply = JSONResponse(told)
        reply.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https",
            path=request.scope.get("root_path", "") + "/api/v1/study",
        )  # fmt: skip
        return reply

    @router.get("/state")
    def state(request: Request) -> dict[str, Any]:
        return study.state(holder(request))

    @router.post("/consent")
    def consent(given: AgreeIn, request: Request) -> dict[str, Any]:
        return study.agree(holder(request), given.model_dump())

    @router.post("/begin")
    def begin(request: Request) -> dict[str, Any]:
        return study.begin(holder(request))

    @router.post("/answers")
    def answer(given: StudyAnswerIn, request: Request) -> dict[str, Any]:
        return study.answer(holder(request), given.model_dump())

    @router.post("/leave")
    def leave(request: Request) -> Response:
        study.leave(request.cookies.get(COOKIE))
        reply = JSONResponse({"ok": True})
        reply.delete_cookie(COOKIE, path=request.scope.get("root_path", "") + "/api/v1/study")
        return reply

    @router.get("/media/{item}")
    def media(item: Id, request: Request) -> Response:
        body, kind = study.media(holder(request), item)
        return Response(body, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    return router


def _handle(status: int) -> Callable[[Request, Any], JSONResponse]:
    def handle(_: Request, wrong: Any) -> JSONResponse:
        later = {"retry-after": "300"} if status == 429 else None
        return JSONResponse({"error": str(wrong)}, status, later)

    return handle
