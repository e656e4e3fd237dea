"""launch.py and the flags: what is refused, what wins, when nothing is installed again."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import cli, flags
from app.doctor import doctor

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
    monkeypatch.setattr(module, "LISTS", (("requirements.txt", ()),))
    monkeypatch.setattr(module, "TEST_LISTS", ())
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


@pytest.mark.parametrize("command", ["run", "profiles", "doctor"])
def test_a_flag_before_the_command_counts(command: str, tmp_path: Path) -> None:
    made = options(f"--data-dir {tmp_path} --cpu {command}")
    assert made.data_dir == str(tmp_path) and made.cpu
    assert made.sources["data_dir"] == made.sources["cpu"] == "command line"
    assert options(f"--data-dir /elsewhere {command} --data-dir {tmp_path}").data_dir == str(
        tmp_path
    )


def test_a_folder_is_absolute_whoever_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert options("--data-dir here").data_dir == str(tmp_path / "here")
    made = options("", {"PENCHANT_DATA": "there"})
    assert made.data_dir == str(tmp_path / "there")
    assert made.sources["data_dir"] == "PENCHANT_DATA"


@pytest.mark.parametrize(
    ("env", "cure"),
    [
        ({"PENCHANT_PORT": "many"}, "number"),
        ({"PENCHANT_PORT": "70000"}, "65535"),
        ({"PENCHANT_THEME": "pink"}, "light, dark, system"),
        ({"PENCHANT_CPU": "perhaps"}, "true or false"),
        ({"PENCHANT_TLS_KEYFILE": "key.pem"}, "both"),
        ({"PENCHANT_AUTH_FILE": "/nowhere/at/all"}, "auth-file"),
    ],
)
def test_a_value_that_cannot_be_is_named(env: dict[str, str], cure: str, tmp_path: Path) -> None:
    with pytest.raises(flags.Wrong, match=cure):
        options(f"--data-dir {tmp_path}", env)


@pytest.mark.parametrize("text", ['port = "abc"', 'cpu = "perhaps"', "theme = 3", "port = -1"])
def test_a_value_in_the_file_that_cannot_be_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(flags.Wrong, match=text.split()[0]):
        options(f"--data-dir {tmp_path}")


def test_false_in_words_is_false(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('cpu = "false"\noffline = true\n')
    made = options(f"--data-dir {tmp_path}", {"PENCHANT_NO_BROWSER": "0"})
    assert not made.cpu and made.offline and made.browser


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(flags.Wrong, match="cannot be read"):
        options(f"--data-dir {tmp_path / 'file'}")


def test_logins_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "people").write_text("ada:one\n\ngrace:two:three\n")
    made = options(f"--listen --auth-file {tmp_path / 'people'} --data-dir {tmp_path}")
    assert made.auth == {"ada": "one", "grace": "two:three"}
    (tmp_path / "people").write_text("\n")
    with pytest.raises(flags.Wrong, match="names nobody"):
        options(f"--listen --auth-file {tmp_path / 'people'} --data-dir {tmp_path}")


def test_words_after_test_are_for_pytest() -> None:
    assert flags.parse(["test", "-k", "grid", "--lf"]).rest == ["-k", "grid", "--lf"]


@pytest.mark.parametrize("verb", sorted(flags.VERBS))
def test_every_verb_has_its_action(verb: str) -> None:
    assert verb in cli.ACTIONS and set(cli.ACTIONS) == set(flags.VERBS)


def test_a_missing_word_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags.parse(["answer", "3"])
    assert ended.value.code == 2 and "OUTCOME" in capsys.readouterr().err


def test_a_taken_port_is_stepped_over_unless_it_was_asked_for() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        assert port < cli.free_port("127.0.0.1", port, given=False) < port + cli.PORTS
        with pytest.raises(cli.Taken, match="--port"):
            cli.free_port("127.0.0.1", port, given=True)


def test_an_address_that_is_not_ours_is_not_called_taken() -> None:
    with pytest.raises(cli.Taken, match="cannot listen on 192.0.2.1"):
        cli.free_port("192.0.2.1", 7860, given=False)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("", "http://127.0.0.1:7860"),
        ("--listen --insecure --root-path /a/", "http://127.0.0.1:7860/a"),
        ("--listen ::1 --port 9000", "http://[::1]:9000"),
        ("--tls-keyfile k --tls-certfile c", "https://127.0.0.1:7860"),
    ],
)
def test_the_address_can_be_typed(words: str, shown: str, tmp_path: Path) -> None:
    assert cli.address(options(f"{words} --data-dir {tmp_path}")) == shown


def test_doctor_tells_sources_and_no_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = f"--data-dir {tmp_path} --models-dir {tmp_path} --auth ada:hidden-word --port 9000"
    doctor(options(given), as_json=True)
    text = capsys.readouterr().out
    told = {row["name"]: row for row in json.loads(text)["settings"]}
    assert told["port"] == {"name": "port", "value": "9000", "source": "command line"}
    assert "ada" in told["auth"]["value"] and "hidden-word" not in text
    assert not list(tmp_path.iterdir())


def test_doctor_sees_a_damaged_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "models" / "small"
    model.mkdir(parents=True)
    (model / "weights").write_bytes(b"abc")
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (model / "manifest.json").write_text(json.dumps({"files": {"weights": sha}}))
    given = options(f"--data-dir {tmp_path} --models-dir {tmp_path / 'models'}")

    def models() -> dict[str, object]:
        doctor(given, as_json=True)
        rows = json.loads(capsys.readouterr().out)["checks"]
        return next(r for r in rows if r["what"] == "models")

    assert models()["ok"]
    (model / "weights").write_bytes(b"abd")
    assert not models()["ok"]


def test_doctor_answers_before_anything_is_installed(tmp_path: Path) -> None:
    text = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from app import doctor, flags\n"
        "given = flags.parse(['doctor', '--json', '--data-dir', sys.argv[2]])\n"
        "sys.exit(doctor.doctor(flags.read(given, {}), True))"
    )
    words = [sys.executable, "-I", "-S", "-c", text, str(ROOT), str(tmp_path)]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    told = {r["what"]: r for r in json.loads(made.stdout)["checks"]}
    assert made.returncode == 1 and told["packages"]["found"] == "not installed yet"


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
    (launch.ROOT / "requirements.txt").write_text("numpy==1\n")
    launch.install(lists)
    assert len(done) == 3, "an older list that comes back is installed again"


def test_the_tests_packages_are_stamped_beside_the_others(
    launch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, more = (("requirements.txt", ()),), (("more.txt", ()),)
    (launch.ROOT / "more.txt").write_text("pytest==1\n")
    monkeypatch.setattr(launch, "TEST_LISTS", more)
    monkeypatch.setattr(launch, "make_venv", lambda: launch.VENV.mkdir(exist_ok=True))
    monkeypatch.setattr(launch, "pip", lambda *_: None)
    launch.install(lists)
    launch.install(more)
    assert launch.installed(lists) and launch.installed(more)


def test_a_half_made_environment_is_made_anew(launch: Any) -> None:
    binaries = launch.VENV / "bin"
    binaries.mkdir(parents=True)
    assert launch.installer() == []
    (binaries / "python").symlink_to("/nowhere/python")
    assert launch.installer() == []
    made: list[tuple[str, ...]] = []

    def works(*words: str) -> bool:
        made.append(words)
        if "venv" in words:
            (launch.VENV / "fresh").mkdir(parents=True)
        return (launch.VENV / "fresh").exists()

    launch.works = works
    launch.make_venv()
    assert (launch.VENV / "fresh").exists() and not binaries.exists()
    assert sum("venv" in words for words in made) == 1


def test_without_ensurepip_the_outer_pip_is_used(launch: Any) -> None:
    def works(*words: str) -> bool:
        return "--without-pip" in words or ("--python" in words and "pip" in words)

    launch.works = works
    launch.make_venv()
    assert launch.installer()[:3] == [sys.executable, "-m", "pip"]


def test_what_a_killed_pip_leaves_is_cleared(launch: Any) -> None:
    site = launch.VENV / "lib" / "python3.11" / "site-packages"
    for name in ("~orch", "numpy-1.dist-info", "torch-1.dist-info", "torch"):
        (site / name).mkdir(parents=True)
    (site / "numpy-1.dist-info" / "RECORD").write_text("")
    launch.mend()
    assert sorted(p.name for p in site.iterdir()) == ["numpy-1.dist-info", "torch"]


def test_one_installation_at_a_time(launch: Any) -> None:
    import fcntl

    with launch.locked() as held:
        assert os.fstat(held).st_size == 0
        with open(launch.ROOT / ".launch.lock") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


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
        ("Installing collected packages: a, b", "putting it in place (a minute or two) ..."),
        ("Collecting numpy", ""),
        ("Processing /x/torch-2.13.0.whl (from -r /y/requirements.txt (line 1))", "torch"),
    ],
)
def test_pip_is_told_in_short(launch: Any, line: str, shown: str) -> None:
    assert launch.condensed(line) == shown
