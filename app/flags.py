"""Flags and sub-commands. Standard library only, so that --help answers before anything exists.

Precedence: command line, then PENCHANT_* (GRADIO_SERVER_NAME and _PORT honoured), then
settings.toml in the data folder, then the default.
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import cli_study, flags_people, flags_training, restoring

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
THEMES = ("light", "dark", "system")
LANGUAGES = ("auto", "en", "de", "es")
ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
# Set before torch or gradio can be imported: no spinning threads, no telemetry, no hub.
QUIET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    # Our matrices are small: a second thread only waits for the first, 20 times as long when busy.
    "OPENBLAS_NUM_THREADS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
# The words a verb takes in order: (name, type, how many); None is exactly one.
Words = tuple[tuple[str, type, str | None], ...]
ONE: Words = (("profile", int, None),)
VERBS: dict[str, tuple[str, Words]] = {
    "profiles": ("list profiles", ()),
    "new": ("make a profile", (("name", str, "*"),)),
    "question": ("the next question", ONE),
    "answer": (
        "answer it: the ids that are liked, best first, or both_good, both_bad, skip",
        (("question", int, None), ("outcome", str, "+")),
    ),
    "undo": ("take the last answer back", ONE),
    "redo": ("put it back in", ONE),
    "belief": ("what was learned", ONE),
    "create": ("make something", (*ONE, ("prompt", str, "+"))),
    "add": ("add own pictures, or texts (.txt, .md)", (*ONE, ("file", Path, "+"))),
    "export": ("take it home as a file", (*ONE, ("file", Path, None))),
    "import": ("bring in a bundle", (("file", Path, None),)),
    "restore": ("go back to a version", (*ONE, ("version", int, None))),
    "delete": ("delete a profile and all it holds", ONE),
    "backup": ("copy the database safely", ()),
    "example": ("a simulated person's taste to look at: calm, bright, ink; or remove them all",
                (("name", str, "?"),)),
    "tune": ("train a small model on your answers", (*ONE, ("preset", str, "?"))),
    "jobs": ("what is being tuned, and was", ONE),
    "job": ("one of them; or pause, resume, stop, discard it",
            (("job", int, None), ("wish", str, "?"))),
    "adapters": ("what was tuned", ONE),
    "adapter-export": ("take one home for another tool",
                       (("adapter", int, None), ("target", str, None), ("file", Path, None))),
    "adapter-push": ("send an export to a private repository of the hub; needs HF_TOKEN",
                     (("adapter", int, None), ("target", str, None), ("repo", str, None))),
    "adapter-import": ("bring one in", (*ONE, ("file", Path, None))),
    **flags_people.VERBS,
}  # fmt: skip
Wrong = flags_people.Wrong


@dataclass(frozen=True)
class Options:
    """Where and how to serve. `sources` tells where each value came from."""

    data_dir: str
    host: str = "127.0.0.1"
    port: int = 7860
    port_given: bool = False
    browser: bool = True
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    admin: str | None = None
    first: str | None = field(default=None, repr=False)
    limits: Mapping[str, int] = field(default_factory=dict)
    host_names: Sequence[str] = ()
    offline: bool = False
    cpu: bool = False
    theme: str = "system"
    language: str = "auto"
    root_path: str = ""
    disable_metadata: bool = False
    preload: bool = False
    study: Any = None
    lm: str | None = None
    pictures: str | None = None
    pictures_steps: int | None = None
    pictures_guidance: float | None = None
    pictures_size: int | None = None
    models_dir: str = str(ROOT / ".models")
    tls_keyfile: str | None = None
    tls_certfile: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)


def parser() -> argparse.ArgumentParser:
    """Every sub-command with its help."""
    # What is absent stays out of the namespace: a default of a sub-command would otherwise undo
    # a flag given before its name.
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--data-dir", metavar="DIR", help="where everything personal is kept")
    shared.add_argument("--cpu", action="store_true", help="leave the GPU alone")
    shared.add_argument("--offline", action="store_true", help="never leave this machine")
    shared.add_argument("--lm", metavar="PATH_OR_ID", help="another causal language model")
    shared.add_argument("--pictures", metavar="MODEL",
                        help="another picture model: a folder, a .safetensors file or "
                        "hub:OWNER/NAME@REVISION (SD 1.5, 2.1, SDXL, SD3, Flux)")  # fmt: skip
    for name, kind, text in (("steps", int, "of a drawing"), ("guidance", float, "by the words"),
                             ("size", int, "in pixels a side")):  # fmt: skip
        shared.add_argument(f"--pictures-{name}", type=kind, metavar=name[0].upper(),
                            help=f"{name} {text}, where not the model's own")  # fmt: skip
    shared.add_argument("--disable-metadata", action="store_true",
                        help="write no prompt and seed into drawn pictures")  # fmt: skip
    shared.add_argument("--models-dir", metavar="DIR", help="where the models are kept")
    serving = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _serving(serving)
    top = argparse.ArgumentParser(
        prog="launch.py",
        description="Penchant: pick what you like; the studio learns your taste on your machine.",
        parents=[shared, serving],
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, text: str, *parents: argparse.ArgumentParser) -> Any:
        return commands.add_parser(
            name, parents=parents, help=text, description=text, allow_abbrev=False
        )

    command("run", "open the studio (default)", shared, serving)
    test = command("test", "run every check, the browser journey included")
    test.add_argument("rest", nargs="*", metavar="...", help="run pytest alone, with these words")
    bench = command("bench", "measure one thing")
    bench.add_argument(
        "name", metavar="NAME",
        help="click, load, taste, steer, results, starter, draws, untrained, ppd, reach, "
        "pictures, tuned, train, serve, update, preference, newuser, neighbours, people, pick, "
        "retrieve, start, kills, jobkills, flips, powerloss, faults, backups, study, hostile, "
        "overload",
    )  # fmt: skip
    bench.add_argument("--json", action="store_true", help="one JSON object as the last line")
    bench.add_argument("--data", metavar="DIR", help="where the data of real people lies")
    bench.add_argument("--seed", type=int, default=0)
    bench.add_argument("--people", metavar="FILE.py", help="your own simulated people")
    bench.add_argument("--quick", action="store_true", help="a smoke test, marked as such")
    flags_training.starter(
        command("train-starter", "make the small drawing model again, from the collection")
    )
    flags_training.teaching(
        command("train-fspo", "teach the language model to read anybody's pairs", shared)
    )
    flags_training.population(
        command("fit-population", "learn from many people's choices where one may start")
    )
    back = "list the safety copies of the database, or put one back"
    restoring.words(command("restore-backup", back, shared))
    doctor = command("doctor", "say what is there and what is missing", shared, serving)
    doctor.add_argument("--json", action="store_true", help="JSON for programs")
    doctor.add_argument("--report", action="store_true",
                        help="a text for a report of a bug; it holds nothing of yours")  # fmt: skip
    cli_study.command(commands, shared)
    for verb, (text, words) in VERBS.items():
        _verb(command(verb, text, shared), verb, words)
    return top


def _serving(p: argparse.ArgumentParser) -> None:
    p.add_argument("--listen", nargs="?", const="0.0.0.0", metavar="IP",
                   help="answer other machines too; needs --auth or --token")  # fmt: skip
    p.add_argument("--port", type=int, help="default 7860, or the next free one")
    p.add_argument("--no-browser", action="store_true", help="open no browser")
    p.add_argument("--auth", "--gradio-auth", metavar="NAME:PASSWORD[,..]", help="ask for a login")
    p.add_argument("--auth-file", metavar="FILE", help="the same, a NAME:PASSWORD a line")
    flags_people.serving(p)
    p.add_argument("--preload", action="store_true",
                   help="load the models before anybody comes: for many people")  # fmt: skip
    p.add_argument("--insecure", action="store_true", help="--listen without --auth, knowingly")
    p.add_argument("--theme", choices=THEMES, help="default: as your system")
    p.add_argument("--language", choices=LANGUAGES, help="of the page; default: as the browser")
    p.add_argument("--root-path", "--subpath", metavar="PATH", help="behind a proxy, as /penchant")
    p.add_argument("--tls-keyfile", metavar="FILE", help="the key of your certificate")
    p.add_argument("--tls-certfile", metavar="FILE", help="answer over https with it")
    cli_study.serving(p)
    p.add_argument("--share", action="store_true", help=argparse.SUPPRESS)


def _verb(p: argparse.ArgumentParser, verb: str, words: Words) -> None:
    for name, kind, many in words:
        p.add_argument(name, type=kind, nargs=many, metavar=name.upper())
    p.add_argument("--json", action="store_true", help="JSON for programs")
    flags_people.verb(p, verb)
    if verb in ("question", "undo", "redo", "belief", "create"):
        p.add_argument("--medium", choices=("picture", "text"), default="picture")
    if verb == "question":
        p.add_argument("--kind", choices=("grid", "pair"), help="default: the studio decides")
    if verb == "create":
        p.add_argument("--strength", type=float, default=1.0, help="0 is the plain model, 1 is you")
        p.add_argument("--seed", type=int, default=0)
        p.add_argument("-n", type=int, default=4, help="how many")
        p.add_argument("--depth", choices=("instant", "steered", "tuned"))
    if verb == "tune":
        _tuning(p)
    if verb == "adapter-export":
        p.add_argument("--privacy", choices=("vector only", "pseudonymous", "full"),
                       default="vector only", help="what may be told")  # fmt: skip
    if verb == "export":
        p.add_argument("--what", choices=("bundle", "answers"), default="bundle")
        p.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="of answers")
        p.add_argument("--with-adapters", action="store_true",
                       help="what was tuned goes along in the bundle")  # fmt: skip


def _tuning(p: argparse.ArgumentParser) -> None:
    p.set_defaults(preset="quick")
    p.add_argument("--name", help="what to call it")
    p.add_argument("--medium", choices=("picture", "text"),
                   help="default: what you answered more about")  # fmt: skip
    p.add_argument("--from", dest="start", type=int, metavar="ADAPTER",
                   help="go on from an adapter of yours, not from the base model")  # fmt: skip
    p.add_argument("--objective", metavar="METHOD", help="default: the first the Keep page lists")
    p.add_argument("--set", action="append", metavar="NAME=NUMBER", help="a setting of the method")
    p.add_argument("--steps", type=int)
    p.add_argument("--batch", type=int, help="groups a step")
    p.add_argument("--rate", type=float)
    p.add_argument("--rank", type=int)
    p.add_argument("--seed", type=int)
    p.add_argument("--mirror", type=float, metavar="SHARE",
                   help="of steps at which pairs of pictures are mirrored; default 0")  # fmt: skip
    p.add_argument("--smooth", type=float, metavar="WEIGHT",
                   help="of even steps between pictures, as 100; default 0, off")  # fmt: skip


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The words as a namespace; what follows `test` belongs to pytest, dashes and all."""
    words = list(argv)
    if words[:1] == ["test"] and words[1:] not in (["-h"], ["--help"]):
        return argparse.Namespace(command="test", rest=words[1:])
    return parser().parse_args(words)


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
    folder, told = _data_dir(cli, env)
    file = _settings(folder)
    picked = {name: _first(name, kind, cli, env, file) for name, kind in _KEYS.items()}
    sources = {"data_dir": told, **{k: s for k, (_, s) in picked.items()}}
    values = {k: v for k, (v, _) in picked.items() if v is not None}
    auth = _auth(values.pop("auth", None), values.pop("auth_file", None))
    people = flags_people.settled(values, auth)
    host = values.pop("listen", "127.0.0.1")
    if host not in LOOPBACK and not auth and not people["first"] and not cli.get("insecure"):
        raise Wrong(flags_people.CLOSED)
    if not 1 <= values.get("port", 1) <= 65535:
        raise Wrong(f"port {values['port']} cannot be; choose one from 1024 to 65535")
    if values.get("theme", "system") not in THEMES:
        raise Wrong(f"theme {values['theme']!r} is not one of {', '.join(THEMES)}")
    if values.get("language", "auto") not in LANGUAGES:
        raise Wrong(f"language {values['language']!r} is not one of {', '.join(LANGUAGES)}")
    for name, (low, high) in _LIMITS.items():
        if not low <= values.get(name, low) <= high:
            flag = name.replace("_", "-")
            raise Wrong(f"--{flag} is {values[name]:g}; it must lie between {low} and {high}")
    if values.get("pictures_size", 8) % 8:
        raise Wrong("--pictures-size must be a multiple of 8")
    if ("tls_keyfile" in values) != ("tls_certfile" in values):
        raise Wrong("--tls-keyfile and --tls-certfile go together; give both")
    values["browser"] = not values.pop("no_browser", False)
    return Options(
        data_dir=folder,
        host=host,
        port_given=sources["port"] != "default",
        auth=auth,
        sources=sources,
        **people,
        **values,
    )


_KEYS: dict[str, type] = {
    "listen": str, "port": int, "no_browser": bool, "auth": str, "auth_file": str,
    "token": bool, "admin": str, "limits": str, "host_name": str,
    "offline": bool, "cpu": bool, "theme": str, "language": str, "root_path": str, "lm": str,
    "pictures": str, "pictures_steps": int, "pictures_guidance": float, "pictures_size": int,
    "models_dir": str, "disable_metadata": bool, "preload": bool,
    "tls_keyfile": str, "tls_certfile": str,
    "study": str,
}  # fmt: skip
_LIMITS = {"pictures_steps": (1, 200), "pictures_guidance": (0, 30), "pictures_size": (8, 2048)}
_ALSO = {"listen": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT"}


def _data_dir(cli: Mapping[str, Any], env: Mapping[str, str]) -> tuple[str, str]:
    """The folder, absolute, and where its name came from."""
    for found, source in ((cli.get("data_dir"), "command line"),
                          (env.get("PENCHANT_DATA"), "PENCHANT_DATA")):  # fmt: skip
        if found:
            return str(Path(found).expanduser().absolute()), source
    return default_data_dir(), "default"


def _settings(folder: str) -> dict[str, Any]:
    try:
        with open(Path(folder) / "settings.toml", "rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except OSError as wrong:
        raise Wrong(f"the data folder {folder} cannot be read: {wrong.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        text = f"settings.toml in {folder} cannot be read: {wrong}; mend or remove it"
        raise Wrong(text) from None


def _first(
    name: str, kind: type, cli: Mapping[str, Any], env: Mapping[str, str], file: Mapping[str, Any]
) -> tuple[Any, str]:
    """The value of a setting and where it came from; (None, "default") when nobody gave one."""
    if name in cli:
        return cli[name], "command line"
    for variable in (f"PENCHANT_{name.upper()}", _ALSO.get(name, "")):
        if env.get(variable):
            return _as(kind, env[variable], variable), variable
    if name in file:
        return _as(kind, file[name], f"{name} in settings.toml"), "settings.toml"
    return None, "default"


def _as(kind: type, value: object, where: str) -> Any:
    text = str(value)
    if kind is bool:
        if text.lower() not in ON + OFF:
            raise Wrong(f"{where} is {text!r}; it must be true or false")
        return text.lower() in ON
    if kind is int:
        if not text.isdecimal():
            raise Wrong(f"{where} is {text!r}; it must be a number")
        return int(text)
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise Wrong(f"{where} is {text!r}; it must be a number") from None
    return text


def _auth(inline: object, file: object) -> dict[str, str]:
    lines = str(inline).split(",") if inline else []
    if file:
        try:
            lines += Path(str(file)).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as wrong:
            raise Wrong(f"--auth-file {file} cannot be read: {wrong}") from None
    found = {}
    for line in (ln.strip() for ln in lines if ln.strip()):
        name, colon, password = line.partition(":")
        if not (name and colon and password):
            raise Wrong("--auth wants NAME:PASSWORD, several parted by commas")
        found[name] = password
    if file and not found:
        raise Wrong(f"--auth-file {file} names nobody; write one NAME:PASSWORD a line")
    return found


def quiet(env: MutableMapping[str, str]) -> None:
    """Put QUIET into an environment; what a person set stays."""
    for name, value in QUIET.items():
        env.setdefault(name, value)
