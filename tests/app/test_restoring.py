"""launch.py restore-backup and doctor, as a person meets them on a bad day."""

import json
from pathlib import Path

import pytest

from app import cli, doctor, flags
from profiles import backups
from profiles.store import Store
from tests.profiles.desk import full_desk
from tests.profiles.test_restoring import damaged


def say(folder: Path, *words: str) -> int:
    return cli.main([*words, "--data-dir", str(folder)])


def test_a_damaged_folder_is_told_and_put_back_by_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile, rows = damaged(tmp_path)
    assert say(tmp_path, "profiles") == 2
    assert "launch.py restore-backup" in capsys.readouterr().err
    assert say(tmp_path, "restore-backup") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].strip().startswith("1") and "11 answers in 1 profiles" in told[0]
    assert "10 answers" in told[1]
    assert say(tmp_path, "restore-backup", "7") == 2
    assert say(tmp_path, "restore-backup", "1", "--yes") == 0
    said = capsys.readouterr().out
    assert "3 later answers are not in it" in said and "damaged-" in said
    assert "Everybody logs in again" in said
    with Store.open(tmp_path) as store:
        assert len(store.answer_rows(profile)) == rows


def test_no_is_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert say(tmp_path, "restore-backup", "1") == 1
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_without_a_copy_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(tmp_path, "restore-backup") == 2
    assert "no safety copy" in capsys.readouterr().err
    assert say(tmp_path / "nowhere", "restore-backup") == 2
    assert "is not there" in capsys.readouterr().err


def test_as_it_is_wants_every_row_readable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(tmp_path) as store:
        full_desk(store)
    file = tmp_path / backups.FILE
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"Annstories", b"Anastories"))
    assert say(tmp_path, "restore-backup", "--as-it-is") == 0
    file.write_bytes(whole.replace(b'"picks"', b'"pecks"'))
    assert say(tmp_path, "restore-backup", "--as-it-is") == 2
    assert "damaged" in capsys.readouterr().err


def data(folder: Path) -> dict:
    options = flags.read(flags.parse(["doctor", "--data-dir", str(folder)]), {})
    return doctor.CHECKS["data"](options)


def test_doctor_compares_every_byte_and_names_the_cure(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        full_desk(store)
        assert "in use" in data(tmp_path)["found"]
    assert "every byte as it was written; no safety copy" in data(tmp_path)["found"]
    file = tmp_path / backups.FILE
    file.write_bytes(file.read_bytes().replace(b"Annstories", b"Anastories"))
    told = data(tmp_path)
    assert not told["ok"] and "restore-backup" in told["cure"] and json.dumps(told)
