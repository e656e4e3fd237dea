"""launch.py doctor: what is there, what is missing and how to get it. No prompts, no answers.

Standard library only at the top: it also reports where the environment is missing.
"""

import hashlib
import json
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.flags import ROOT, Options
from app.restoring import compared

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LISTS = ("requirements.txt", "requirements-models.txt")
INSTALL = "run `python3 launch.py` once"


def doctor(options: Options, as_json: bool, report: bool = False) -> int:
    """Print the report; 0 when nothing is wrong. `report`: as a text for a report of a bug."""
    if report:
        from app.doctor_report import report as whole

        text = whole(options)
        print(json.dumps({"report": text}) if as_json else text)
        return 0
    rows = [{"what": name, **check(options)} for name, check in CHECKS.items()]
    well = all(r["ok"] for r in rows)
    if as_json:
        print(json.dumps({"ok": well, "checks": rows, "settings": settings(options)}))
        return 0 if well else 1
    for row in rows:
        print(f"{'ok  ' if row['ok'] else 'MISS'}  {row['what']:<14} {row['found']}")
        if row.get("cure"):
            print(f"      {'':<14} -> {row['cure']}")
    for row in settings(options):
        print(f"set   {row['name']:<14} {row['value']}  ({row['source']})")
    return 0 if well else 1


def settings(options: Options) -> list[dict[str, str]]:
    """Each setting with where it came from; of a login only the names are told."""
    own = {"listen": "host", "no_browser": "browser"}
    rows = []
    for name, source in options.sources.items():
        value = getattr(options, own.get(name, name), None)
        if name == "auth_file" or (name == "auth" and not value):
            continue
        if name == "auth":
            source = options.sources["auth_file"] if source == "default" else source
            value = ", ".join(options.auth) + " (passwords not shown)"
        shown = "-" if value in (None, "") else str(value)
        rows.append({"name": own.get(name, name), "value": shown, "source": source})
    return rows


def browser() -> str | None:
    """A Chromium for the tests; the studio itself works with any browser."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def found(text: str, ok: bool = True, cure: str = "") -> dict[str, Any]:
    return {"ok": ok, "found": text, **({"cure": cure} if cure and not ok else {})}


def _python(_: Options) -> dict[str, Any]:
    return found(f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}")


def _packages(_: Options) -> dict[str, Any]:
    """Every pinned package in the version that was pinned."""
    pins = [line.split("==") for name in LISTS for line in (ROOT / name).read_text().splitlines()
            if "==" in line]  # fmt: skip
    wrong, missing = [], 0
    for name, pin in pins:
        try:
            # A local build says 2.13.0+cpu and is that version.
            if (have := version(name)).partition("+")[0] != pin.strip():
                wrong.append(f"{name} is {have}, not {pin.strip()}")
        except PackageNotFoundError:
            wrong.append(f"{name} is missing")
            missing += 1
    if 2 * missing > len(pins):
        return found("not installed yet", False, INSTALL)
    return found("; ".join(wrong) or f"all {len(pins)} as pinned", not wrong,
                 "remove .venv and run `python3 launch.py`")  # fmt: skip


def _disk(options: Options) -> dict[str, Any]:
    folder = Path(options.data_dir)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    return found(f"{free:.0f} GB free", free > 1, "free at least 1 GB where the data folder lies")


def _memory(_: Options) -> dict[str, Any]:
    try:
        import psutil
    except ImportError:
        return found("not measured before the installation")
    seen = psutil.virtual_memory()
    text = f"{seen.available / 1e9:.1f} of {seen.total / 1e9:.1f} GB free"
    return found(text, seen.available > 2e9, "close other programs: 2 GB are needed to write text")


def _device(options: Options) -> dict[str, Any]:
    from engine.device import likely

    device = likely(options.cpu)
    return found(f"{device.name}: {device.reason}")


def _models(options: Options) -> dict[str, Any]:
    """Every model that was put in place, byte for byte."""
    manifests = sorted(Path(options.models_dir).glob("*/manifest.json"))
    if options.lm and Path(options.lm).is_absolute() and not Path(options.lm).exists():
        cure = "give --lm a folder that holds a causal language model"
        return found(f"{options.lm} is not there", False, cure)
    if not manifests:
        return found(f"none in {options.models_dir}", False, INSTALL)
    for manifest in manifests:
        for name, digest in json.loads(manifest.read_text())["files"].items():
            if _sha256(manifest.parent / name) != digest:
                cure = f"remove {manifest.parent} and run `python3 launch.py`"
                return found(f"{manifest.parent.name}: {name} is damaged", False, cure)
    names = ", ".join(m.parent.name for m in manifests)
    return found(f"{names}: every file as it was made")


def _pictures(options: Options) -> dict[str, Any]:
    """Which picture model draws; only its headers are read."""
    try:
        from app.picture_models import Own, Starter, chosen
    except ImportError:
        return found("not looked at before the installation")
    draws = chosen(options)
    if isinstance(draws, Starter) and (wrong := draws.why_not or draws.lacks):
        return found(
            wrong, False, "files of this program changed; its own words say how to mend it"
        )
    if draws.why_not:
        return found(draws.why_not, False, "mend it, or leave --pictures out for the small model")
    if not isinstance(draws, Own):
        return found("the small model that ships (some hundreds of things, 96 pixels)")
    told = draws.found
    size = f"{told.numbers[0] / 1e9:.2f} billion numbers"
    needs = f"about {draws.needs(2) / 1e9:.1f} GB in 16 bits, {draws.needs() / 1e9:.1f} in 32"
    return found(f"{draws.title}: {told.kind}, {size}; drawing takes {needs} (estimates)")


def _sha256(path: Path) -> str:
    if not path.exists():
        return ""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _data(options: Options) -> dict[str, Any]:
    """Looked at read-only: a running studio is not disturbed."""
    folder = Path(options.data_dir)
    file = folder / "penchant.db"
    near = next(p for p in (folder, *folder.parents) if p.exists())
    if not os.access(near, os.W_OK) or not near.is_dir():
        return found(f"{near} cannot be written to", False,
                     "make it a folder of yours, or use --data-dir")  # fmt: skip
    if not file.exists():
        return found(f"{folder} (new: nothing kept yet)")
    try:
        db = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            state = str(db.execute("PRAGMA quick_check").fetchone()[0])
        finally:
            db.close()
    except sqlite3.DatabaseError as wrong:
        state = str(wrong)
    if state == "ok":
        state = compared(folder)
    cure = "`python3 launch.py restore-backup` lists the safety copies and puts one back"
    return found(f"{folder}: {state}", state.startswith("ok"), cure)


def _log(options: Options) -> dict[str, Any]:
    """The audit log: every row as it was written."""
    try:
        from app.auditing import look
    except ImportError:
        return found("not looked at before the installation")
    told, intact = look(Path(options.data_dir) / "penchant.db")
    cure = "the file was changed by hand; `python3 launch.py restore-backup` lists older copies"
    return found(told, intact, cure)


def _browser(_: Options) -> dict[str, Any]:
    return found(browser() or "no Chromium (only `launch.py test` needs one)")


def _offline(options: Options) -> dict[str, Any]:
    asked = "; --offline was asked for" if options.offline else ""
    return found(f"no model hub, no telemetry{asked}")


def _place(_: Options) -> dict[str, Any]:
    return found(str(ROOT))


CHECKS: dict[str, Callable[[Options], dict[str, Any]]] = {
    "folder": _place,
    "python": _python,
    "packages": _packages,
    "disk": _disk,
    "memory": _memory,
    "device": _device,
    "models": _models,
    "pictures": _pictures,
    "data": _data,
    "log": _log,
    "network": _offline,
    "browser": _browser,
}
