"""launch.py study check, codes, status, export. Standard library only at the top: --help first."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.flags import Options
    from profiles.studies import Studies

ACTS = {
    "check": "read the file and say what is wrong with it, or what it asks",
    "codes": "make N codes, into NAME.codes.txt beside it",
    "status": "who took part: counts, minutes, attention",
    "export": "the data as a folder, or as one file OUT.zip",
}


def serving(p: argparse.ArgumentParser) -> None:
    """The flag of `launch.py run`."""
    text = "let participants in on /study; more than once for more, or a folder of such files"
    p.add_argument("--study", action="append", metavar="FILE.toml", help=text)


def command(commands: Any, shared: argparse.ArgumentParser) -> None:
    """The sub-command with its four acts."""
    text = "a study for researchers: check its file, make codes, see and take home its data"
    top = commands.add_parser("study", help=text, description=text, allow_abbrev=False)
    acts = top.add_subparsers(dest="act", metavar="ACT", required=True)
    for name, told in ACTS.items():
        p = acts.add_parser(name, parents=[shared], help=told, description=told, allow_abbrev=False)
        p.add_argument("file", type=Path, metavar="FILE.toml")
        if name == "codes":
            p.add_argument("n", type=int, metavar="N")
        if name == "export":
            p.add_argument("out", type=Path, metavar="OUT")
        p.add_argument("--json", action="store_true", help="JSON for programs")


class Wrong(Exception):
    """It cannot be done; the message names the cure."""


def study(given: Any, options: "Options") -> str:
    """Do one of the four; what to print."""
    from app.study_file import BadStudy
    from app.wire import Bad, Missing
    from profiles.errors import Busy, Damaged, TooNew

    try:
        told = DO[given.act](given, options)
    except OSError as wrong:
        raise Wrong(f"{wrong.strerror or wrong}: {wrong.filename}") from None
    except Busy as wrong:
        here = "while the studio runs, its Settings show and export the studies"
        raise Wrong(f"{wrong}; {here}") from None
    except (BadStudy, Bad, Missing, Damaged, TooNew) as wrong:
        raise Wrong(str(wrong)) from None
    say = told.pop("say")
    return json.dumps(told) if given.json else "\n".join(say)


def check(given: Any, _: "Options") -> dict[str, Any]:
    """The whole file, everything it shows included, and the plan of an imagined participant."""
    from app.study import load
    from app.study_plan import plan

    one = load(given.file)
    design, planned = one.design, plan(one.design, one.looked, "an imagined participant")
    roles = [p.role for p in planned]
    say = [f"{given.file.name} is in order: {design.title}"]
    for number, (block, looked) in enumerate(zip(design.blocks, one.looked, strict=True), 1):
        mine = [p for p in planned if p.block == number - 1]
        shown = "pairs" if block.form == "pair" else f"grids of {block.shown}"
        say.append(f"  {number}. {block.name}: {len(mine)} {shown} from {block.source}, "
                   f"{len({t.hash for t in looked.all()})} things")  # fmt: skip
    say.append(f"{len(planned)} questions each, {roles.count('repeat')} of them repeats, "
               f"{roles.count('attention')} attention")  # fmt: skip
    codes = len(one.codes())
    closed = f"{codes} codes" + ("" if codes else "; make some with `launch.py study codes`")
    say.append("open to everybody who has the link" if design.open else closed)
    say.append(f"sha256 of the file {design.digest}")
    return {
        "say": say, "title": design.title, "questions": len(planned), "codes": codes,
        "repeats": roles.count("repeat"), "attention": roles.count("attention"),
        "sha256": design.digest, "consent_sha256": design.consent_digest,
    }  # fmt: skip


def codes(given: Any, _: "Options") -> dict[str, Any]:
    """New codes after those that are there."""
    from app.study import codes_path, draw
    from app.study_file import read
    from app.wire import Bad

    design = read(given.file)
    if not 1 <= given.n <= 10_000:
        raise Bad(f"{given.n} codes cannot be made; ask for 1 to 10000 at once")
    path = codes_path(given.file)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    made = [draw() for _ in range(given.n)]
    if not path.exists():
        path.touch(mode=0o600)
    gap = "" if before.endswith("\n") or not before else "\n"
    path.write_text(before + gap + "".join(f"{code}\n" for code in made), encoding="utf-8")
    links = [f"/study?study={design.name}&code={code}" for code in made]
    say = [*links, f"{given.n} codes are in {path.name}. Hand each to one person, and keep the "
           "file apart from the data: who has it can answer as anybody in it."]  # fmt: skip
    return {"say": say, "file": str(path), "codes": made}


def status(given: Any, options: "Options") -> dict[str, Any]:
    from app.study_desk import status as counted

    told = _with(given, options, counted)
    minutes = told["median_minutes"]
    say = [
        f"participants  {told['started']}",
        f"completed     {told['completed']}",
        f"minutes       {'-' if minutes is None else minutes} (median of the completed)",
        f"attention     {told['attention_failed']} failed at least one",
    ]
    for p in told["participants"]:
        passed = (
            f", attention {p['attention_ok']} of {p['attention_of']}" if p["attention_of"] else ""
        )
        say.append(f"  {p['participant']}  {p['answered']} of {p['of']}{passed}")
    return {**told, "say": say}


def export(given: Any, options: "Options") -> dict[str, Any]:
    """A folder that is not there yet, or a zip."""
    from app.study_desk import export as made
    from app.wire import Bad
    from profiles.study_export import packed

    out: Path = given.out
    if out.exists() and (out.is_dir() or out.suffix != ".zip"):
        raise Bad(f"{out} is there already; name a new folder or a file NAME.zip")
    files = _with(given, options, made)
    if out.suffix == ".zip":
        out.write_bytes(packed(files, given.file.stem))
    else:
        out.mkdir(parents=True)
        for name, body in files.items():
            (out / name).write_bytes(body)
    rows = files["answers.jsonl"].count(b"\n")
    return {"say": [f"{rows} answers in {out}; codebook.md says what each column means"],
            "out": str(out), "answers": rows, "files": sorted(files)}  # fmt: skip


def _with(given: Any, options: "Options", work: Callable[["Studies", int], Any]) -> Any:
    """`work` on the study of this name in the data folder."""
    from app.wire import Missing
    from profiles.store import Store
    from profiles.studies import Studies

    with Store.open(Path(options.data_dir)) as store:
        rows = Studies(store)
        found = rows.named(given.file.stem)
        first = store.user(next(iter(options.auth))) if options.auth else None
        mine = first.id if first else store.local_user()
        # Run with --auth before and without it now: the only one of that name is meant.
        chosen = [s for s, user in found if user == mine] or [s for s, _ in found]
        if len(chosen) != 1:
            how = "more than once" if chosen else "not"
            raise Missing(
                f"study {given.file.stem!r} is {how} in {options.data_dir}; run it with --study "
                "first, or name its folder by --data-dir"
            )
        if given.act == "export":
            store.audit.note(mine, "study-export", study=chosen[0])
        return work(rows, chosen[0])


DO: dict[str, Callable[[Any, "Options"], dict[str, Any]]] = {
    "check": check, "codes": codes, "status": status, "export": export,
}  # fmt: skip
