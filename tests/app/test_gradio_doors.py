"""Gradio's own addresses behind our door: shut for strangers, else only what draws the page."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr  # noqa: TID253
import pytest
from argon2 import PasswordHasher

from app.page import build_page
from app.security import GRADIO, GRADIO_FOLDERS
from tests.app.world import World, world


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory, stocked: Path) -> Iterator[World]:
    """A studio with Gradio's page mounted as it is when it runs."""
    patch = pytest.MonkeyPatch()
    small = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    patch.setattr("argon2.PasswordHasher", small)
    folder = tmp_path_factory.mktemp("framed")
    with world(folder, stocked) as made:
        page, settings = build_page(True, "auto", "auto")
        gr.mount_gradio_app(made.app, page, path="/", **settings)
        yield made
    patch.undo()
    shutil.rmtree(folder, ignore_errors=True)


def doors(app: Any) -> Iterator[tuple[str, str]]:
    """(verb, address) of everything Gradio answers; it is mounted at the root."""
    for route in app.routes:
        deeper = getattr(route, "original_router", None)
        if deeper is not None:
            yield from doors(deeper)
        for verb in getattr(route, "methods", None) or ():
            yield verb, route.path


def filled(path: str) -> str:
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + "x" + rest.partition("}")[2]
    return path


def test_every_door_of_gradio_is_shut_for_strangers_and_most_for_everybody(framed: World) -> None:
    (mounted,) = (r.app for r in framed.app.routes if getattr(r, "path", None) == "")
    bob, found = framed.people["bob"], sorted(set(doors(mounted)))
    assert len(found) > 40, found
    assert any("queue" in path for _, path in found) and any("upload" in p for _, p in found)
    for verb, path in found:
        place = filled(path)
        if place == "/login" and verb in ("GET", "HEAD") or place.startswith("/static/js/iframe"):
            continue  # ours
        if not place.startswith("/static/"):
            assert framed.ask(verb, place).status in (401, 405), (verb, place)
        reply = framed.ask(verb, place, {} if verb == "POST" else None, bob.cookie)
        draws = place in GRADIO or place.startswith(GRADIO_FOLDERS)
        if verb not in ("GET", "HEAD") or not draws:
            assert reply.status in (403, 404, 405), (verb, place, reply.status)


@pytest.mark.parametrize("path", [
    "/gradio_api/file=/etc/passwd", "/file=../../penchant.db", "/gradio_api/queue/data",
    "/gradio_api/proxy=http://127.0.0.1:1/", "/proxy=http://127.0.0.1:1/", "/monitoring/summary",
    "/gradio_api/heartbeat/session-of-ann", "/gradio_api/info", "/openapi.json", "/docs",
    "//gradio_api/queue/data", "/assets/../gradio_api/queue/data", "/static/../penchant.db",
])  # fmt: skip
def test_files_queues_proxies_and_sessions_are_not_there(framed: World, path: str) -> None:
    reply = framed.ask("GET", path, None, framed.people["bob"].cookie)
    assert reply.status == 404, reply.status


def test_the_page_itself_is_drawn_for_who_is_logged_in(framed: World) -> None:
    reply = framed.ask("GET", "/", None, framed.people["bob"].cookie, accept="text/html")
    assert reply.status == 200 and b"choose-mount" in reply.body
    assert framed.ask("GET", "/", accept="text/html").headers["location"] == "/login"
