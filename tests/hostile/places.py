"""Folders that somebody may have been handed: a data folder with a hostile database in it, a
picture model with a pickle, with code, or with a header that is a trap. Nothing of them is used.
"""

import json
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine import bad_adapters


@dataclass(frozen=True)
class Place:
    """`spoil` makes a sound folder hostile; `words`: what the refusal must hold."""

    name: str
    door: str
    spoil: Callable[[Path], Any]
    words: str


def places() -> Iterator[Place]:
    yield from databases()
    yield from models()


# a database that was swapped

CHANGED = "changed by another program|not a Penchant database|damaged"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
BOMB = f"BEGIN DELETE FROM users; SELECT count(*) FROM ({ENDLESS}); END"
SQL = {
    "a trigger": f"CREATE TRIGGER evil AFTER INSERT ON answers {BOMB}",
    "a trigger on the steps": f"CREATE TRIGGER evil AFTER INSERT ON _sqlite_migrations {BOMB}",
    "a trigger before an update": f"CREATE TRIGGER evil BEFORE UPDATE ON profiles {BOMB}",
    "a view": "CREATE VIEW evil AS SELECT password_hash FROM users",
    "a view that calls": "CREATE VIEW evil AS SELECT load_extension('/tmp/evil.so')",
    "an endless view": f"CREATE VIEW evil AS {ENDLESS}",
    "a table": "CREATE TABLE evil (x)",
    "a table in our manner": "CREATE TABLE _sqlite_evil (x)",
    "a default that calls": "CREATE TABLE evil (x DEFAULT (load_extension('/tmp/evil.so')))",
    "a computed column": "CREATE TABLE evil (x, y AS (abs(x)))",
    "a search table": "CREATE VIRTUAL TABLE evil USING fts5(x)",
    "a tree table": "CREATE VIRTUAL TABLE evil USING rtree(i, a, b)",
    "an index that calls": "CREATE INDEX evil ON answers(abs(seq))",
    "no more rules": "DROP TRIGGER answers_stay",
    "no more index": "DROP INDEX answers_key",
    "another column": "ALTER TABLE users ADD COLUMN evil INTEGER",
    "another mark": "PRAGMA application_id=7",
    "no mark": "PRAGMA application_id=0",
    "a step that is not ours": "INSERT INTO _sqlite_migrations(migration_set, name, applied_at)"
                               " VALUES ('penchant', 'm999_evil', 'now')",
    "a step too few": "DELETE FROM _sqlite_migrations WHERE name LIKE 'm003%'",
}  # fmt: skip
# Through the door that SQLite itself keeps shut: names no CREATE would take, rules that are gone.
SCHEMA = {
    "a trigger named as SQLite's": (
        "INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_evil', 'answers', 0, "
        f"'CREATE TRIGGER sqlite_evil AFTER INSERT ON answers {BOMB}')"),
    "a view named as SQLite's": (
        "INSERT INTO sqlite_master VALUES ('view', 'sqlite_stat9', 'sqlite_stat9', 0, "
        f"'CREATE VIEW sqlite_stat9 AS {ENDLESS}')"),
    "answers that are a view": (
        f"UPDATE sqlite_master SET type = 'view', rootpage = 0, sql = 'CREATE VIEW answers AS "
        f"{ENDLESS}' WHERE name = 'answers'"),
    "steps that are a view": (
        "UPDATE sqlite_master SET type = 'view', rootpage = 0, sql = 'CREATE VIEW "
        f"_sqlite_migrations AS {ENDLESS}' WHERE name = '_sqlite_migrations'"),
    "users without rules": (
        "UPDATE sqlite_master SET sql = 'CREATE TABLE users (id INTEGER PRIMARY KEY, name, "
        "password_hash, created)' WHERE name = 'users'"),
    "a sentence that is none": (
        "UPDATE sqlite_master SET sql = 'CREATE nonsense' WHERE name = 'users'"),
    "two tables on one page": (
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = "
        "'users') WHERE name = 'items'"),
    "a table far outside": "UPDATE sqlite_master SET rootpage = 4000000000 WHERE name = 'users'",
}  # fmt: skip


def databases() -> Iterator[Place]:
    for name, sql in {**SQL, **SCHEMA}.items():
        words = f"{CHANGED}|newer Penchant|cannot be opened"
        yield Place(f"database: {name}", "data folder", _changed(sql), words)
    for name in ("a trigger on the steps", "a trigger", "a view"):
        yield Place(f"database: an old one with {name}", "data folder", _old(SQL[name]), CHANGED)
    for i, body in enumerate(bad_adapters.pickles()):
        yield Place(f"database: pickle {i}", "data folder", _written("penchant.db", body), CHANGED)
    foreign = _written("penchant.db", _recipes())
    yield Place("database: of another program", "data folder", foreign, CHANGED)
    yield Place("database: in UTF-16", "data folder", _written("penchant.db", _recipes("UTF-16")),
                CHANGED)  # fmt: skip


def _changed(sql: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "penchant.db", isolation_level=None)) as db:
            # So that it is what lies there that is refused, not that it was put there.
            db.execute("PRAGMA writable_schema=ON")
            db.executescript(sql)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        unsealed(folder)

    return spoil


def _old(sql: str) -> Callable[[Path], None]:
    """A file of the first release: it would be brought up to date, and the trigger be run."""

    def spoil(folder: Path) -> None:
        from sqlite_utils import Database

        from profiles.migrations import APPLICATION, steps

        for path in folder.glob("penchant.db*"):
            path.unlink()
        with closing(sqlite3.connect(folder / "penchant.db")) as db:
            db.execute(f"PRAGMA application_id={APPLICATION}")
            steps.apply(Database(db, execute_plugins=False), stop_before="m002_adapters")
            db.executescript(sql)

    return spoil


def unsealed(folder: Path) -> None:
    """Whoever swaps the database can also take its seal away."""
    for beside in ("seal", "mark"):
        for path in folder.glob(f"penchant.db*{beside}"):
            path.unlink()


def _written(name: str, body: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for old in folder.glob(f"{name}*"):
            old.unlink()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)

    return spoil


def _recipes(encoding: str = "UTF-8") -> bytes:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"PRAGMA encoding='{encoding}'")
        db.executescript("CREATE TABLE answers (id); INSERT INTO answers VALUES (1);")
        return db.serialize()


# a picture model


CODE = "brings code of its own|can run code"
TORN = "damaged|cannot be read|cannot be used|get .*again|is missing|could not be loaded"
WEIGHT = "unet/diffusion_pytorch_model.safetensors"


def models() -> Iterator[Place]:
    """Spoiled folders of a diffusers pipeline."""
    for i, body in enumerate(bad_adapters.pickles()):
        for name in (WEIGHT, "model_index.json", "unet/config.json"):
            yield Place(f"model: pickle {i} as {name}", "pictures", _written(name, body), TORN)
        yield Place(f"model: pickle {i} alone", "pictures", _pickled(body), CODE)
    yield from _codes()
    for text in bad_adapters.TEXTS:
        for name in ("model_index.json", "unet/config.json"):
            # As a config of a part the others mean nothing, which is no harm.
            if name == "model_index.json" or not text.startswith(FINE):
                yield Place(f"model: {name} {text[:20]!r}", "pictures", _written(name, text), TORN)
        body = bad_adapters.tensors(text, b"")
        yield Place(f"model: header {text[:20]!r}", "pictures", _written(WEIGHT, body), TORN)
    for name, body in headers():
        yield Place(f"model: {name}"[:70], "pictures", _written(WEIGHT, body), TORN)
    for percent in range(100):
        yield Place(f"model: cut at {percent} %", "pictures", _cut(percent), TORN)


FINE = (b'{"__class__":"os"}', b'{"r":4,"r":4}', b'{"r":1e999}', b'{"r":NaN}', b'{"r":Inf',
        b'{"a":"')  # fmt: skip
UNETS: list[Any] = [
    ["evil", "Evil"], ["os", "system"], ["..", "x"], ["pipeline", "MyUNet"],
    ["subprocess", "Popen"], [["diffusers"], "UNet2DConditionModel"], ["diffusers", "x", "y"], [],
    {"a": 1}, "os.system",
]  # fmt: skip
NAMES: list[Any] = ["EvilPipeline", ["pipeline", "Evil"], "", None, 7, "DiffusionPipeline",
                    "../StableDiffusionPipeline", {"x": 1}]  # fmt: skip


def _codes() -> Iterator[Place]:
    """What names or brings code."""
    for name in ("evil.py", "unet/__init__.py", "pipeline.py"):
        yield Place(f"model: with {name}", "pictures", _written(name, b"raise SystemExit"), CODE)
    for value in UNETS:
        spoil, words = _told("model_index.json", unet=value), f"{CODE}|no unet and no transformer"
        yield Place(f"model: unet is {value}", "pictures", spoil, words)
    for value in NAMES:
        spoil = _told("model_index.json", _class_name=value)
        yield Place(f"model: a {value}", "pictures", spoil, f"cannot be used here|{CODE}")


def headers() -> Iterator[tuple[str, bytes]]:
    good = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    for size in (0, 1, 2**20 + 1, 2**40, 2**63, 2**64 - 1):
        yield f"header of {size}", struct.pack("<Q", size) + b"{}" + b"\0" * 64
    odd: dict[str, Any] = {
        "shape": ([2, -2], [2**62, 2**62], [10**400], ["2", 2], [2.5, 2], 7, None, "ab", [[2], 2],
                  [True, 4], [1] * 5000),
        "dtype": ("os.system", None, 7, [], {}, "F8_E4M3", "f32", ""),
        "data_offsets": ([0, 2**60], [-16, 0], [16, 0], [0], ["0", "16"], None, [0, 16, 32],
                         [0.0, 16.0], {}, [0, 10**400]),
    }  # fmt: skip
    for key, values in odd.items():
        for value in values:
            body = bad_adapters.tensors({"a": {**good, key: value}}, b"\0" * 16)
            yield f"{key} {value}"[:60], body
    many = {f"t{i}": {**good, "data_offsets": [0, 16]} for i in range(5000)}
    yield "all in one place", bad_adapters.tensors(many, b"\0" * 16)
    for value in (None, [], "x", 7, {}):
        yield f"a tensor is {value}", bad_adapters.tensors({"a": value}, b"")
    yield "more than it says", bad_adapters.tensors({"a": good}, b"\0" * 999)
    yield "metadata", bad_adapters.tensors({"__metadata__": [[]] * 9, "a": {**good, "x": 1}}, b"")


def _pickled(body: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / WEIGHT).unlink()
        (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(body)

    return spoil


def _told(name: str, **more: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        told = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**told, **more}))

    return spoil


def _cut(percent: int) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        body = (folder / WEIGHT).read_bytes()
        (folder / WEIGHT).write_bytes(body[: len(body) * percent // 100])

    return spoil


def tried(place: Place, data: Path, model: Path, at: Path) -> tuple[str, str]:
    """(what is wrong, words) of a place made of a sound `data` folder or `model` beside `at`."""
    import re

    folder = at / "place"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(data if place.door == "data folder" else model, folder)
    place.spoil(folder)
    told = _opened(folder) if place.door == "data folder" else _chosen(folder)
    if told is None:
        return "accepted", ""
    fine = re.search(place.words, told) and 10 < len(told) < 700
    return ("" if fine else "other words"), told


def _opened(folder: Path) -> str | None:
    from profiles.errors import Damaged, TooNew, Unwritable
    from profiles.store import Store

    try:
        Store.open(folder).close()
    except (Damaged, TooNew, Unwritable) as wrong:
        return str(wrong)
    return None


def _chosen(folder: Path) -> str | None:
    """Through the flag; what passes the look must still not load, and must not crash."""
    from types import SimpleNamespace

    from app.picture_models import Absent, chosen
    from engine.pipelines import BadModel

    made = chosen(SimpleNamespace(pictures=str(folder), pictures_steps=1, pictures_guidance=None,
                                  pictures_size=32, models_dir="nowhere"))  # fmt: skip
    if isinstance(made, Absent):
        return made.why_not
    try:
        made.load(cpu=True)
    except (BadModel, MemoryError) as wrong:
        return str(wrong)
    return None
