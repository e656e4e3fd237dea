"""Flags and sub-commands. Standard library only, so that --help answers before anything exists.

Precedence: command line, then PENCHANT_* (GRADIO_SERVER_NAME and _PORT honoured), then
settings.toml in the data folder, then the default.
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
VERBS = {
    "profiles": "list profiles",
    "new": "make a profile: new [NAME]",
    "question": "the next question: question PROFILE [--medium text] [--kind pair]",
    "answer": "answer it: answer QUESTION OUTCOME   (ids in pick order, or a word)",
    "undo": "take the last answer back: undo PROFILE [--medium text]",
    "redo": "put it back in: redo PROFILE [--medium text]",
    "belief": "what was learned: belief PROFILE [--medium text]",
    "create": "make something: create PROFILE PROMPT [--medium text] [--strength 1] [--seed 0]",
    "add": "add own pictures or texts: add PROFILE FILE...",
    "export": "take home: export PROFILE FILE [--what answers] [--format csv]",
    "import": "bring in a bundle: import FILE",
    "restore": "go back to a version: restore PROFILE VERSION",
    "delete": "delete a profile and all it holds: delete PROFILE",
    "backup": "copy the database safely",
}


class Wrong(Exception):
    """A flag that cannot be; the message names the cure."""


@dataclass(frozen=True)
class Options:
    """Where and how to serve. `sources` tells where each value came from."""

    data_dir: str
    host: str = "127.0.0.1"
    port: int = 7860
    port_given: bool = False
    browser: bool = True
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    offline: bool = False
    cpu: bool = False
    theme: str = "system"
    root_path: str = ""
    lm: str | None = None
    models_dir: str = str(ROOT / ".models")
    tls_keyfile: str | None = None
    tls_certfile: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)


def parser() -> argparse.ArgumentParser:
    """Every sub-command with its help."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data-dir", metavar="DIR", help="where everything personal is kept")
    shared.add_argument("--cpu", action="store_true", default=None, help="leave the GPU alone")
    shared.add_argument(
        "--offline", action="store_true", default=None, help="never leave this machine"
    )
    shared.add_argument("--lm", metavar="PATH_OR_ID", help="another causal language model")
    shared.add_argument("--models-dir", metavar="DIR", help="where the models are kept")
    top = argparse.ArgumentParser(
        prog="launch.py",
        description="Penchant: pick what you like; the studio learns your taste on your machine.",
        parents=[shared],
    )
    _serving(top)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _serving(commands.add_parser("run", parents=[shared], help="open the studio (default)"))
    test = commands.add_parser("test", help="run every check, the browser journey included")
    test.add_argument("rest", nargs=argparse.REMAINDER, help="passed on to pytest")
    bench = commands.add_parser("bench", help="measure one thing")
    bench.add_argument("name", metavar="NAME", help="taste, steer, update, start, kills")
    bench.add_argument("--json", action="store_true", help="one JSON object as the last line")
    bench.add_argument("--data", metavar="DIR", help="where the data of real people lies")
    bench.add_argument("--seed", type=int, default=0)
    bench.add_argument("--people", metavar="FILE.py", help="your own simulated people")
    bench.add_argument("--quick", action="store_true", help="a smoke test, marked as such")
    doctor = commands.add_parser("doctor", parents=[shared], help="say what is there and what not")
    doctor.add_argument("--json", action="store_true")
    for verb, text in VERBS.items():
        _verb(commands.add_parser(verb, parents=[shared], help=text, description=text), verb)
    return top


def _serving(p: argparse.ArgumentParser) -> None:
    p.add_argument("--listen", nargs="?", const="0.0.0.0", metavar="IP",
                   help="answer other machines too; needs --auth")  # fmt: skip
    p.add_argument("--port", type=int, help="default 7860, or the next free one")
    p.add_argument("--no-browser", action="store_true", default=None, help="open no browser")
    p.add_argument("--auth", "--gradio-auth", metavar="NAME:PASSWORD[,..]", help="ask for a login")
    p.add_argument("--auth-file", metavar="FILE", help="the same, a NAME:PASSWORD a line")
    p.add_argument("--insecure", action="store_true", help="--listen without --auth, knowingly")
    p.add_argument("--theme", choices=("light", "dark", "system"), help="default: as your system")
    p.add_argument("--root-path", "--subpath", metavar="PATH", help="behind a proxy, as /penchant")
    p.add_argument("--tls-keyfile", metavar="FILE")
    p.add_argument("--tls-certfile", metavar="FILE")
    p.add_argument("--share", action="store_true", help=argparse.SUPPRESS)


def _verb(p: argparse.ArgumentParser, verb: str) -> None:
    p.add_argument("--json", action="store_true", help="JSON for programs")
    if verb not in ("profiles", "backup"):
        p.add_argument("words", nargs="*", metavar="WORD")
    if verb in ("question", "undo", "redo", "belief", "create"):
        p.add_argument("--medium", choices=("picture", "text"), default="picture")
    if verb == "question":
        p.add_argument("--kind", choices=("grid", "pair"))
    if verb == "create":
        p.add_argument("--strength", type=float, default=1.0)
        p.add_argument("--seed", type=int, default=0)
        p.add_argument("-n", type=int, default=4)
        p.add_argument("--depth", choices=("instant", "steered"))
    if verb == "export":
        p.add_argument("--what", choices=("bundle", "answers"), default="bundle")
        p.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")


def default_data_dir() -> str:
    """The per-user data folder of this system, as platformdirs names it."""
    home = Path.home()
    if sys.platform == "darwin":
        return str(home / "Library" / "Application Support" / "penchant")
    return str(Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "penchant")


def read(given: argparse.Namespace, env: Mapping[str, str]) -> Options:
    """Options from the four sources. Wrong when they cannot be served."""
    cli = {k: v for k, v in vars(given).items() if v is not None}
    if cli.get("share"):
        raise Wrong("there is no --share: nothing here leaves your machine; use --listen --auth")
    folder = str(cli.get("data_dir") or env.get("PENCHANT_DATA") or default_data_dir())
    try:
        with open(Path(folder) / "settings.toml", "rb") as stream:
            file = tomllib.load(stream)
    except FileNotFoundError:
        file = {}
    except tomllib.TOMLDecodeError as wrong:
        raise Wrong(
            f"settings.toml in {folder} cannot be read: {wrong}; mend or remove it"
        ) from None
    picked: dict[str, tuple[object, str]] = {}
    for name, kind in _KEYS.items():
        picked[name] = _first(name, kind, cli, env, file)
    auth = _auth(picked.pop("auth")[0], picked.pop("auth_file")[0])
    host = str(picked.pop("listen")[0] or "127.0.0.1")
    if host not in LOOPBACK and not auth and not cli.get("insecure"):
        raise Wrong("--listen lets other machines in; add --auth NAME:PASSWORD (or --insecure)")
    port = picked.pop("port")
    values = {k: v for k, (v, _) in picked.items() if v is not None}
    values["browser"] = not values.pop("no_browser", False)
    return Options(
        data_dir=folder,
        host=host,
        port=int(port[0] or 7860),  # type: ignore[call-overload]
        port_given=port[1] != "default",
        auth=auth,
        sources={k: s for k, (_, s) in picked.items()},
        **values,  # type: ignore[arg-type]
    )


_KEYS: dict[str, type] = {
    "listen": str, "port": int, "no_browser": bool, "auth": str, "auth_file": str,
    "offline": bool, "cpu": bool, "theme": str, "root_path": str, "lm": str,
    "models_dir": str, "tls_keyfile": str, "tls_certfile": str,
}  # fmt: skip
_ALSO = {"listen": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT"}


def _first(
    name: str, kind: type, cli: Mapping[str, object], env: Mapping[str, str],
    file: Mapping[str, object],
) -> tuple[object, str]:  # fmt: skip
    if name in cli:
        return cli[name], "command line"
    for variable in (f"PENCHANT_{name.upper()}", _ALSO.get(name, "")):
        if env.get(variable):
            text = env[variable]
            if kind is bool:
                return text.lower() in ("1", "true", "yes", "on"), variable
            if kind is int and not text.isdigit():
                raise Wrong(f"{variable} is {text!r}; it must be a number")
            return kind(text), variable
    if name in file:
        return kind(file[name]), "settings.toml"
    return None, "default"


def _auth(inline: object, file: object) -> dict[str, str]:
    lines = str(inline).split(",") if inline else []
    if file:
        try:
            lines += Path(str(file)).read_text(encoding="utf-8").splitlines()
        except OSError as wrong:
            raise Wrong(f"--auth-file: {wrong}") from None
    found = {}
    for line in (ln.strip() for ln in lines if ln.strip()):
        name, colon, password = line.partition(":")
        if not (name and colon and password):
            raise Wrong("--auth wants NAME:PASSWORD, several parted by commas")
        found[name] = password
    return found


def parse(argv: Sequence[str]) -> argparse.Namespace:
    return parser().parse_args(list(argv))
