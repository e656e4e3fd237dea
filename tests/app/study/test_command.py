"""Studies on the command line: check, codes, status, export, and the refusal of a bad file."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.studio import Studio
from app.study import Study
from tests.app.study.files import SECRET, UTILITY, Simulated, study
from tests.served import free_port

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(tmp_path: Path, stocked: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    shutil.copytree(stocked, tmp_path / "data")

    def run(*words: object, as_json: bool = True) -> tuple[int, Any]:
        more = ["--json"] if as_json else []
        code = cli.main(["study", *map(str, words), *more, "--data-dir", str(tmp_path / "data")])
        told = capsys.readouterr()
        return code, json.loads(told.out) if as_json else told.out + told.err

    return run


def sat(data: Path, path: Path, code: str, most: int) -> None:
    """A simulated participant answers in the studio itself."""
    with Studio.open(data) as studio:
        mine = Study(studio, studio.store.local_user(), [path])
        token, told = mine.enter(code, "", "here")
        holder = mine.holder(token)
        given = {"code": code, "consent": told["consent"], "language": "en"}
        told = mine.agree(holder, given)
        told = mine.begin(holder)
        person = Simulated(UTILITY, 0.0, 1)
        for n in range(most):
            said = {"question_id": told["question"]["id"], "strength": 1, "ms": 800,
                    "outcome": person.choose(told["question"]), "confidence": None,
                    "confidence_ms": None, "idempotency_key": f"{code}-{n:04d}"}  # fmt: skip
            told = mine.answer(holder, said)
        studio.ahead.settle()


def test_a_file_is_checked_and_its_faults_are_named(call: Call, tmp_path: Path) -> None:
    path = study(tmp_path, "repeats = 0.25\n", codes=SECRET)
    code, told = call("check", path)
    assert (code, told["questions"], told["repeats"], told["attention"]) == (0, 16, 3, 1)
    assert told["codes"] == 1 and len(told["sha256"]) == len(told["consent_sha256"]) == 64
    code, said = call("check", path, as_json=False)
    assert code == 0 and "16 questions each, 3 of them repeats, 1 attention" in said
    path.write_text(path.read_text().replace('medium = "text"', 'medium = "song"'))
    code, told = call("check", path)
    assert code == 2 and 'medium is "song"' in told["error"]
    code, told = call("check", tmp_path / "nowhere.toml")
    assert code == 2 and "No such file" in told["error"]


def test_codes_are_drawn_and_kept_apart(call: Call, tmp_path: Path) -> None:
    path = study(tmp_path)
    first = call("codes", path, 3)[1]["codes"]
    more = call("codes", path, 2)[1]["codes"]
    file = tmp_path / "tests-study.codes.txt"
    assert file.read_text().split() == first + more and len({*first, *more}) == 5
    assert file.stat().st_mode & 0o077 == 0, "for the researcher alone"
    assert call("codes", path, 0)[0] == 2
    code, said = call("codes", path, 1, as_json=False)
    assert code == 0 and "/study?study=tests-study&code=" in said


def test_status_and_export_of_who_took_part(call: Call, tmp_path: Path) -> None:
    path = study(tmp_path, codes=f"{SECRET} OTHER123")
    assert "run it with --study first" in call("status", path)[1]["error"]
    sat(tmp_path / "data", path, SECRET, 13)
    sat(tmp_path / "data", path, "OTHER123", 4)
    told = call("status", path)[1]
    assert (told["started"], told["completed"], told["attention_failed"]) == (2, 1, 0)
    assert told["median_minutes"] is not None
    assert [p["answered"] for p in told["participants"]] == [13, 4]
    assert "completed     1" in call("status", path, as_json=False)[1]

    told = call("export", path, tmp_path / "out")[1]
    with Studio.open(tmp_path / "data") as studio:
        noted = studio.store.read(lambda db: db.execute("SELECT what FROM audit").fetchall())
    assert noted == [("study-export",)]
    assert told["answers"] == 17 and (tmp_path / "out" / "codebook.md").exists()
    code, refused = call("export", path, tmp_path / "out")
    assert code == 2 and "is there already" in refused["error"]
    assert call("export", path, tmp_path / "out.zip")[0] == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        inside = {n.split("/")[1]: archive.read(n) for n in archive.namelist()}
    assert inside == {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}


def test_a_bad_file_stops_the_start_with_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study(tmp_path, "seed = 1\n")
    words = ["run", "--no-browser", "--port", str(free_port()), "--study", str(path)]
    assert cli.main([*words, "--data-dir", str(tmp_path / "data")]) == 2
    assert "is not TOML" in capsys.readouterr().err, "seed stands twice"
