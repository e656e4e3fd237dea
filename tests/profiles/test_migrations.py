"""Every released schema is brought up to date with all its rows; killed in any step, it goes on."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from profiles import backups, migrations, opening
from profiles.store import Store, TooNew
from tests.profiles import flips
from tests.profiles.desk import Desk

ROOT = Path(__file__).resolve().parents[2]
STEPS = [step.name for step in migrations.steps.pending(Database(memory=True))]
OLD = range(1, len(STEPS))
Rows = dict[str, list[tuple]]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of today in every table a person's use fills."""
    return flips.made(tmp_path_factory.mktemp("today") / "full", "closed")


def released(full: Path, to: Path, count: int) -> Path:
    """A data folder as a release with the first `count` steps left it, with the same rows."""
    to.mkdir()
    with closing(Database(to / opening.FILE, execute_plugins=False)) as db:
        later = STEPS[count:]
        db.conn.execute(f"PRAGMA application_id={migrations.APPLICATION}")
        migrations.steps.apply(db, stop_before=later)
        db.conn.execute("ATTACH ? AS now", [str(full / opening.FILE)])
        for table in tables(db.conn):
            names = ", ".join(columns(db.conn, table))
            with db.conn:
                db.conn.execute(f"INSERT INTO {table}({names}) SELECT {names} FROM now.{table}")
        db.conn.execute("DETACH now")
    return to


def tables(conn: sqlite3.Connection) -> list[str]:
    found = conn.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
    return [name for (name,) in found if "sqlite_" not in name]


def columns(conn: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in conn.execute(f"PRAGMA main.table_info({table})").fetchall()]


def rows(folder: Path, like: Path) -> Rows:
    """What stands in the tables and columns that the file of `like` has."""
    with closing(sqlite3.connect(like / opening.FILE)) as old:
        wanted = {table: columns(old, table) for table in tables(old)}
    with closing(sqlite3.connect(folder / opening.FILE)) as db:
        return {
            table: sorted(db.execute(f"SELECT {', '.join(names)} FROM {table}"), key=repr)
            for table, names in wanted.items()
        }


@pytest.fixture(params=OLD)
def old(request: pytest.FixtureRequest, full: Path, tmp_path: Path) -> Iterator[Path]:
    yield released(full, tmp_path / "old", request.param)


def works(folder: Path) -> None:
    """It opens at the newest schema, every row reads, and a new answer is taken."""
    with Store.open(folder) as store:
        profile = store.profiles(store.local_user())[0]
        assert store.answer_rows(profile.id) and store.version_arrays(1)
        texts = [item.id for item in store.items("text", None)]
        desk = Desk(store, profile.user_id, profile.id, texts)
        before = len(desk.seqs())
        desk.pick(desk.ask(), key="after the update")
        assert len(desk.seqs()) == before + 1
        applied = store.read(lambda db: [step.name for step in migrations.steps.applied(db)])
        assert applied == STEPS


def test_every_release_is_brought_up_to_date_with_all_its_rows(old: Path, tmp_path: Path) -> None:
    was = rows(old, old)
    assert sum(map(len, was.values())) > 100
    copy = flips.copied(old, tmp_path / "copy")
    Store.open(copy).close()
    assert rows(copy, old) == was
    (kept,) = backups.backups(copy)
    assert "before-update" in kept.name and backups.whole(kept)
    with closing(sqlite3.connect(kept)) as before:
        assert set(tables(before)) == set(was), "the old schema"
    works(copy)


CHILD = """
import os, signal, sys
from pathlib import Path
from profiles import migrations
from profiles.store import Store
name, last = sys.argv[2:]
for step in migrations.steps._migrations:
    if step.name == name:
        def killed(db, work=step.fn):
            work(db)
            os.kill(os.getpid(), signal.SIGKILL)
        step.fn = killed
Store.open(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("step", OLD)
def test_killed_in_the_middle_of_a_step_it_goes_on(full: Path, tmp_path: Path, step: int) -> None:
    """From the first release on; the step was done, and not yet committed."""
    folder = released(full, tmp_path / "old", 1)
    was = rows(folder, folder)
    words = [sys.executable, "-c", CHILD, str(folder), STEPS[step], ""]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == -signal.SIGKILL, made.stderr
    with closing(sqlite3.connect(f"file:{folder / opening.FILE}?mode=ro", uri=True)) as db:
        done = [row[0] for row in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
        assert done == STEPS[:step], "of the step that was killed nothing is there"
    Store.open(folder).close()
    like = released(full, tmp_path / "like", 1)
    assert rows(folder, like) == was
    works(folder)


def test_a_newer_release_is_named_and_left_alone(full: Path, tmp_path: Path) -> None:
    folder = flips.copied(full, tmp_path / "newer")
    with closing(sqlite3.connect(folder / opening.FILE)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations(migration_set, name, applied_at)"
            " VALUES ('penchant', 'm998_dreams', '')"
        )
    for part in ("seal", "mark"):
        (folder / f"{opening.FILE}.{part}").unlink()
    before = (folder / opening.FILE).read_bytes()
    with pytest.raises(TooNew, match="m998_dreams.*update"):
        Store.open(folder)
    assert (folder / opening.FILE).read_bytes() == before
