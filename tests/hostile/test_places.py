"""Hostile folders: no database and no picture model of the table is used, and none stops the start.

A database that would run something is refused before any of its rows is read.
"""

import shutil
from pathlib import Path

import pytest

from profiles.store import Store
from tests.engine.picture_job import save_tiny
from tests.hostile import places
from tests.profiles.desk import full_desk

DATABASES, MODELS = list(places.databases()), list(places.models())
# Every kind of trap once; the rest of their many variants is in bench hostile.
FEW = [p for p in MODELS if "pickle" not in p.name and "cut at" not in p.name] + [
    p for p in MODELS if "pickle" in p.name or "cut at" in p.name][::9]  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder and a picture model that are well."""
    at = tmp_path_factory.mktemp("sound")
    with Store.open(at / "data") as store:
        full_desk(store)
    save_tiny(at / "model", "sd15")
    return at


@pytest.mark.filterwarnings("ignore")
def test_no_hostile_database_is_opened(sound: Path, tmp_path: Path) -> None:
    found = {p.name: places.tried(p, sound / "data", sound / "model", tmp_path) for p in DATABASES}
    assert {name: told for name, told in found.items() if told[0]} == {}
    assert len(found) > 50


@pytest.mark.filterwarnings("ignore")
def test_no_hostile_picture_model_is_used_or_stops_the_start(sound: Path, tmp_path: Path) -> None:
    found = {p.name: places.tried(p, sound / "data", sound / "model", tmp_path) for p in FEW}
    assert {name: told for name, told in found.items() if told[0]} == {}
    assert len(found) > 120


def test_the_sound_ones_are_opened_and_used(sound: Path, tmp_path: Path) -> None:
    """Or the table above would prove nothing: also without its seal."""
    shutil.copytree(sound / "data", tmp_path / "data")
    places.unsealed(tmp_path / "data")
    assert places._opened(tmp_path / "data") is None
    assert places._chosen(sound / "model") is None
    places._old("SELECT 1")(tmp_path / "data")
    assert places._opened(tmp_path / "data") is None, "an old one is brought up to date"
