"""The report of a bug: what it says, and that nothing of anybody is in it."""

import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import doctor_report, troubles
from app.flags import ROOT, Options
from app.studio import Studio

CANARY = "Zugspitzkanarienvogel"


@pytest.fixture
def full(tmp_path: Path) -> Options:
    """Canaries in every place a person can write to, the folder and the settings included."""
    folder = tmp_path / f"data of {CANARY}"
    with Studio.open(folder) as studio:
        store, user = studio.store, studio.store.local_user()
        profile = int(studio.new_profile(user, f"name {CANARY}", f"purpose {CANARY}")["id"])
        store.put_user(f"user {CANARY}", CANARY)
        asked = studio.question(user, profile, "text")
        studio.maker.warm = lambda kind: None  # type: ignore[method-assign]
        studio.answer(user, asked["id"], {"picks": [asked["items"][0]["id"]]}, key=f"k-{CANARY}")
        store.add_generation(profile, "text", f"prompt {CANARY}", 1, 1.0, {}, [{"text": CANARY}])
        store.backup()
    return Options(
        str(folder), auth={f"login {CANARY}": CANARY}, lm=f"/models/{CANARY}",
        pictures=f"hub:{CANARY}/model@main", root_path=f"/{CANARY}",
        models_dir=str(tmp_path / CANARY),
        sources={"data_dir": "command line", "auth": "PENCHANT_AUTH", "lm": "settings.toml",
                 "pictures": "command line", "root_path": "command line", "theme": "default"},
    )  # fmt: skip


def fail_with(folder: Path) -> None:
    """An error as the studio logs it, its message full of what must not be told."""
    handler = troubles.listen(folder)
    try:
        raise ValueError(f"the prompt was {CANARY}")
    except ValueError:
        logging.getLogger("penchant").exception("work on %s failed: " + CANARY, CANARY)
    finally:
        troubles.remove(handler)


def test_no_canary_is_in_it(full: Options) -> None:
    fail_with(Path(full.data_dir))
    text = doctor_report.report(full)
    assert CANARY.lower() not in text.lower()
    assert str(Path.home()) not in text and full.data_dir not in text
    for told in ("auth: given (PENCHANT_AUTH)", "lm: given (settings.toml)", "answers 1",
                 "profiles 1", "generations 1", "quick check now: ok", "safety copies: 1",
                 "data folder: ", "ValueError at tests/app/test_doctor_report.py"):  # fmt: skip
        assert told in text, told
    assert CANARY not in (Path(full.data_dir) / troubles.FILE).read_text()


def test_the_page_gives_the_same_text(full: Options) -> None:
    from app.api_report import report_routes

    router = report_routes(SimpleNamespace(), full)
    (route,) = router.routes
    told: Any = route.endpoint(None)  # type: ignore[attr-defined]
    assert CANARY not in told["report"] and "## Store" in told["report"]


def test_only_the_last_errors_are_kept_and_a_damaged_line_is_left_out(tmp_path: Path) -> None:
    for _ in range(3):
        fail_with(tmp_path)
    handler = troubles.listen(tmp_path)
    for n in range(2 * troubles.KEPT):
        logging.getLogger("penchant").warning("number %d", n)
    troubles.remove(handler)
    rows = troubles.last(tmp_path)
    assert len(rows) == troubles.KEPT and {r["level"] for r in rows} == {"WARNING"}
    file = tmp_path / troubles.FILE
    assert file.stat().st_mode & 0o077 == 0
    file.write_text("nonsense\n[1]\n{}\n" + file.read_text())
    assert len(troubles.in_words(troubles.last(tmp_path))) == troubles.KEPT


def test_a_folder_with_nothing_and_a_broken_one_are_told(tmp_path: Path) -> None:
    assert "nothing kept yet" in doctor_report.report(Options(str(tmp_path / "none")))
    (tmp_path / "penchant.db").write_bytes(b"no database" * 400)
    assert "cannot be read: DatabaseError" in doctor_report.report(Options(str(tmp_path)))


def test_the_command_prints_it(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "app.cli", "doctor", "--report", "--data-dir", str(tmp_path)]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.startswith("## Penchant\n- version ")
    assert str(tmp_path) not in made.stdout


def test_it_needs_no_environment(tmp_path: Path) -> None:
    """The same without site-packages: the file is read by the Python that starts launch.py."""
    code = ("import sys; sys.path.insert(0, '.'); from app.doctor_report import report;"
            f"from app.flags import Options as O; print(report(O({str(tmp_path)!r})))")  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code.replace("'.'", repr(str(ROOT)))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "numpy missing" in made.stdout and "before the installation" in made.stdout
