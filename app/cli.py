"""The command line inside the environment: serve, bench, doctor, one verb of the Studio each."""

import json
import os
import socket
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import flags

if TYPE_CHECKING:
    from app.studio import Studio

PORTS = 20


def main(argv: Sequence[str]) -> int:
    given = flags.parse(argv)
    try:
        options = flags.read(given, os.environ)
    except flags.Wrong as wrong:
        return fail(str(wrong))
    if options.cpu:
        os.environ["PENCHANT_CPU"] = "1"
    if given.command in (None, "run"):
        return run(options)
    if given.command == "bench":
        from tests.bench import bench

        return bench(given)
    if given.command == "doctor":
        from app.doctor import doctor

        return doctor(options, given.json)
    return verb(given, options)


def fail(text: str) -> int:
    print(f"launch.py: {text}", file=sys.stderr)
    return 2


def run(options: flags.Options) -> int:
    """Serve until interrupted."""
    from dataclasses import replace

    from app.main import serve
    from profiles.errors import Busy, Damaged, TooNew, Unwritable

    port = free_port(options.host, options.port, options.port_given)
    if port is None:
        return fail(
            f"port {options.port} is taken; close what uses it or choose another with --port"
        )
    try:
        serve(replace(options, port=port))
    except (Busy, Damaged, TooNew, Unwritable) as wrong:
        return fail(str(wrong))
    return 0


def free_port(host: str, port: int, given: bool) -> int | None:
    """The port, or the next free one when it was not asked for by name."""
    for candidate in range(port, port + (1 if given else PORTS)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    return None


def verb(given: Any, options: flags.Options) -> int:
    """Open the data folder, do one thing, print it."""
    from app.studio import Studio
    from app.wire import Bad, Missing
    from profiles.errors import Busy, Conflict, Damaged, TooNew, Unwritable

    try:
        with Studio.open(
            Path(options.data_dir), Path(options.models_dir), options.lm, options.cpu
        ) as studio:
            out = ACTIONS[given.command](studio, studio.store.local_user(), given)
    except (Bad, Missing, Busy, Conflict, Damaged, TooNew, Unwritable, FileNotFoundError) as wrong:
        return fail(str(wrong))
    print(json.dumps(out) if given.json else json.dumps(out, indent=2, ensure_ascii=False))
    return 0


def number(given: Any, at: int, name: str) -> int:
    """A positional number; SystemExit says what is missing."""
    words = given.words
    if len(words) <= at or not words[at].isdigit():
        raise SystemExit(fail(f"{given.command} needs {name} (a number); see --help"))
    return int(words[at])


def word(given: Any, at: int, name: str) -> str:
    if len(given.words) <= at:
        raise SystemExit(fail(f"{given.command} needs {name}; see --help"))
    return str(given.words[at])


def _new(studio: "Studio", user: int, given: Any) -> Any:
    made = studio.new_profile(user)
    name = " ".join(given.words)
    return studio.change_profile(user, made["id"], {"name": name}) if name else made


def _question(studio: "Studio", user: int, given: Any) -> Any:
    return studio.question(user, number(given, 0, "PROFILE"), given.medium, given.kind)


def _answer(studio: "Studio", user: int, given: Any) -> Any:
    asked = number(given, 0, "QUESTION")
    words = given.words[1:]
    picks = all(w.isdigit() for w in words)
    outcome = {"picks": [int(w) for w in words]} if words and picks else word(given, 1, "OUTCOME")
    return studio.answer(user, asked, outcome, key=str(uuid.uuid4()), source="command")


def _undo(studio: "Studio", user: int, given: Any) -> Any:
    return studio.undo(user, number(given, 0, "PROFILE"), given.medium, str(uuid.uuid4()))


def _redo(studio: "Studio", user: int, given: Any) -> Any:
    return studio.redo(user, number(given, 0, "PROFILE"), given.medium, str(uuid.uuid4()))


def _belief(studio: "Studio", user: int, given: Any) -> Any:
    return studio.belief(user, number(given, 0, "PROFILE"), given.medium)


def _create(studio: "Studio", user: int, given: Any) -> Any:
    prompt = " ".join(given.words[1:]) or word(given, 1, "PROMPT")
    wanted = {"medium": given.medium, "prompt": prompt,
              "n": given.n, "strength": given.strength, "seed": given.seed, "depth": given.depth,
              "max_tokens": 80}  # fmt: skip
    lines = studio.generate(user, number(given, 0, "PROFILE"), wanted, lambda: False)
    return [line for line in lines if line["type"] != "piece"]


def _add(studio: "Studio", user: int, given: Any) -> Any:
    profile, files = number(given, 0, "PROFILE"), [Path(w) for w in given.words[1:]]
    texts = [f.read_text(encoding="utf-8") for f in files if f.suffix in (".txt", ".md")]
    pictures = [(f.name, f.read_bytes()) for f in files if f.suffix not in (".txt", ".md")]
    made = studio.add_texts(user, profile, texts)["items"] if texts else []
    made += studio.add_pictures(user, profile, pictures)["items"] if pictures else []
    return {"items": made}


def _export(studio: "Studio", user: int, given: Any) -> Any:
    body, _, _ = studio.export(user, number(given, 0, "PROFILE"), given.what, given.format)
    target = Path(word(given, 1, "FILE"))
    target.write_bytes(body)
    return {"file": str(target), "bytes": len(body)}


def _import(studio: "Studio", user: int, given: Any) -> Any:
    return studio.import_bundle(user, Path(word(given, 0, "FILE")).read_bytes())


def _restore(studio: "Studio", user: int, given: Any) -> Any:
    return studio.restore(user, number(given, 0, "PROFILE"), number(given, 1, "VERSION"))


def _delete(studio: "Studio", user: int, given: Any) -> Any:
    return studio.delete_profile(user, number(given, 0, "PROFILE"))


ACTIONS: dict[str, Callable[["Studio", int, Any], Any]] = {
    "profiles": lambda studio, user, _: {"profiles": studio.profiles(user)},
    "new": _new,
    "question": _question,
    "answer": _answer,
    "undo": _undo,
    "redo": _redo,
    "belief": _belief,
    "create": _create,
    "add": _add,
    "export": _export,
    "import": _import,
    "restore": _restore,
    "delete": _delete,
    "backup": lambda studio, _user, _given: {"backup": studio.backup()},
}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
