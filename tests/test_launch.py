"""launch.py and the flags: what is refused, what wins, when nothing is installed again."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from app import flags

ROOT = Path(__file__).resolve().parent.parent


def options(words: str, env: dict[str, str] | None = None) -> flags.Options:
    return flags.read(flags.parse(words.split()), env or {})


@pytest.fixture
def launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("launch_under_test", ROOT / "launch.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements.txt").write_text("numpy==1\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "penchant.stamp")
    return module


def test_listen_without_a_login_is_refused(tmp_path: Path) -> None:
    with pytest.raises(flags.Wrong, match="--auth"):
        options(f"run --listen --data-dir {tmp_path}")
    with pytest.raises(flags.Wrong, match="--auth"):
        options(f"run --data-dir {tmp_path}", {"GRADIO_SERVER_NAME": "0.0.0.0"})
    assert options(f"run --listen --auth a:b --data-dir {tmp_path}").host == "0.0.0.0"


def test_loopback_is_the_default(tmp_path: Path) -> None:
    made = options(f"--data-dir {tmp_path}")
    assert (made.host, made.port, made.browser) == ("127.0.0.1", 7860, True)


def test_share_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(flags.Wrong, match="nothing here leaves"):
        options(f"run --share --data-dir {tmp_path}")


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('port = 1\ntheme = "dark"\n')
    words, env = f"--data-dir {tmp_path}", {"PENCHANT_PORT": "2"}
    assert options(words).port == 1
    assert options(words, env).port == 2
    made = options(f"{words} --port 3", env)
    assert made.port == 3 and made.theme == "dark" and made.sources["theme"] == "settings.toml"


@pytest.mark.parametrize("text", ["x", ":", "a:", ":b", "a:b,c"])
def test_a_login_needs_name_and_password(text: str, tmp_path: Path) -> None:
    with pytest.raises(flags.Wrong, match="NAME:PASSWORD"):
        options(f"run --auth {text} --data-dir {tmp_path}")


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("port = [")
    with pytest.raises(flags.Wrong, match=r"settings\.toml"):
        options(f"--data-dir {tmp_path}")


def test_nothing_is_installed_again_while_the_lists_are_the_same(
    launch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []
    lists = (("requirements.txt", ()),)
    monkeypatch.setattr(launch, "make_venv", lambda: launch.VENV.mkdir(exist_ok=True))
    monkeypatch.setattr(launch, "pip", lambda *words: done.append(words))
    launch.install(lists)
    launch.install(lists)
    assert len(done) == 1
    (launch.ROOT / "requirements.txt").write_text("numpy==2\n")
    launch.install(lists)
    assert len(done) == 2


def test_an_interrupted_installation_goes_on(launch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = (("requirements.txt", ()),)
    monkeypatch.setattr(launch, "make_venv", lambda: launch.VENV.mkdir(exist_ok=True))

    def broken(*_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "pip", broken)
    with pytest.raises(KeyboardInterrupt):
        launch.install(lists)
    assert not launch.installed(lists)
    monkeypatch.setattr(launch, "pip", lambda *_: None)
    launch.install(lists)
    assert launch.installed(lists)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Downloading torch-2.13.0-cp311.whl (190.1 MB)", "torch 190.1 MB"),
        ("WARNING: Location 'file:///x/simple/y/' is ignored", ""),
        ("Installing collected packages: a, b", "putting it in place ..."),
        ("Collecting numpy", ""),
        ("Processing /x/torch-2.13.0.whl (from -r /y/requirements.txt (line 1))", "torch"),
    ],
)
def test_pip_is_told_in_short(launch: Any, line: str, shown: str) -> None:
    assert launch.condensed(line) == shown
