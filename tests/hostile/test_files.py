"""The hostile table: nothing is accepted, everything is refused in words, nothing stays behind."""

import io
import pickle
from typing import Any

import pytest
from PIL import Image

from app import shelves
from app.wire import Bad
from tests.engine.bad_adapters import BASE, SHAPES
from tests.hostile import files
from tests.hostile.world import World


def left(world: World) -> Any:
    """What a refused file must not have changed."""
    profile, store = world.known["profile"][0], world.studio.store
    media = sorted(p.name for p in (store.folder / "media").rglob("*"))
    return [p["id"] for p in world.studio.profiles(world.user)], media, [
        a["id"] for a in world.studio.keeping.listed(profile)]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_no_hostile_file_is_accepted(crowded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    table = files.sample(list(files.rows(crowded)))
    carrying = crowded.studio.keeping.carrying
    monkeypatch.setattr(carrying, "_base", lambda pictures: (BASE, SHAPES))
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    before = left(crowded)
    found = {row.name: told for row in table if row.words for told in [files.tried(crowded, row)]}
    assert {name: told for name, told in found.items() if told[0]} == {}
    assert left(crowded) == before, "nothing of a refused file stays"
    kept = [(row.name, files.tried(crowded, row)[0]) for row in table if not row.words]
    assert [k for k in kept if k[1]] == [] and len(kept) > 15
    print(f"{len(found)} hostile files refused, {len(kept)} cleaned")
    assert len(found) > 300


def test_sixteen_million_pixels_are_taken_and_one_more_is_not(crowded: World) -> None:
    for size, fine in (((4000, 3999), True), ((4000, 4000), True), ((4001, 4000), False)):
        body = files.saved(Image.new("1", size), "PNG")
        row = files.Row("cap", "picture x.png", body, "" if fine else "16 million pixels")
        assert files.tried(crowded, row)[0] == "", size


def test_a_large_picture_is_small_once_it_is_read() -> None:
    """Fifty of them may come in one request: each held whole would be two gigabytes."""
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        made = shelves._read("x", files.saved(Image.new(mode, (2000, 1000)), "PNG"))
        assert (made.mode, made.size) == ("RGB", (512, 256))


def test_a_picture_that_would_unpack_to_gigabytes_is_refused_by_its_head() -> None:
    for side in (14_000, 30_000, 2**30):
        with pytest.raises(Bad, match="16 million"):
            shelves._read("x", files.header(side, side) + files.chunk(b"IEND", b""))


def test_a_taste_whose_picture_is_none_leaves_nothing_behind(crowded: World) -> None:
    before = left(crowded)
    for row in files.media(files.bundle(crowded)):
        assert files.tried(crowded, row)[0] == "", row.name
        assert left(crowded) == before, row.name


def test_a_picture_that_came_with_a_taste_is_served_as_what_it_is(crowded: World) -> None:
    """A PNG in a bundle is a picture like any other; it must not be told to be WebP."""
    body = files.saved(Image.new("RGB", (40, 30), "red"), "PNG")
    made = crowded.send("POST", "/api/v1/import", files.with_picture(files.bundle(crowded), body))
    assert made.status == 201, made
    own = crowded.studio.store.items("picture", crowded.user)
    for candidate in own:
        reply = crowded.send("GET", f"/api/v1/media/{candidate.id}")
        kind = Image.open(io.BytesIO(reply.body)).format
        assert reply.headers["content-type"] == f"image/{str(kind).lower()}"
