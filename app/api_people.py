"""Routes of logins, of one's own account, and of the keeper of the studio."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from app.accounts import COOKIE, Accounts, Caller, LoginRefused, Wait
from app.admin import Admin
from app.doors import Id, Strict, User
from app.sessions import LASTS

if TYPE_CHECKING:
    from app.studio import Studio

# Checking passwords has threads of its own: it takes none from those who click.
DOOR = ThreadPoolExecutor(20, "login")
Name = Annotated[str, Field(max_length=80)]
Password = Annotated[str, Field(max_length=200)]
Held = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class LoginIn(Strict):
    name: Name
    password: Password


class JoinIn(Strict):
    token: str = Field(min_length=1, max_length=200)
    name: Name = ""
    password: Password


class PasswordIn(Strict):
    old: Password
    new: Password


class LabelIn(Strict):
    label: str = Field("", max_length=80)


class LockIn(Strict):
    locked: bool


class LimitsIn(Strict):
    limits: dict[str, int] = Field(max_length=12)


def asking(request: Request) -> Caller:
    """Who asks, where a program may not: an account is changed by a person in a browser."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise HTTPException(401, "log in first: open /login, or POST /api/v1/login")
    if caller.by == "program":
        raise HTTPException(403, "a token cannot do this; log in on the page")
    return caller


def keeper(request: Request) -> Caller:
    caller = asking(request)
    if not caller.admin:
        raise HTTPException(403, "only who keeps this studio may do this")
    return caller


Asking = Annotated[Caller, Depends(asking)]
Keeper = Annotated[Caller, Depends(keeper)]


def people_routes(router: APIRouter, studio: "Studio", accounts: Accounts) -> None:
    _doors(router, accounts)
    _account(router, studio, accounts)
    _tokens(router, accounts)
    _keeping(router, studio, accounts)
    _letting_in(router, accounts)


def _about(request: Request) -> dict[str, str]:
    """What a session is told apart by, in the list of one's own."""
    agent = request.headers.get("user-agent", "")[:120]
    return {"address": request.client.host if request.client else "", "agent": agent}


def _let_in(request: Request, token: str) -> Response:
    reply = JSONResponse({"ok": True})
    reply.set_cookie(
        COOKIE, token, max_age=LASTS, httponly=True, samesite="strict",
        secure=request.url.scheme == "https", path=request.scope.get("root_path", "") or "/",
    )  # fmt: skip
    return reply


async def _tried(work: Any) -> Any:
    """A piece of logging in, off the threads of everybody else."""
    try:
        return await asyncio.get_running_loop().run_in_executor(DOOR, work)
    except LoginRefused as refused:
        raise HTTPException(401, str(refused)) from None
    except Wait as wait:
        raise HTTPException(429, str(wait), {"retry-after": str(wait.seconds)}) from None


def _doors(router: APIRouter, accounts: Accounts) -> None:
    @router.post("/login")
    async def login(given: LoginIn, request: Request) -> Response:
        if not accounts.required:
            raise HTTPException(409, "this studio needs no login; it was started without --auth")
        old = request.cookies.get(COOKIE, "")
        work = partial(accounts.login, given.name, given.password, _about(request), old)
        return _let_in(request, await _tried(work))

    @router.post("/join")
    async def join(given: JoinIn, request: Request) -> Response:
        if not accounts.required:
            raise HTTPException(409, "this studio needs no login; start it with --token or --auth")
        work = partial(accounts.join, given.token, given.name, given.password, _about(request))
        return _let_in(request, await _tried(work))

    @router.post("/logout")
    def logout(request: Request, user: User) -> Response:
        accounts.logout(request.cookies.get(COOKIE, ""))
        reply = JSONResponse({"ok": True})
        reply.delete_cookie(COOKIE, path=request.scope.get("root_path", "") or "/")
        # What this browser kept of pictures goes too, where it heeds this.
        reply.headers["clear-site-data"] = '"cache"'
        return reply


def _account(router: APIRouter, studio: "Studio", accounts: Accounts) -> None:
    @router.get("/account")
    def about(caller: Asking) -> dict[str, Any]:
        held = [
            {"id": h.id, "kind": h.kind, "created": h.created, "here": h.hash == caller.key,
             **h.about} for h in reversed(accounts.held(caller.user))
        ]  # fmt: skip
        return {"name": accounts.name(caller.user), "login": accounts.required,
                "admin": caller.admin, "held": held,
                "limits": studio.rules.told(caller.user)}  # fmt: skip

    @router.post("/account/password")
    async def password(given: PasswordIn, request: Request, caller: Asking) -> Response:
        if not accounts.required:
            raise HTTPException(409, "there is no login here, so there is no password")
        work = partial(accounts.change_password, caller, given.old, given.new, _about(request))
        return _let_in(request, await _tried(work))

    @router.post("/account/end-others")
    def end_others(caller: Asking) -> dict[str, Any]:
        others = [h.id for h in accounts.held(caller.user)
                  if h.kind == "session" and h.hash != caller.key]  # fmt: skip
        return {"ended": accounts.end(caller.user, others)}


def _tokens(router: APIRouter, accounts: Accounts) -> None:
    @router.delete("/account/held/{held}")
    def end(held: Held, caller: Asking) -> dict[str, Any]:
        return {"ended": accounts.end(caller.user, [held])}

    @router.post("/account/tokens", status_code=201)
    def token(given: LabelIn, caller: Asking) -> dict[str, Any]:
        if not accounts.required:
            raise HTTPException(409, "there is no login here; programs need no token")
        return {"token": accounts.token(caller.user, given.label)}


def _keeping(router: APIRouter, studio: "Studio", accounts: Accounts) -> None:
    admin = Admin(studio, accounts)

    @router.get("/admin/users")
    def users(_: Keeper) -> dict[str, Any]:
        return admin.users()

    @router.get("/admin/jobs")
    def jobs(_: Keeper) -> dict[str, Any]:
        return admin.jobs()

    @router.get("/admin/audit")
    def audit(
        _: Keeper, before: Id | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> dict[str, Any]:
        return admin.audit(before, limit)


def _letting_in(router: APIRouter, accounts: Accounts) -> None:
    @router.post("/admin/users/{who}/lock")
    def lock(who: Id, given: LockIn, caller: Keeper) -> dict[str, Any]:
        accounts.lock(caller.user, who, given.locked)
        return {"locked": given.locked}

    @router.post("/admin/users/{who}/limits")
    def limits(who: Id, given: LimitsIn, caller: Keeper) -> dict[str, Any]:
        accounts.set_limits(caller.user, who, given.limits)
        return {"limits": accounts.rules.told(who)}

    @router.post("/admin/users/{who}/reset", status_code=201)
    def reset(who: Id, caller: Keeper) -> dict[str, Any]:
        return {"token": accounts.reset(caller.user, who)}

    @router.post("/admin/invites", status_code=201)
    def invite(caller: Keeper) -> dict[str, Any]:
        if not accounts.required:
            raise HTTPException(409, "there is no login here; start the studio with --token")
        return {"token": accounts.invite(caller.user)}
