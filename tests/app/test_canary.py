"""Delete my data: no byte is left but in listed copies. Take it home: all of it comes back."""

import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.jobs import Inline
from app.making import Maker
from app.studio import Studio
from profiles import reasons
from profiles.store import Store
from tests.app.test_keeping import answer, tune
from tests.conftest import ROOT
from tests.engine.kill_worker import save_tiny

BIRD = "canary4711"
KINDS = ("picture", "text")


@pytest.fixture
def tiny(tmp_path: Path, stocked: Path) -> Iterator[Studio]:
    shutil.copytree(stocked, tmp_path / "data")
    model = save_tiny(tmp_path / "model")
    with Studio(Store.open(tmp_path / "data"), Maker(model, str(model), True), Inline()) as made:
        yield made


def drawing(seed: int) -> bytes:
    made = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def sing(studio: Studio, key: Callable[[], str]) -> tuple[int, list[bytes]]:
    """A profile with its word wherever a person can write; and bytes that only it has."""
    user = studio.store.local_user()
    profile = int(studio.new_profile(user, BIRD)["id"])
    studio.add_texts(user, profile, [f"{BIRD} sings at dawn.", f"A {BIRD} sleeps."], BIRD)
    own = studio.add_pictures(user, profile, [(f"{BIRD}.png", drawing(1))])["items"]
    studio.captions.put(user, profile, own[0]["id"], f"my {BIRD}")
    answer(studio, user, profile, key, 10)
    seq = studio.store.last_answer(profile, "text").seq
    why = reasons.new(profile, seq, ("calmer",), f"it has the {BIRD}", key())
    studio.store.reasons.give(why)
    studio.store.judging.give(user, profile, seq, "keep", f"{BIRD}-verdict")
    studio.store.add_event(user, "description", {"medium": "text", "text": BIRD}, profile)
    studio.store.add_generation(
        profile, "text", f"a poem on the {BIRD}", 1, 1.0, {"p": BIRD}, [BIRD]
    )
    adapter = tune(studio, profile)
    studio.keeping.change(user, adapter["id"], {"name": f"the {BIRD}"})
    *_, made = studio.keeping.carrying.export(user, adapter["id"], "answers_csv", "full")
    assert made["target"]["state"] == "made"
    item = studio.store.item(own[0]["id"])
    picture = studio.store.media_path(item.hash).read_bytes()
    weights = next((studio.store.folder / "adapters").rglob("*.safetensors")).read_bytes()
    spaces = studio.store.read(
        lambda db: db.execute(
            "SELECT vector FROM embeddings WHERE hash = ?", [item.hash]
        ).fetchall()
    )
    return profile, [
        item.hash.encode(),
        picture[40:200],
        weights[-64:],
        *(v[0][:64] for v in spaces),
    ]


def holding(folder: Path, wanted: list[bytes]) -> set[str]:
    """Files under the folder that hold any of it."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(what in path.read_bytes() for what in wanted)
    }


def test_no_byte_of_a_deleted_person_is_left_outside_listed_copies(
    tiny: Studio, key: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folder, user = tiny.store.folder, tiny.store.local_user()
    before = tiny.backup()
    profile, bytes_of = sing(tiny, key)
    wanted = [BIRD.encode(), *bytes_of]
    found = holding(folder, wanted)
    places = {name.partition("/")[0] for name in found}
    assert {"media", "jobs", "adapters", "exports"} <= places, "the test sees what there is to find"
    assert [each[:20] for each in wanted if not holding(folder, [each])] == []
    copy = tiny.backup()
    told = tiny.delete_profile(user, profile)
    assert told["left"] == 0 and told["scrubbed"]
    assert told["backups"] == [copy], "the one made before the profile does not hold it"
    left = holding(folder, wanted)
    assert left == {str(Path(copy).relative_to(folder))}
    assert (folder / "penchant.db-wal").stat().st_size == 0
    assert BIRD not in caplog.text and Path(before).exists()


def test_a_profile_taken_home_and_brought_back_asks_and_believes_the_same(
    tmp_path: Path, stocked: Path, key: Callable[[], str]
) -> None:
    """Export, wipe, import on a fresh folder: the same log, states, beliefs and next questions."""

    def opened(name: str) -> Studio:
        shutil.copytree(stocked, tmp_path / name)
        return Studio.open(tmp_path / name, models=ROOT / ".models")

    with opened("one") as studio:
        user = studio.store.local_user()
        profile = int(studio.new_profile(user, "Ada")["id"])
        for kind in KINDS:
            asked = studio.question(user, profile, kind)
            for i in range(9):
                best = asked["items"][i % len(asked["items"])]["id"]
                asked = studio.answer(user, asked["id"], {"picks": [best]}, key=key())["next"]
            studio.undo(user, profile, kind, key())
            studio.minds.refit(profile, kind)
        studio.ahead.settle()
        told = state(studio, user, profile)
        studio.ahead.settle()
        body = studio.export(user, profile)[0]
    with opened("two") as other:
        user = other.store.local_user()
        made = int(other.import_bundle(user, body)["id"])
        assert made == profile
        assert other.export(user, made)[0] == body, "before anything new is asked"
        assert state(other, user, made) == told


def state(studio: Studio, user: int, profile: int) -> dict[str, Any]:
    rows = studio.store.answer_rows(profile)
    found: dict[str, Any] = {
        "rows": [{k: v for k, v in r.items() if k != "question"} for r in rows]
    }
    for kind in KINDS:
        found[f"{kind} states"] = [
            {k: v.tobytes() for k, v in sorted(studio.store.version_arrays(version.id).items())}
            for version in studio.store.versions(profile, kind)
        ]
        found[f"{kind} asked"] = [
            item["id"] for item in studio.question(user, profile, kind)["items"]
        ]
        belief = studio.belief(user, profile, kind)
        found[f"{kind} belief"] = json.dumps(belief, sort_keys=True, default=str)
    return found
