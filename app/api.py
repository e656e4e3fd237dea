"""Versioned HTTP routes over the Studio: /api/v1. The page talks to nothing else.

Handlers are thin: who asks, what is asked, one verb of the Studio. Every one authorises through
`caller`, and every Studio verb checks that what it touches belongs to that caller.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import AfterValidator, Field, ValidationError

from app.accounts import Accounts
from app.api_checks import check_routes
from app.api_compass import compass_routes
from app.api_describing import describing_routes
from app.api_examples import example_routes
from app.api_keep import keep_routes
from app.api_made import made_routes
from app.api_people import people_routes
from app.api_reasons import reason_routes
from app.api_starting import starting_routes
from app.bending import depths
from app.doors import Form, Id, Key, Making, Medium, Streamed, Strict, User, voted
from app.making import Unavailable
from app.picture_models import BadModel
from app.studio import Studio
from app.wire import NO_MEMORY, Bad, Full, Missing, WrongSpace
from profiles.errors import Conflict, Damaged, Unwritable

POLL, HEARTBEAT, TEXT = 0.4, 15.0, 8192


def short(text: str) -> str:
    """At most 8 KB, whatever the alphabet."""
    if len(text.encode("utf-8", "replace")) > TEXT:
        raise ValueError(f"a text has at most {TEXT} bytes; make it shorter or send it in parts")
    return text


class NewProfile(Strict):
    name: str = Field("", max_length=80)
    purpose: str = Field("", max_length=200)


class ProfileChange(Strict):
    name: str | None = Field(None, min_length=1, max_length=80)
    purpose: str | None = Field(None, max_length=200)
    colour: str | None = Field(None, pattern=r"^#[0-9a-fA-F]{6}$")


class AnswerIn(Strict):
    question_id: Id
    outcome: Any
    strength: float = Field(1.0, ge=0.25, le=4.0)
    ms: int | None = Field(None, ge=0, le=24 * 3600 * 1000)
    idempotency_key: Key
    source: str = Field("choose", max_length=20, pattern=r"^[a-z_]+$")


class StepIn(Strict):
    medium: Medium
    idempotency_key: Key


class GenerateIn(Strict):
    medium: Medium
    prompt: str = Field(min_length=1, max_length=2000)
    n: int = Field(4, ge=1, le=8)
    strength: float = Field(1.0, ge=0.0, le=1.0)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    depth: Literal["instant", "guided", "attended", "steered", "tuned"] | None = None
    max_tokens: int = Field(80, ge=8, le=400)


class LikeIn(Strict):
    generation: Id
    side: Literal["plain", "personal"]
    index: int = Field(ge=0, le=64)
    liked: bool
    idempotency_key: Key


class TextsIn(Strict):
    texts: list[Annotated[str, Field(min_length=1), AfterValidator(short)]] = Field(
        min_length=1, max_length=50
    )
    prompt: str = Field("", max_length=2000)


class RestoreIn(Strict):
    version: Id


def routes(studio: Studio, accounts: Accounts) -> APIRouter:
    """All routes of /api/v1 over one Studio."""
    router = APIRouter(prefix="/api/v1")
    _about(router, studio, accounts)
    people_routes(router, studio, accounts)
    _profiles(router, studio, accounts)
    _answers(router, studio)
    _making(router, studio)
    _carrying(router, studio)
    keep_routes(router, studio)
    made_routes(router, studio)
    reason_routes(router, studio)
    compass_routes(router, studio)
    describing_routes(router, studio)
    check_routes(router, studio)
    starting_routes(router, studio)
    example_routes(router, studio)
    return router


def _about(router: APIRouter, studio: Studio, accounts: Accounts) -> None:
    @router.get("/health")
    def health() -> dict[str, Any]:
        return studio.health()

    @router.get("/system")
    def system(request: Request, user: User) -> dict[str, Any]:
        told = {**studio.system(), "depths": depths(studio), "user": accounts.name(user)}
        keeps = request.state.caller.admin
        if not keeps:
            del told["data_folder"]  # where it lies on this machine is the keeper's to know
        return {**told, "login": accounts.required, "admin": keeps}


def _profiles(router: APIRouter, studio: Studio, accounts: Accounts) -> None:
    _belief(router, studio, accounts)

    @router.get("/profiles")
    def profiles(user: User) -> dict[str, Any]:
        return {"profiles": studio.profiles(user)}

    @router.post("/profiles", status_code=201)
    def new_profile(given: NewProfile, user: User) -> dict[str, Any]:
        return studio.new_profile(user, given.name, given.purpose)

    @router.get("/profiles/{profile}")
    def profile(profile: Id, user: User) -> dict[str, Any]:
        return studio.profile(user, profile)

    @router.patch("/profiles/{profile}")
    def change(profile: Id, given: ProfileChange, user: User) -> dict[str, Any]:
        return studio.change_profile(user, profile, given.model_dump(exclude_none=True))

    @router.delete("/profiles/{profile}")
    def delete(profile: Id, user: User) -> dict[str, Any]:
        return studio.delete_profile(user, profile)


def _belief(router: APIRouter, studio: Studio, accounts: Accounts) -> None:
    @router.get("/profiles/{profile}/belief")
    def belief(profile: Id, user: User, medium: Medium = "picture") -> dict[str, Any]:
        return studio.belief(user, profile, medium)

    @router.post("/profiles/{profile}/restore")
    def restore(profile: Id, given: RestoreIn, user: User) -> dict[str, Any]:
        return studio.restore(user, profile, given.version)

    @router.get("/profiles/{profile}/events")
    async def events(profile: Id, request: Request, user: User) -> Response:
        studio.profile(user, profile)

        async def stream() -> AsyncIterator[str]:
            # Polling a number in memory: no thread is held, however many pages are open.
            seen, quiet, caller = None, 0.0, request.state.caller
            while accounts.still(caller) and not await request.is_disconnected():
                state = studio.changes(user, profile)
                if state != seen:
                    seen, quiet = state, 0.0
                    yield f"event: progress\ndata: {_pulse(studio, user, profile)}\n\n"
                elif quiet >= HEARTBEAT:
                    quiet = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(POLL)
                quiet += POLL

        return StreamingResponse(stream(), media_type="text/event-stream")


def _pulse(studio: Studio, user: int, profile: int) -> str:
    """Nothing of a profile that was deleted while somebody looked."""
    try:
        studio.profile(user, profile)
    except Missing:
        return "{}"
    return json.dumps(studio.pulse(user, profile))


def answered(studio: Studio, user: int, given: AnswerIn) -> dict[str, Any]:
    """The verb of a vote; app/lane.py calls it too."""
    studio.rules.spend(user, "comparisons")
    return studio.answer(
        user,
        given.question_id,
        given.outcome,
        key=given.idempotency_key,
        strength=given.strength,
        ms=given.ms,
        source=given.source,
    )


def _answers(router: APIRouter, studio: Studio) -> None:
    @router.get("/profiles/{profile}/question")
    def question(
        profile: Id, user: User, medium: Medium = "picture", kind: Form | None = None
    ) -> dict[str, Any]:
        return studio.question(user, profile, medium, kind)

    @router.post("/answers")
    async def answer(given: AnswerIn, user: User) -> dict[str, Any]:
        return await voted(answered, studio, user, given)

    @router.post("/profiles/{profile}/undo")
    def undo(profile: Id, given: StepIn, user: User) -> dict[str, Any]:
        studio.rules.spend(user, "comparisons")  # as dear as an answer
        return studio.undo(user, profile, given.medium, given.idempotency_key)

    @router.post("/profiles/{profile}/redo")
    def redo(profile: Id, given: StepIn, user: User) -> dict[str, Any]:
        studio.rules.spend(user, "comparisons")
        return studio.redo(user, profile, given.medium, given.idempotency_key)

    @router.post("/profiles/{profile}/like")
    def like(profile: Id, given: LikeIn, user: User) -> dict[str, Any]:
        studio.rules.spend(user, "comparisons")  # a like is an answer
        return studio.like(
            user,
            profile,
            (given.generation, given.side, given.index),
            given.liked,
            given.idempotency_key,
        )


def _making(router: APIRouter, studio: Studio) -> None:
    @router.post("/profiles/{profile}/generate")
    async def generate(profile: Id, given: GenerateIn, user: User) -> Response:
        await asyncio.to_thread(studio.profile, user, profile)
        making = Making(studio, user)
        lines = studio.generate(user, profile, given.model_dump(), making.visit.gone.is_set)
        return Streamed(making, lines)

    @router.post("/profiles/{profile}/items", status_code=201)
    async def add_items(profile: Id, request: Request, user: User) -> dict[str, Any]:
        kind = request.headers.get("content-type", "").split(";")[0].strip()
        if kind == "application/json":
            given = await _texts(request)
            _quota(studio, user, len(given.texts))
            return await asyncio.to_thread(
                studio.add_texts, user, profile, given.texts, given.prompt
            )
        if kind != "multipart/form-data":
            raise HTTPException(415, "send pictures as multipart/form-data or texts as JSON")
        form = await request.form(max_files=50, max_fields=10)
        files = [v for v in form.getlist("files") if not isinstance(v, str)]
        blobs = [(f.filename or "picture", await f.read()) for f in files]
        if not blobs:
            raise HTTPException(422, "no files came along; send them in the field 'files'")
        _quota(studio, user, len(blobs))
        return await asyncio.to_thread(studio.add_pictures, user, profile, blobs)

    @router.get("/media/{item}")
    def media(item: Id, request: Request, user: User) -> Response:
        found, own = studio.item(user, item), studio.store.item_owner(item) is not None
        # What ships is anybody's; what is somebody's own is asked about again each time, so that
        # the next person at this browser is not shown it.
        age = "no-cache" if own else "max-age=31536000, immutable"
        headers = {"cache-control": f"private, {age}", "etag": f'"{found.hash}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        body, kind = studio.body(found)
        return Response(body, media_type=kind, headers=headers)


def _quota(studio: Studio, user: int, more: int) -> None:
    there = studio.store.logins.own_items(user)
    studio.rules.room(user, "items", there + more - 1, "things of yours with these")


async def _texts(request: Request) -> TextsIn:
    """Read by hand, because the same route takes files: 422 in one line for whatever is wrong."""
    try:
        return TextsIn.model_validate(await request.json())
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        what = f"{'.'.join(map(str, first['loc']))[:60]}: {first['msg']}"
    except (ValueError, RecursionError):
        what = "this is not JSON, or nests far too deep"
    raise HTTPException(422, f'send {{"texts": ["..."]}}; {what}')


def _carrying(router: APIRouter, studio: Studio) -> None:
    @router.get("/profiles/{profile}/export")
    def export(
        profile: Id,
        user: User,
        what: Literal["bundle", "answers"] = "bundle",
        format: Annotated[Literal["jsonl", "csv"], Query()] = "jsonl",
        adapters: bool = False,
    ) -> Response:
        body, name, kind = studio.export(user, profile, what, format, adapters)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type=kind, headers=headers)

    @router.post("/import", status_code=201)
    async def import_bundle(request: Request, user: User) -> dict[str, Any]:
        return await asyncio.to_thread(studio.import_bundle, user, await request.body())


STATUS: dict[Any, int] = {
    Missing: 404,
    Bad: 422,
    Conflict: 409,
    Full: 429,
    WrongSpace: 409,
    Unavailable: 503,
    BadModel: 503,
    MemoryError: 503,
    Unwritable: 507,
    Damaged: 500,
}


def handlers() -> dict[Any, Callable[..., Any]]:
    """Errors of the Studio as JSON that names the cure."""

    def reply(status: int) -> Callable[[Request, Any], JSONResponse]:
        def handle(_: Request, wrong: Any) -> JSONResponse:
            later = {"retry-after": str(wrong.seconds)} if hasattr(wrong, "seconds") else None
            told = str(wrong) or (NO_MEMORY if isinstance(wrong, MemoryError) else "")
            return JSONResponse({"error": told}, status, later)

        return handle

    return {kind: reply(status) for kind, status in STATUS.items()}
