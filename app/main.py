"""The ASGI application: our routes first, then the card's files, then Gradio at the root."""

import asyncio
import gc
import logging
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from app import troubles
from app.accounts import Accounts
from app.api import STATUS, handlers, routes
from app.api_report import report_routes
from app.api_study import open_studies
from app.bodies import Refused
from app.lane import BROKEN, Lane
from app.limits import ALONE, LIMITS
from app.security import Gate
from app.studio import Studio
from app.trim import one_heap
from profiles import copies

HERE = Path(__file__).parent
# Seconds a thread may compute while another waits. A vote passes through four threads: at Python's
# five milliseconds fits and imports behind the scenes held 200 votes a second up for seconds; below
# one, asking for the turn costs more than waiting for it (docs/decisions/0009).
SWITCH = 0.001
log = logging.getLogger("penchant")


def build(studio: Studio, accounts: Accounts, options: Any = None) -> FastAPI:
    """The inner application without the Gate: health answers before Gradio is imported."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        if options is not None:
            threading.Thread(target=_mount, args=(app, options), daemon=True).start()
        yield
        await asyncio.to_thread(accounts.close)
        await asyncio.to_thread(studio.close)

    app = FastAPI(
        title="Penchant",
        version=studio.version,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.include_router(routes(studio, accounts))
    app.include_router(report_routes(studio, options))
    open_studies(app, studio, accounts, options)

    @app.get("/static/js/iframeResizer.contentWindow.min.js", include_in_schema=False)
    def unframed() -> Response:
        # Gradio's page asks for a script that only matters inside a frame, which we do not allow.
        return Response("", media_type="text/javascript")

    app.mount("/static/words", StaticFiles(directory=HERE / "words"), name="words")
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    @app.get("/login", include_in_schema=False)
    def login() -> HTMLResponse:
        return _in_language("login.html", options)

    @app.get("/help", include_in_schema=False)
    def help_page() -> HTMLResponse:
        return _in_language("help.html", options)

    for kind, handle in handlers().items():
        app.add_exception_handler(kind, handle)
    app.add_exception_handler(Refused, _at_the_door)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _malformed)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _broken)
    app.state.way = Lane(app, studio, STATUS)
    return app


def _in_language(name: str, options: Any) -> HTMLResponse:
    """A page of ours, in the language that the studio was started with."""
    text = (HERE / "static" / name).read_text()
    language = getattr(options, "language", "auto")
    return HTMLResponse(text.replace('data-language="auto"', f'data-language="{language}"'))


STARTING = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<title>Penchant</title><p style="font-family:system-ui;text-align:center">Penchant ...
"""


def _refused(request: Request, wrong: HTTPException) -> Response:
    if wrong.status_code == 404 and request.url.path.rstrip("/") == request.scope["root_path"]:
        return HTMLResponse(STARTING)  # the page is not imported yet; it comes in a moment
    return JSONResponse({"error": str(wrong.detail)}, wrong.status_code, wrong.headers)


def _at_the_door(_: Request, wrong: Refused) -> JSONResponse:
    """A body that turned out too large, too slow or too deep while a route was reading it."""
    later = {"retry-after": str(wrong.seconds)} if wrong.seconds else None
    return JSONResponse({"error": str(wrong)}, wrong.status, later)


def _malformed(_: Request, wrong: RequestValidationError) -> JSONResponse:
    first = wrong.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return JSONResponse({"error": f"{where or 'the request'}: {first['msg']}"}, 422)


def _broken(_: Request, wrong: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=wrong)
    return JSONResponse({"error": BROKEN}, 500)


def _mount(app: FastAPI, options: Any) -> None:
    """Gradio takes seconds to import; the API answers meanwhile."""
    import gradio as gr

    from app.page import build_page

    started = time.monotonic()
    page, settings = build_page(
        options.offline,
        "auto" if options.theme == "system" else options.theme,
        options.language,
    )
    gr.mount_gradio_app(app, page, path="/", **settings)
    # What was imported stays: the collector of garbage need not walk through it with every vote.
    gc.collect()
    gc.freeze()
    log.info("page ready after %.1f s", time.monotonic() - started)


def make(options: Any, draws: Any = None) -> tuple[Gate, Studio]:
    """Everything from the flags: the Studio, the accounts and the guarded application. `draws`:
    the picture model, where it was settled already.
    """
    from app.picture_models import chosen

    studio = Studio.open(
        Path(options.data_dir), models=Path(options.models_dir), lm=options.lm, cpu=options.cpu
    )
    studio.metadata = not options.disable_metadata
    studio.maker.draws = draws or chosen(options)
    accounts = admitted(studio, options)
    beyond = options.host not in ("127.0.0.1", "localhost", "::1")
    return Gate(build(studio, accounts, options), accounts, beyond, options.host_names), studio


def admitted(studio: Studio, options: Any) -> Accounts:
    """Who may log in, by the flags and by what this data folder knows; whoever is alone is held to
    the limits of somebody alone.
    """
    accounts = Accounts(studio.store, options.auth, studio.rules, options.admin, options.first)
    standard = LIMITS if accounts.required else ALONE
    studio.rules.standard = replace(standard, **options.limits)
    accounts.read()
    return accounts


def serve(options: Any, draws: Any = None, say: Callable[[str], None] = lambda text: None) -> None:
    """Run until interrupted. `say`: what a person at the terminal is told."""
    import uvicorn

    from app import connections
    from app.cli import address

    one_heap()
    gate, studio = make(options, draws)
    troubles.listen(Path(options.data_dir))
    copies.start(studio.store)
    if first := gate.accounts.waits_for():
        say(f"One-time token: {first}  (open {address(options)}/login#{first}, choose a name "
            "and a password)")  # fmt: skip
    if options.preload:
        say("Models are being loaded ...")
        studio.maker.preload()
    sys.setswitchinterval(SWITCH)
    connections.more_files()
    if options.browser:
        threading.Thread(target=_open, args=(address(options),), daemon=True).start()
    uvicorn.run(
        gate,
        host=options.host,
        port=options.port,
        log_level="warning",
        loop="uvloop",
        http=connections.Connection,
        limit_concurrency=connections.MOST,
        timeout_keep_alive=15,
        root_path=options.root_path or "",
        ssl_keyfile=options.tls_keyfile,
        ssl_certfile=options.tls_certfile,
        timeout_graceful_shutdown=5,
        server_header=False,
    )


def _open(address: str) -> None:
    time.sleep(1.0)
    webbrowser.open(address)
