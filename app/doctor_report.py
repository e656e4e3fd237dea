"""A text for a report of a bug: what runs here and how well, and nothing of anybody.

Versions, hardware, where settings come from, the health of the store, models, the last errors. No
name, prompt, answer or title; of a folder only whether it is the usual one. Everything printed is
a number, a word of this program, or a value out of a short list; tests/app/test_doctor_report.py
puts canaries everywhere else. Standard library only at the top.
"""

import platform
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app import troubles
from app.flags import LANGUAGES, ROOT, THEMES, Options, default_data_dir

PACKAGES = ("torch", "transformers", "diffusers", "peft", "gradio", "fastapi", "numpy", "faiss-cpu",
            "sqlite-utils")  # fmt: skip
PLAIN = ("port", "cpu", "offline", "no_browser", "theme", "language", "disable_metadata",
         "pictures_steps", "pictures_guidance", "pictures_size")  # fmt: skip
SHIPPED = ("SmolLM2-135M-Instruct",)
TABLE = re.compile(r"[a-z_]{1,40}")


def report(options: Options) -> str:
    """The whole text."""
    parts = {
        "Penchant": _versions(options),
        "Settings": _settings(options),
        "Checks": _checks(options),
        "Store": _store(Path(options.data_dir)),
        "Models": _models(options),
        "Last errors (no messages are kept)": troubles.in_words(
            troubles.last(Path(options.data_dir))
        ) or ["none"],
    }  # fmt: skip
    made = [f"## {name}\n" + "\n".join(f"- {line}" for line in lines)
            for name, lines in parts.items()]  # fmt: skip
    return "\n\n".join(made) + "\n"


def _versions(options: Options) -> Iterator[str]:
    try:
        from app.studio import VERSION

        yield f"version {VERSION}, commit {_commit()}"
    except ImportError:
        yield f"version not known before the installation, commit {_commit()}"
    yield f"Python {sys.version.split()[0]}, {platform.system()} {platform.machine()}"
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} missing")
    yield ", ".join(found) + f", SQLite {sqlite3.sqlite_version}"


def _commit() -> str:
    """The first digits, read from the files of git; "unknown" in an unpacked archive."""
    try:
        head = (ROOT / ".git" / "HEAD").read_text().strip()
        if head.startswith("ref: "):
            head = (ROOT / ".git" / head[5:]).read_text().strip()
    except OSError:
        return "unknown"
    return head[:10] if re.fullmatch(r"[0-9a-f]{40}", head) else "unknown"


def _settings(options: Options) -> Iterator[str]:
    """Each that somebody gave, with where it came from; values only out of short lists."""
    given = {k: s for k, s in options.sources.items() if s != "default"}
    if not given:
        yield "all as they come"
    for name, source in sorted(given.items()):
        value = getattr(options, "browser" if name == "no_browser" else name, None)
        plain = name in PLAIN and (isinstance(value, bool | int | float)
                                   or value in (*THEMES, *LANGUAGES))  # fmt: skip
        yield f"{name}: {value if plain else 'given'} ({source})"
    yield f"answers {'this machine only' if options.host in HERE else 'other machines too'}"
    yield f"data folder: {_folder(options.data_dir)}"


HERE = ("127.0.0.1", "localhost", "::1")


def _folder(path: str) -> str:
    """Where it lies, as far as that tells nothing about anybody."""
    if Path(path) == Path(default_data_dir()):
        return "the usual one, under ~"
    return "one of their own, under ~" if Path(path).is_relative_to(Path.home()) else "elsewhere"


def _checks(options: Options) -> Iterator[str]:
    """ok or not of every check; its words only where they name no place and no file."""
    from app.doctor import CHECKS

    told = ("python", "packages", "disk", "memory", "device")
    for name, check in CHECKS.items():
        if name in ("folder", "python"):
            continue
        found = check(options)
        words = f": {found['found']}" if name in told else ""
        yield f"{'ok' if found['ok'] else 'MISSING'} {name}{words}"


def _store(folder: Path) -> Iterator[str]:
    """Counts and sizes, read-only: no row is looked into."""
    file = folder / "penchant.db"
    if not file.exists():
        yield "nothing kept yet"
        return
    sizes = ", ".join(f"{p.suffix.lstrip('.') or p.name} {_size(p)}"
                      for p in (file, *(file.with_name(file.name + e) for e in ("-wal", "-shm")))
                      if p.exists())  # fmt: skip
    yield f"files: {sizes}; pictures and adapters {_size(folder)} in all"
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            steps = [r[0] for r in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
            yield f"schema: {len(steps)} steps, the last {_word(steps[-1]) if steps else 'none'}"
            yield "rows: " + ", ".join(f"{name} {n}" for name, n in _counts(db))
            yield f"quick check now: {_verdict(db.execute('PRAGMA quick_check').fetchone()[0])}"
    except sqlite3.DatabaseError as wrong:
        yield f"cannot be read: {type(wrong).__name__}"
    copies = sorted((folder / "backups").glob("*.db"), key=lambda p: p.stat().st_mtime)
    newest = f", the newest {_age(copies[-1])} old, {_size(copies[-1])}" if copies else ""
    yield f"safety copies: {len(copies)}{newest}"
    seal = file.with_name(file.name + ".seal")
    yield f"last sealed: {_age(seal) + ' ago' if seal.exists() else 'never'}"


def _counts(db: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    for (name,) in names.fetchall():
        if TABLE.fullmatch(name) and not name.startswith(("sqlite_", "_")):
            yield name, int(db.execute(f"SELECT count(*) FROM {name}").fetchone()[0])


def _word(text: str) -> str:
    return text if re.fullmatch(r"\w{1,40}", text) else "of another program"


def _verdict(text: object) -> str:
    return "ok" if text == "ok" else "not ok"


def _models(options: Options) -> Iterator[str]:
    places = sorted(p.parent.name for p in Path(options.models_dir).glob("*/manifest.json"))
    named = [p if p in SHIPPED else "another" for p in places]
    yield f"put in place: {', '.join(named) or 'none'}"
    if options.lm:
        yield "another language model is asked for (--lm)"
    if options.pictures:
        yield f"another picture model is asked for (--pictures): {_drawn(options)}"


def _drawn(options: Options) -> str:
    """Its kind, without its name or place."""
    try:
        from app.picture_models import Own, chosen

        draws = chosen(options)
    except ImportError:
        return "not looked at before the installation"
    if draws.why_not:
        return "it cannot be used"
    if not isinstance(draws, Own):
        return "the small one draws"
    return f"{_word(str(draws.found.kind))}, {draws.found.numbers[0] / 1e9:.2f} billion numbers"


def _size(path: Path) -> str:
    try:
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        return f"{sum(p.stat().st_size for p in files) / 1e6:.1f} MB"
    except OSError:
        return "of unknown size"


def _age(path: Path) -> str:
    hours = (time.time() - path.stat().st_mtime) / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
