"""What goes in comes out: users, profiles, items, vectors, states, and who may read the files."""

import threading

import numpy as np
import pytest

from engine.data import Kind
from profiles.store import NewItem, Store, Unwritable, Version
from tests.profiles.desk import WEBP, Desk, passages, pictures, sha


def test_files_belong_to_their_owner_alone(store: Store, desk: Desk) -> None:
    store.add_items("picture", pictures(2), desk.user)
    store.backup()
    for path in [store.folder, *store.folder.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o777 == wanted, path


def test_settings_of_the_connections(store: Store) -> None:
    def pragma(db, name):
        return db.conn.execute(f"PRAGMA {name}").fetchone()[0]

    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0,
              "secure_delete": 1, "cell_size_check": 1, "mmap_size": 0}  # fmt: skip
    assert {name: store.write(lambda db, n=name: pragma(db, n)) for name in wanted} == wanted
    assert store.read(lambda db: pragma(db, "query_only")) == 1
    strict = store.read(
        lambda db: db.execute(
            "SELECT count(*) FROM pragma_table_list WHERE NOT strict"
            " AND schema = 'main' AND name NOT LIKE '%sqlite%'"
        ).fetchone()[0]
    )
    assert strict == 0


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match="readonly|read-only"):
        store.read(lambda db: db.execute("DELETE FROM users"))


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(Unwritable, match="closed"):
        store.add_profile(1)
    with pytest.raises(Unwritable, match="closed"):
        store.profiles(1)


def test_users_and_the_local_one(store: Store) -> None:
    local = store.local_user()
    ann = store.put_user("ann", "hash 1")
    assert store.put_user("ann", "hash 2") == ann != local == store.local_user()
    found = store.user("ann")
    assert found is not None and (found.id, found.password_hash) == (ann, "hash 2")
    assert store.user("bob") is None and store.user("") is None
    with pytest.raises(ValueError, match="name"):
        store.put_user(" ", "hash")


def test_sessions_expire_end_and_are_few(store: Store) -> None:
    ann = store.put_user("ann", "hash")
    for i in range(12):
        store.add_session(ann, bytes([i]) * 32, 1e12)
    alive = [i for i in range(12) if store.session_user(bytes([i]) * 32, 0.0) == ann]
    assert alive == list(range(4, 12))
    assert store.session_user(bytes([11]) * 32, 1e12) is None
    store.end_session(bytes([11]) * 32)
    assert store.session_user(bytes([11]) * 32, 0.0) is None


def test_profiles_change_and_stay_apart(store: Store) -> None:
    user, other = store.local_user(), store.put_user("ann", "hash")
    made = store.add_profile(user)
    assert (made.name, made.named) == ("", False)
    changed = store.change_profile(made.id, name="Ann", named=True, colour="#112233")
    assert (changed.name, changed.named, changed.colour) == ("Ann", True, "#112233")
    assert store.profiles(user) == [changed] and store.profiles(other) == []
    with pytest.raises(ValueError, match="user_id"):
        store.change_profile(made.id, user_id="7")
    with pytest.raises(KeyError, match="no profile 99"):
        store.profile(99)
    with pytest.raises(KeyError, match="not there"):
        store.add_profile(12345)


@pytest.mark.parametrize("kind", ["text", "picture"])
def test_the_same_content_is_one_item_per_owner(store: Store, kind: Kind) -> None:
    user = store.local_user()
    rows = passages(3) if kind == "text" else pictures(3)
    shared = store.add_items(kind, rows, None)
    own = store.add_items(kind, rows[:1], user)
    assert store.add_items(kind, rows, None) == shared and own[0] not in shared
    assert [c.id for c in store.items(kind, None)] == shared
    assert [c.id for c in store.items(kind, user)] == shared + own
    assert store.item_owner(own[0]) == user and store.item_owner(shared[0]) is None
    store.retire_item(shared[1])
    assert [c.id for c in store.items(kind, None)] == [shared[0], shared[2]]
    assert store.item(shared[1]).hash == rows[1].hash


def test_items_keep_what_they_are(store: Store) -> None:
    text = "Zürich \u2603 'quoted' -- ; DROP TABLE items"
    number = store.add_items("text", [NewItem(sha(text), "p\u00e4", text, "own", {"a": [1]})], None)
    found = store.item(number[0])
    assert (found.text, found.prompt) == (text, "p\u00e4")
    assert dict(found.attributes) == {"a": [1], "made": "own"}


@pytest.mark.parametrize(
    ("kind", "row", "words"),
    [
        ("text", NewItem("../../etc/passwd", text="x"), "sha256"),
        ("text", NewItem(sha("y"), text="x"), "does not have"),
        ("text", NewItem(sha("x")), "has text"),
        ("picture", NewItem(sha("x"), media=b"y"), "does not have"),
        ("picture", NewItem(sha("x").upper(), media=b"x"), "lower-case"),
        ("sound", NewItem(sha("x"), media=b"x"), "not known"),
    ],
)
def test_items_that_are_not_what_they_say_are_refused(store: Store, kind, row, words) -> None:
    with pytest.raises(ValueError, match=words):
        store.add_items(kind, [*pictures(1), row][1:], None)
    assert not (store.folder / "media").exists()


def test_media_lies_under_its_hash(store: Store) -> None:
    row = pictures(1)[0]
    store.add_items("picture", [row], store.local_user())
    path = store.media_path(row.hash)
    assert path.read_bytes() == row.media and path.parent.name == row.hash[:2]
    with pytest.raises(ValueError, match="sha256"):
        store.media_path("../penchant.db")


def test_what_an_interruption_left_in_media_is_swept(store: Store) -> None:
    row = pictures(1)[0]
    store.add_items("picture", [row], store.local_user())
    kept = store.media_path(row.hash)
    stray = kept.parent / (kept.parent.name + "f" * 62)
    for path in (stray, kept.parent / ".new-abc"):
        path.write_bytes(WEBP)
    store.close()
    with Store.open(store.folder):
        assert list(kept.parent.iterdir()) == [kept]


def test_embeddings_round_trip_and_name_what_is_missing(store: Store) -> None:
    rng = np.random.default_rng(0)
    hashes = [sha(str(i)) for i in range(1200)]
    matrix = rng.normal(size=(1200, 5)).astype(np.float32)
    store.put_embeddings("a:text", hashes, matrix)
    order = rng.permutation(1200)
    got = store.embeddings("a:text", [hashes[i] for i in order])
    assert got.dtype == np.float32 and np.array_equal(got, matrix[order])
    assert store.missing_embeddings("b:text", hashes[:2]) == hashes[:2]
    assert store.missing_embeddings("a:text", [*hashes[:2], sha("new")]) == [sha("new")]
    with pytest.raises(KeyError, match="1 items have no vector in space 'a:text'"):
        store.embeddings("a:text", [hashes[0], sha("new")])
    assert store.embeddings("a:text", []).shape[0] == 0
    with pytest.raises(ValueError, match="finite"):
        store.put_embeddings("a:text", hashes[:1], np.full((1, 5), np.nan, np.float32))
    with pytest.raises(ValueError, match="shape"):
        store.put_embeddings("a:text", hashes[:2], matrix[:1])


def test_versions_keep_arrays_and_the_latest_is_found(store: Store, desk: Desk) -> None:
    arrays = {"mean": np.arange(3.0), "cov": np.eye(3, dtype=np.float32).T[::-1], "n": np.array(7)}
    for seq in (2, 5, 3):
        store.put_version(desk.profile, "text", "bt", "s", seq, arrays, f"at {seq}")
    latest = store.version_within(desk.profile, "text", "bt", "s", {*range(9)})
    assert latest is not None and (latest.seq, latest.note) == (5, "at 5")
    got = store.version_arrays(latest.id)
    assert set(got) == set(arrays)
    for name, array in arrays.items():
        assert got[name].dtype == array.dtype and np.array_equal(got[name], array)
    assert store.version_within(desk.profile, "text", "bt", "other", {*range(9)}) is None
    within = store.version_within(desk.profile, "text", "bt", "s", {1, 2, 3})
    assert isinstance(within, Version) and within.seq == 3
    assert [v.seq for v in store.versions(desk.profile, "text")] == [3, 5, 2]
    with pytest.raises(KeyError, match="no version 99"):
        store.version_arrays(99)


def test_old_versions_thin_out_evenly(store: Store, desk: Desk) -> None:
    for seq in range(1, 301):
        store.put_version(desk.profile, "text", "bt", "s", seq, {"n": np.array(seq)})
    kept = sorted(v.seq for v in store.versions(desk.profile, "text"))
    assert len(kept) == 48 and kept[0] == 1 and kept[-16:] == list(range(285, 301))
    assert max(np.diff(kept)) <= 16


def test_generations_events_and_who_they_belong_to(store: Store, desk: Desk) -> None:
    made = store.add_generation(desk.profile, "text", "a tale", 7, 0.5, {"n": 4}, [{"text": "x"}])
    found = store.generation(desk.profile, made)
    assert found["request"] == {"n": 4} and found["results"] == [{"text": "x"}]
    assert [g["id"] for g in store.generations(desk.profile)] == [made]
    with pytest.raises(KeyError, match="no generation"):
        store.generation(desk.profile + 1, made)
    store.add_event(desk.user, "export", {"what": "bundle"}, desk.profile)
    store.add_event(desk.user, "login")
    assert [(e["what"], e["detail"]) for e in store.events(desk.user)] == [
        ("login", {}), ("export", {"what": "bundle"})]  # fmt: skip
    with pytest.raises(KeyError, match="not there"):
        store.put_version(99, "text", "bt", "s", 1, {"n": np.array(1)})


def test_jobs_have_a_record(store: Store, desk: Desk) -> None:
    job = store.work.add_job(desk.user, "train", {"steps": 9}, desk.profile)
    store.work.change_job(job, "running", {"done": 3})
    found = store.work.jobs(desk.user)[0]
    assert (found["state"], found["request"], found["progress"]) == (
        "running", {"steps": 9}, {"done": 3})  # fmt: skip
    with pytest.raises(ValueError, match="never 'lost'"):
        store.work.change_job(job, "lost")
    with pytest.raises(KeyError, match="no job 99"):
        store.work.change_job(99, "done")


def test_many_threads_read_and_write_at_once(store: Store, desk: Desk) -> None:
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(15):
                asked = desk.ask()
                desk.pick(asked)
                assert store.question(asked.id) == asked
        except BaseException as error:
            wrong.append(error)
            raise

    threads = [threading.Thread(target=work) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong and desk.seqs() == list(range(1, 121))
