"""bench hostile: input by somebody who means harm, at every door; figures are to be nought.

`routes`: requests out of our OpenAPI document (schemathesis) and bodies that no document describes,
round after round, half of them about things that are there. `files`: the hostile table and the
corpora of damaged adapters and tastes, each through its route. `folders`: a database or a picture
model in them. `poison`: tastes that are well formed and hold what no answers lead to. `pages`:
every payload in every text, every page looked at in Chromium. `session`: a whole session under
strace; addresses of other machines in any system call that sends.
What may not run here (no browser, no strace) has no figure, and a row says so.
"""

import pickle
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

MINUTES = 3.0


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures of the four; a row for whatever was wrong."""
    from tests.hostile.world import world

    warnings.simplefilter("ignore")
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, world(Path(name) / "data") as made:
        for part in (_files, _poison, _pages, _routes):
            told, wrong = part(made, quick, seed)
            figures |= told
            rows += wrong
    with tempfile.TemporaryDirectory() as name:
        for kind in (_places, _session):
            told, wrong = kind(Path(name), quick)
            figures |= told
            rows += wrong
    return {"figures": figures, "rows": rows}


def _routes(made: Any, quick: bool, seed: int) -> tuple[dict[str, float], list[Any]]:
    """Rounds with other seeds until the time is over."""
    from tests.hostile.routes import Tally, fuzz, hostile_bodies, operations, rss

    tally, before, begun, rounds = Tally(), rss(), time.monotonic(), 0
    hostile_bodies(made, tally, 40 if quick else 1)
    while rounds == 0 or (not quick and time.monotonic() - begun < 60 * MINUTES):
        fuzz(made, 1 if quick else 8, seed + rounds, tally)
        rounds += 1
    figures = {f"routes_{k}": v for k, v in tally.figures().items()}
    figures |= {"routes": len(operations(made)), "routes_rss_grown_mb": rss() - before}
    rows = [{"routes": c} for c in tally.crashes[:50]]
    return figures, [*rows, {"slowest": tally.slowest[1][:200], "statuses": tally.statuses}]


def _files(made: Any, quick: bool, _seed: int) -> tuple[dict[str, float], list[Any]]:
    from tests.engine.bad_adapters import BASE, SHAPES
    from tests.hostile import files

    table = list(files.rows(made))
    table = files.sample(table, 20) if quick else [*table, *files.corpora()]
    carrying, rows, slowest, accepted, kept = made.studio.keeping.carrying, [], 0.0, 0, 0
    with _no_pickles(), patch.object(carrying, "_base", lambda pictures: (BASE, SHAPES)):
        for row in table:
            begun = time.monotonic()
            wrong, told = files.tried(made, row)
            slowest = max(slowest, time.monotonic() - begun)
            accepted += wrong in ("accepted", "kept more than pixels")
            kept += not row.words
            if wrong:
                rows.append({"file": row.name, "door": row.door, "wrong": wrong, "told": told})
    return {
        "files_tried": len(table) - kept,
        "files_accepted": accepted,
        "files_wrong": len(rows),
        "pictures_cleaned": kept,
        "files_slowest_s": slowest,
    }, rows


def _poison(made: Any, quick: bool, _seed: int) -> tuple[dict[str, float], list[Any]]:
    """Tastes that are well formed and hold what no answers lead to."""
    from tests.hostile import files, poison

    good, names = files.bundle(made), list(poison.CASES)[:: 8 if quick else 1]
    found = {name: poison.harm(made, good, name) for name in names}
    rows = [{"poison": name, "broke": broken} for name, broken in found.items() if broken]
    return {"poison_tried": len(names), "poison_harm": len(rows)}, rows


@contextmanager
def _no_pickles() -> Iterator[None]:
    """Reading one ends the bench."""
    with patch.multiple(pickle, load=None, loads=None, Unpickler=None):
        yield


def _places(at: Path, quick: bool) -> tuple[dict[str, float], list[Any]]:
    from profiles.store import Store
    from tests.engine.picture_job import save_tiny
    from tests.hostile.places import places, tried
    from tests.profiles.desk import full_desk

    with Store.open(at / "data") as store:
        full_desk(store)
    save_tiny(at / "model", "sd15")
    table = list(places())[:: 20 if quick else 1]
    found = [(p, tried(p, at / "data", at / "model", at)) for p in table]
    rows = [{"folder": p.name, "wrong": w, "told": told} for p, (w, told) in found if w]
    accepted = sum(w == "accepted" for _, (w, _) in found)
    return {"folders_tried": len(table), "folders_accepted": accepted,
            "folders_wrong": len(rows)}, rows  # fmt: skip


def _pages(made: Any, quick: bool, _seed: int) -> tuple[dict[str, float], list[Any]]:
    from playwright.sync_api import sync_playwright

    from app import doctor
    from tests.hostile.pages import payloads, plant, running, seen_to_work, visit
    from tests.served import CHROMIUM

    path = doctor.browser()
    if not path:
        return {}, [{"pages": "not tried: no Chromium here"}]
    texts = payloads()[:: 20 if quick else 1]
    profile = plant(made, texts)
    with sync_playwright() as play, running(made) as address:
        browser = play.chromium.launch(executable_path=path, args=CHROMIUM)
        watch = visit(browser, address, profile, texts)
        control = seen_to_work(browser, address)
        browser.close()
    figures = {f"pages_{k}": float(len(getattr(watch, k)))
               for k in ("dialogs", "foreign", "errors", "elements")}  # fmt: skip
    shown = {"payloads": len(texts), "payloads_shown": len(watch.shown)}
    return {**shown, **figures, "pages_control": float(len(control))}, [watch.wrong()]


def _session(at: Path, quick: bool) -> tuple[dict[str, float], list[Any]]:
    from tests.hostile.session import can_trace, child, traced

    why = can_trace()
    (at / "session").mkdir()
    told = child(at / "session") if why else traced(at / "session")
    figures = {f"session_{k}": float(len(told[k]))
               for k in ("did", "outside", "names", "pickles")}  # fmt: skip
    if not why:
        figures |= {"session_calls": told["calls"], "session_packets_out": len(told["packets"])}
    return figures, [told, *([{"packets": f"not read: {why}"}] if why else [])]
