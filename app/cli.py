"""The command line inside the environment: serve, bench, doctor, one verb of the Studio each."""

import errno
import json
import os
import socket
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import cli_keep, cli_people, cli_study, flags, restoring

if TYPE_CHECKING:
    from app.studio import Studio

PORTS = 20


def main(argv: Sequence[str]) -> int:
    flags.quiet(os.environ)
    given = flags.parse(argv)
    if os.environ.get("GRADIO_VIBE_MODE"):
        return fail("GRADIO_VIBE_MODE lets visitors run code on this machine; unset it first")
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

        return int(bench(given))
    if given.command in OTHERS:
        return OTHERS[given.command](given, options)
    if given.command == "doctor":
        from app.doctor import doctor

        return doctor(options, given.json, given.report)
    if given.command == "study":
        try:
            print(cli_study.study(given, options))
        except cli_study.Wrong as wrong:
            return fail(str(wrong), given.json)
        return 0
    return verb(given, options)


def fail(text: str, as_json: bool = False) -> int:
    """Say what was wrong; a program reads it where it reads the answer."""
    if as_json:
        print(json.dumps({"error": text}))
    else:
        print(f"launch.py: {text}", file=sys.stderr)
    return 2


def draw(given: Any, _: flags.Options) -> int:
    """Make the small drawing model again."""
    from app.drawing import train

    return train(given)


def back(given: Any, options: flags.Options) -> int:
    """List the safety copies of the database, or put one back."""
    code, text = restoring.restore(given, Path(options.data_dir), input)
    print(text, file=sys.stderr if code else sys.stdout)
    return code


def teach(given: Any, options: flags.Options) -> int:
    """Teach the language model over many people, and say where the adapter lies."""
    from app.teaching import train

    try:
        say = partial(print, flush=True)
        place = train(given, Path(options.models_dir), options.lm, say)
        print(f"The adapter lies in {place}")
    except (OSError, ValueError) as wrong:
        return fail(str(wrong))
    return 0


def populate(given: Any, _: flags.Options) -> int:
    """Learn what people share from a folder of their choices, and say how well it holds."""
    from app.populations import fit

    try:
        print(fit(given))
    except (OSError, ValueError) as wrong:
        return fail(str(wrong))
    return 0


def run(options: flags.Options) -> int:
    """Serve until interrupted."""
    from app.main import serve
    from app.picture_models import chosen
    from app.study_file import BadStudy
    from profiles.errors import Busy, Damaged, TooNew, Unwritable

    try:
        port = free_port(options.host, options.port, options.port_given)
    except Taken as wrong:
        return fail(str(wrong))
    if port != options.port:
        print(f"Port {options.port} is taken; using {port}.")
    draws = chosen(options, online=not options.offline)
    if options.pictures:
        print(draws.why_not or f"Pictures:  drawn by {draws.title}")
    print(f"Your data: {options.data_dir}")
    print(f"Penchant:  {address(replace(options, port=port))}  (Ctrl+C ends it)", flush=True)
    try:
        serve(replace(options, port=port), draws, partial(print, flush=True))
    except (BadStudy, Busy, Damaged, TooNew, Unwritable) as wrong:
        return fail(str(wrong))
    return 0


def address(options: flags.Options) -> str:
    """What to type into a browser on this machine."""
    scheme = "https" if options.tls_certfile else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(options.host, options.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{scheme}://{host}:{options.port}{options.root_path.rstrip('/')}"


class Taken(Exception):
    """No port could be had; the message names the cure."""


def free_port(host: str, port: int, given: bool) -> int:
    """The port, or the next free one when it was not asked for by name."""
    last = port if given else min(port + PORTS - 1, 65535)
    for candidate in range(port, last + 1):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as wrong:
                if wrong.errno == errno.EADDRINUSE:
                    continue
                why = wrong.strerror or str(wrong)
                raise Taken(f"cannot listen on {host}, port {candidate}: {why}") from None
            return candidate
    if given:
        raise Taken(f"port {port} is taken; close what uses it or choose another with --port")
    raise Taken(f"ports {port} to {last} are taken; choose another with --port")


def verb(given: Any, options: flags.Options) -> int:
    """Open the data folder, do one thing, print it."""
    from app.making import Unavailable
    from app.picture_models import chosen
    from app.studio import Studio
    from app.wire import Bad, Full, Missing
    from profiles.errors import Busy, Conflict, Damaged, TooNew

    try:
        with Studio.open(
            Path(options.data_dir), Path(options.models_dir), options.lm, options.cpu
        ) as studio:
            studio.metadata = not options.disable_metadata
            studio.maker.draws = chosen(options)
            whose = cli_people.whose(studio, getattr(given, "user", None))
            out = ACTIONS[given.command](studio, whose, given)
    except OSError as wrong:
        where = f": {wrong.filename}" if wrong.filename else ""
        return fail(f"{wrong.strerror or wrong}{where}", given.json)
    except (Bad, Full, Missing, Unavailable, Busy, Conflict, Damaged, TooNew) as wrong:
        return fail(str(wrong), given.json)
    print(json.dumps(out) if given.json else json.dumps(out, indent=2, ensure_ascii=False))
    return 0


def _new(studio: "Studio", user: int, given: Any) -> Any:
    return studio.new_profile(user, " ".join(given.name))


def _answer(studio: "Studio", user: int, given: Any) -> Any:
    words = given.outcome
    picks = all(w.isdecimal() for w in words)
    outcome = {"picks": [int(w) for w in words]} if picks else " ".join(words)
    return studio.answer(user, given.question, outcome, key=key(), source="command")


def key() -> str:
    """Every command is a new one: no two share an idempotency key."""
    return str(uuid.uuid4())


def _create(studio: "Studio", user: int, given: Any) -> Any:
    wanted = {"medium": given.medium, "prompt": " ".join(given.prompt),
              "n": given.n, "strength": given.strength, "seed": given.seed, "depth": given.depth,
              "max_tokens": 80}  # fmt: skip
    lines = studio.generate(user, given.profile, wanted, lambda: False)
    return [line for line in lines if line["type"] not in ("piece", "step")]


def _add(studio: "Studio", user: int, given: Any) -> Any:
    from app.wire import Bad

    texts, pictures = [], []
    for file in given.file:
        if file.suffix.lower() not in (".txt", ".md"):
            pictures.append((file.name, file.read_bytes()))
            continue
        try:
            texts.append(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise Bad(f"{file} is not text in UTF-8; save it so") from None
    made = studio.add_texts(user, given.profile, texts)["items"] if texts else []
    made += studio.add_pictures(user, given.profile, pictures)["items"] if pictures else []
    return {"items": made}


def _export(studio: "Studio", user: int, given: Any) -> Any:
    from profiles.disk import atomic_write

    body, _, _ = studio.export(user, given.profile, given.what, given.format, given.with_adapters)
    atomic_write(given.file, body)
    return {"file": str(given.file), "bytes": len(body)}


def _example(studio: "Studio", user: int, given: Any) -> Any:
    from app.examples import command

    return command(studio, user, given)


ACTIONS: dict[str, Callable[["Studio", int, Any], Any]] = {
    "profiles": lambda studio, user, _: {"profiles": studio.profiles(user)},
    "new": _new,
    "question": lambda studio, user, g: studio.question(user, g.profile, g.medium, g.kind),
    "answer": _answer,
    "undo": lambda studio, user, g: studio.undo(user, g.profile, g.medium, key()),
    "redo": lambda studio, user, g: studio.redo(user, g.profile, g.medium, key()),
    "belief": lambda studio, user, g: studio.belief(user, g.profile, g.medium),
    "create": _create,
    "add": _add,
    "export": _export,
    "import": lambda studio, user, g: studio.import_bundle(user, g.file.read_bytes()),
    "restore": lambda studio, user, g: studio.restore(user, g.profile, g.version),
    "delete": lambda studio, user, g: studio.delete_profile(user, g.profile),
    "backup": lambda studio, _user, _given: {"backup": studio.backup()},
    "example": _example,
    "tune": cli_keep.tune,
    "jobs": cli_keep.jobs,
    "job": cli_keep.job,
    "adapters": cli_keep.adapters,
    "adapter-export": cli_keep.export,
    "adapter-push": cli_keep.push,
    "adapter-import": cli_keep.bring,
    "users": cli_people.users,
    "audit": cli_people.audit,
    "token": cli_people.token,
}
OTHERS: dict[str, Callable[[Any, flags.Options], int]] = {
    "train-starter": draw,
    "train-fspo": teach,
    "fit-population": populate,
    "restore-backup": back,
}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
