"""A disk with no room, met at the doors: told in words, nothing half-made, the old file stays."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app import carrying, cli, jobs
from app.wire import Bad
from profiles import disk
from profiles.store import Store
from tests.app.test_canary import tiny  # noqa: F401 - a fixture
from tests.app.test_jobs import Hands, Rows
from tests.app.test_keeping import answer, tune
from tests.profiles.desk import full_desk


def full(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_training_that_cannot_be_set_up_leaves_nothing_and_can_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row stayed "queued" without its files, and failed later in words of the machine."""
    rows = Rows()
    made = jobs.Jobs(rows, tmp_path, lambda *_: {}, Hands())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(Bad, match="make room on the disk"):
            made.add((1, 1), "tune", {}, {"answers.jsonl": "{}"})
    assert list(tmp_path.iterdir()) == [] and rows.open_jobs() == []
    number = made.add((1, 1), "tune", {}, {"answers.jsonl": "{}"})
    assert (tmp_path / str(number) / "job.json").exists()
    made.close()


def test_a_note_torn_by_a_power_loss_reads_as_none(tmp_path: Path) -> None:
    for torn in ("", '{"pid": 1', "\0" * 40):
        (tmp_path / "heart.json").write_text(torn)
        assert jobs.read(tmp_path / "heart.json") == {}


def test_an_export_without_room_says_so_and_goes_well_later(
    tiny: Any,  # noqa: F811
    key: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = tiny.store.local_user()
    profile = int(tiny.new_profile(user, "Ada")["id"])
    answer(tiny, user, profile, key, 10)
    adapter = tune(tiny, profile)["id"]
    door = tiny.keeping.carrying
    with monkeypatch.context() as patch:
        patch.setattr(carrying, "_packed", full)
        *_, last = door.export(user, adapter, "answers_csv", "full")
    assert last["target"]["state"] == "refused" and "make room" in last["target"]["why"]
    place = tiny.keeping.exports(adapter)
    assert [p.name for p in place.iterdir()] == ["answers_csv.json"]
    (place / "answers_csv.json").write_text('{"state": "ma')
    assert (
        next(t for t in door.targets(user, adapter) if t["name"] == "answers_csv")["state"] == "new"
    )

    def missing(*_: Any) -> None:
        raise OSError("Error no file named model.safetensors found in directory x.\nLook there.")

    with monkeypatch.context() as patch:
        patch.setattr(carrying, "_packed", missing)
        *_, last = door.export(user, adapter, "answers_csv", "full")
    why = last["target"]["why"]
    assert "no file named model" in why and "disk" not in why and "None" not in why
    *_, last = door.export(user, adapter, "answers_csv", "full")
    assert last["target"]["state"] == "made"


def test_a_file_taken_home_before_is_still_there_when_the_new_one_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(tmp_path / "data") as store:
        profile = str(full_desk(store).profile)
    words = ["export", profile, str(tmp_path / "home"), "--data-dir", str(tmp_path / "data")]
    assert cli.main(words) == 0
    before = (tmp_path / "home").read_bytes()
    monkeypatch.setattr(disk, "_sync", full)
    assert cli.main(words) == 2
    assert "make room" in capsys.readouterr().err
    assert (tmp_path / "home").read_bytes() == before
    assert not list(tmp_path.glob(".new-*"))


def test_a_picture_that_does_not_fit_is_told_over_http(
    client: Any, studio: Any, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = client.post("/api/v1/profiles", json={}).json()["id"]
    body = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(body, "PNG")
    monkeypatch.setattr(disk, "_sync", full)
    sent = {"files": ("a.png", body.getvalue(), "image/png")}
    reply = client.post(f"/api/v1/profiles/{profile}/items", files=sent)
    assert reply.status_code == 507 and "make room" in json.dumps(reply.json())
    monkeypatch.undo()
    assert client.post(f"/api/v1/profiles/{profile}/items", files=sent).status_code == 201
