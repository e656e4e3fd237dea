"""A value that changes under a running store is told by the read, table by table; so is a list
that is not whole.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles import exports, first_sums, migrations, opening, rowsums, study_export
from profiles.bundle import write_bundle
from profiles.store import Damaged, Store
from profiles.studies import Studies
from tests.profiles import flips, flips_running


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flips.made(tmp_path_factory.mktemp("rows") / "full", "closed")


@pytest.fixture
def store(full: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(flips.copied(full, tmp_path / "data")) as opened:
        yield opened


def said(store: Store, asked: flips_running.Reads, truth: dict) -> set[str]:
    """What the reads that notice say; none gives a wrong value."""
    found = set()
    for name, read in asked.items():
        try:
            assert read(store) == truth[name], name
        except Damaged as wrong:
            found.add(str(wrong))
    return found


# what of a table changes, as a bit of the disk would change it: past the code that writes sums
CHANGES = {
    "users": "password_hash = password_hash || 'x' WHERE name = 'ann 2'",
    "sessions": "expires = expires * 2",
    "tokens": "label = 'mime'",
    "profiles": "colour = '#2f6fee' WHERE id = 1",
    "items": "prompt = 'sax it' WHERE id = 2",
    "versions": "seq = seq + 1 WHERE id = 1",
    "generations": "seed = 3 WHERE id = 1",
    "jobs": "progress = '{\"step\": 7}' WHERE id = 1",
    "events": "detail = '{\"on\": false}' WHERE what = 'helps others start'",
    "adapters": "base = 'c' WHERE id = 1",
    "studies": "salt = zeroblob(16)",
    "study_editions": "source = source || '#'",
    "effective": "floor = floor + 1 WHERE profile_id = 1",
    "tops": "depth = depth - 1 WHERE profile_id = 1 AND kind = 'text'",
    "embeddings": "given = 1 WHERE space = 'space 1'",
}


@pytest.mark.parametrize("table", CHANGES)
def test_a_changed_row_is_told_by_every_read_of_it(store: Store, table: str) -> None:
    asked = flips_running.reads(store)
    truth = {name: read(store) for name, read in asked.items()}
    store.write(lambda db: db.execute(f"UPDATE {table} SET {CHANGES[table]}"))
    told = said(store, asked, truth)
    assert told
    assert table == "embeddings" or all("restore-backup" in words for words in told), told


def test_every_table_with_a_sum_is_tried(store: Store) -> None:
    assert set(rowsums.SUMMED) - set(CHANGES) == {"study_views"}, "tried below"
    assert dict.fromkeys(first_sums.TABLES) == dict.fromkeys(rowsums.SUMMED)
    for table, names in rowsums.SUMMED.items():
        there = store.read(lambda db, t=table: [c.name for c in db[t].columns])
        blobs = {"versions": {"state"}, "embeddings": {"vector"}}  # with a digest or crc in the sum
        assert set(there) - {"row_crc"} - blobs.get(table, set()) == set(names), table
        assert store.read(lambda db, t=table: len(rowsums.select(db, t))), table


READ = set(first_sums.LISTS) - {"views"}


@pytest.mark.parametrize("what", sorted(READ))
def test_a_list_that_is_not_whole_is_told(store: Store, what: str) -> None:
    """Its head knows one row more than an index finds."""
    asked = flips_running.reads(store)
    truth = {name: read(store) for name, read in asked.items()}
    store.write(lambda db: db.execute("UPDATE heads SET n = n + 1 WHERE what = ?", [what]))
    if what == "editions":  # looked at when a file is put in place
        with pytest.raises(Damaged, match="restore-backup"):
            Studies(store).register(Studies(store).named("tea")[0][1], "tea", "another")
        return
    told = said(store, asked, truth)
    assert any(f"list of {what}" in words and "restore-backup" in words for words in told), told


def rows(store: Store, sql: str) -> set:
    return store.read(lambda db: set(db.execute(sql).fetchall()))


def test_heads_follow_every_write(store: Store) -> None:
    """Whatever came, moved and went, they say what the tables hold."""
    profile = store.profiles(1)[0].id
    store.remove_generation(profile, store.generations(profile)[0]["id"])
    store.retire_item(store.items("text", None)[0].id)
    store.delete_profile(profile)
    for what, (table, who, part, number, _) in first_sums.LISTS.items():
        told = [text.replace("@.", "") for text in (who, part, number)]
        sql = f"SELECT {told[0]}, {told[1]}, count(*), sum({told[2]}) FROM {table} GROUP BY 1, 2"
        held = f"SELECT who, part, n, total FROM heads WHERE what = '{what}' AND n <> 0"
        assert rows(store, held) == rows(store, sql), what
    of = "SELECT count(*) FROM heads WHERE who = ? AND what IN ('notes', 'generations', 'answers')"
    assert store.read(lambda db: db.execute(of, [profile]).fetchone()) == (0,)


def test_a_write_gives_no_fitting_sum_to_a_damaged_row(store: Store) -> None:
    profile = store.profiles(1)[0].id
    store.write(lambda db: db.execute("UPDATE profiles SET colour = 'red' WHERE id = ?", [profile]))
    with pytest.raises(Damaged):
        store.change_profile(profile, name="another")
    store.write(lambda db: db.execute("UPDATE users SET own = 1 WHERE id = 2"))
    with pytest.raises(Damaged):
        store.logins.set_locked(2, True)


def test_the_step_is_the_one_that_was_released() -> None:
    """Sums of a fixed row; the step may never change."""
    assert rowsums.total("tops", (1, "text", 2, 3, 5)) == 1669703053
    assert rowsums.total("sessions", (b"\x01", 1, 2.5, 1.0, "{}")) == 3275937310
    assert [step.name for step in migrations.steps._migrations][6] == "m007_row_sums"


def test_what_is_carried_away_is_compared_first(store: Store) -> None:
    """Bundles, exports and sittings join rows with no head for the whole: the file has to be."""
    study = Studies(store).named("tea")[0][0]
    takes = (
        lambda: write_bundle(store, 1),
        lambda: list(exports.answers_jsonl(store, 1)),
        lambda: list(exports.answers_csv(store, 1)),
        lambda: exports.told(store, 1),
        lambda: Studies(store).sittings(study),
    )
    for take in takes:
        assert take()
    flips.flipped(store.folder, random.Random(5))
    for take in takes:
        with pytest.raises(Damaged, match="damaged"):
            take()


def test_a_time_of_a_study_is_told(store: Store) -> None:
    session = Studies(store).session(Studies(store).named("tea")[0][0], b"c" * 32)
    assert session and len(store.read(lambda db: study_export._views(db, session.profile))) == 2
    store.write(lambda db: db.execute("UPDATE study_views SET at = at + 3600 WHERE place = 0"))
    with pytest.raises(Damaged, match="restore-backup"):
        store.read(lambda db: study_export._views(db, session.profile))


INDEXES = {
    "versions": "versions_of",
    "generations": "generations_profile",
    "items": "items_profile",
    "profiles": "profiles_user",
    "questions": "questions_repeat",
    "jobs": "jobs_profile",
    "adapters": "adapters_profile",
}


@pytest.mark.parametrize("table", INDEXES)
def test_a_number_that_is_not_found_is_looked_for_in_an_index(store: Store, table: str) -> None:
    """What never was is missing; what an index knows is damaged."""
    index = INDEXES[table]
    store.read(lambda db: rowsums.absent(db, table, index, 4711))
    with pytest.raises(Damaged, match="restore-backup"):
        store.read(lambda db: rowsums.absent(db, table, index, 1))


def test_what_never_was_is_still_said_to_be_missing(store: Store) -> None:
    asks = (
        lambda: store.item(4711),
        lambda: store.profile(4711),
        lambda: store.question(4711),
        lambda: store.version_arrays(4711),
        lambda: store.generation(1, 4711),
        lambda: store.generation(2, 1),
        lambda: store.work.job(4711),
        lambda: store.work.adapter(4711),
    )
    for ask in asks:
        with pytest.raises(KeyError):
            ask()
    assert store.receipt(1, "never") is None and store.session_user(b"?" * 32, 0.0) is None


KEYS = {
    "receipt": (b"grid-1", lambda s: s.receipt(1, "grid-1")),
    "user": (b"ann 2", lambda s: s.user("ann 2")),
    "session": (bytes([2]) * 32, lambda s: s.session_user(bytes([2]) * 32, 0.0)),
    "participant": (b"c" * 32, lambda s: Studies(s).session(1, b"c" * 32)),
    "vector": (b"space 1", lambda s: len(s.missing_embeddings("space 1", hashes(s)))),
}


def hashes(store: Store) -> list[str]:
    return [item.hash for item in store.items("text", None)]


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_changes_in_a_table_or_its_index_hides_nothing(
    full: Path, tmp_path: Path, name: str
) -> None:
    """Each place of the file where the key stands, one after the other."""
    key, read = KEYS[name]
    data = (full / opening.FILE).read_bytes()
    places = [found.start() for found in re.finditer(re.escape(key), data)]
    with Store.open(flips.copied(full, tmp_path / "data")) as store:
        truth = read(store)
    told = 0
    for place in places:
        with Store.open(flips.copied(full, tmp_path / "data")) as store:
            with open(store.folder / opening.FILE, "r+b") as file:
                file.seek(place + len(key) - 1)
                file.write(bytes([key[-1] ^ 4]))
            try:
                assert read(store) == truth
            except Damaged:
                told += 1
    assert told, "where it is in the index; SQLite takes the key of the row from there as well"
