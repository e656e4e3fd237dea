"""Routes of the Keep page: tuning, jobs, adapters, exports. Thin: one verb of the Studio each."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from pydantic import Field

from app.doors import Id, Making, Medium, Streamed, Strict, User, in_turn
from app.trying import attempt

if TYPE_CHECKING:
    from app.studio import Studio


class TuneIn(Strict):
    preset: Literal["quick", "good", "best"] = "quick"
    medium: Medium | None = None
    name: str = Field("", max_length=80)
    objective: str | None = Field(None, max_length=40)
    start: Id | None = None
    knobs: dict[str, float] = Field(default_factory=dict, max_length=12)
    settings: dict[str, float | int] = Field(default_factory=dict, max_length=12)


class WishIn(Strict):
    wish: Literal["pause", "resume", "stop", "discard"]


class AdapterChange(Strict):
    name: str | None = Field(None, min_length=1, max_length=80)
    chosen: bool | None = None


class BlindIn(Strict):
    prompt: str = Field(min_length=1, max_length=2000)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    against: Literal["plain", "itself"] = "plain"


class TryIn(Strict):
    prompt: str = Field(min_length=1, max_length=2000)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    n: int = Field(2, ge=1, le=4)


class PickIn(Strict):
    pick: Literal["left", "right", "same"]


class ExportIn(Strict):
    privacy: Literal["vector only", "pseudonymous", "full"] = "vector only"


def keep_routes(router: APIRouter, studio: "Studio") -> None:
    """All of them on one router."""
    _jobs(router, studio)
    _adapters(router, studio)
    _carrying(router, studio)


def _jobs(router: APIRouter, studio: "Studio") -> None:
    keeping = studio.keeping

    @router.get("/profiles/{profile}/tune")
    def offer(profile: Id, user: User, medium: Medium | None = None) -> dict[str, Any]:
        return keeping.offer(user, profile, medium)

    @router.post("/profiles/{profile}/tune", status_code=201)
    def tune(profile: Id, given: TuneIn, user: User) -> dict[str, Any]:
        return keeping.tune(user, profile, given.model_dump())

    @router.get("/profiles/{profile}/jobs")
    def jobs(profile: Id, user: User) -> dict[str, Any]:
        return {"jobs": keeping.jobs(user, profile)}

    @router.get("/jobs/{job}")
    def job(job: Id, user: User) -> dict[str, Any]:
        return keeping.job(user, job)

    @router.get("/jobs/{job}/samples/{name}")
    def sample(job: Id, name: str, user: User) -> Response:
        return FileResponse(studio.jobs.sample(user, job, name), media_type="image/png")

    @router.post("/jobs/{job}/wish")
    def wish(job: Id, given: WishIn, user: User) -> dict[str, Any]:
        return keeping.wish(user, job, given.wish)


def _adapters(router: APIRouter, studio: "Studio") -> None:
    keeping = studio.keeping

    @router.get("/profiles/{profile}/adapters")
    def adapters(profile: Id, user: User) -> dict[str, Any]:
        studio.profile(user, profile)
        return {"adapters": keeping.listed(profile)}

    @router.patch("/adapters/{adapter}")
    def change(adapter: Id, given: AdapterChange, user: User) -> dict[str, Any]:
        return keeping.change(user, adapter, given.model_dump())

    @router.delete("/adapters/{adapter}")
    def remove(adapter: Id, user: User) -> dict[str, Any]:
        return keeping.remove(user, adapter)

    @router.post("/adapters/{adapter}/try")
    async def tried(adapter: Id, given: TryIn, user: User) -> Any:
        await asyncio.to_thread(keeping.one, user, adapter)
        work = partial(attempt, studio, user, adapter, **given.model_dump())
        return await in_turn(studio, user, work)

    @router.post("/adapters/{adapter}/blind")
    async def begin(adapter: Id, given: BlindIn, user: User) -> Any:
        await asyncio.to_thread(keeping.one, user, adapter)
        told = (given.prompt, given.seed, given.against)
        return await in_turn(studio, user, partial(keeping.blind.begin, user, adapter, *told))

    @router.post("/adapters/{adapter}/blind/{trial}")
    def end(adapter: Id, trial: str, given: PickIn, user: User) -> dict[str, Any]:
        return keeping.blind.end(user, adapter, trial, given.pick)


def _carrying(router: APIRouter, studio: "Studio") -> None:
    carrying = studio.keeping.carrying

    @router.get("/adapters/{adapter}/exports")
    def targets(adapter: Id, user: User) -> dict[str, Any]:
        return {"targets": carrying.targets(user, adapter),
                "unfit": carrying.unfit(user, adapter)}  # fmt: skip

    @router.post("/adapters/{adapter}/exports/{target}")
    async def export(adapter: Id, target: str, given: ExportIn, user: User) -> Response:
        await asyncio.to_thread(studio.keeping.one, user, adapter)
        making = Making(studio, user)
        return Streamed(making, carrying.export(user, adapter, target, given.privacy))

    @router.get("/adapters/{adapter}/exports/{target}/file")
    def file(adapter: Id, target: str, user: User) -> Response:
        path, name = carrying.file(user, adapter, target)
        return FileResponse(path, media_type="application/zip", filename=name)

    @router.get("/adapters/{adapter}/file")
    def pack(adapter: Id, user: User) -> Response:
        return _zip(*carrying.pack(user, adapter))

    @router.post("/profiles/{profile}/adapters/import", status_code=201)
    async def bring(profile: Id, request: Request, user: User) -> dict[str, Any]:
        return await asyncio.to_thread(carrying.bring, user, profile, await request.body())


def _zip(body: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type="application/zip", headers=headers)
