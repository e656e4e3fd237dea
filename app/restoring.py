"""launch.py restore-backup: list the safety copies of the database, and put one back.

It opens no studio: it is there for the day on which none can be opened.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profiles.backups import Copy


def words(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "copy", metavar="COPY", nargs="?",
        help="its number in the list, 1 is the newest; without one they are listed",
    )  # fmt: skip
    p.add_argument("--yes", action="store_true", help="do not ask; without COPY: the newest")
    p.add_argument(
        "--as-it-is", action="store_true",
        help="go on with the file that is there, where every row of it can be read",
    )  # fmt: skip


def restore(given: Any, folder: Path, ask: Callable[[str], str]) -> tuple[int, str]:
    """(exit status, what to say)."""
    from profiles.backups import listed
    from profiles.errors import Busy, Damaged

    if not folder.is_dir():
        return 2, f"{folder} is not there; name the data folder with --data-dir"
    try:
        if given.as_it_is:
            return _as_it_is(folder)
        copies = listed(folder)
        if not copies:
            return 2, (
                f"there is no safety copy in {folder / 'backups'}; --as-it-is goes on with what "
                "can be read"
            )
        if given.copy is None and not given.yes:
            return 0, _list(copies)
        number = given.copy or "1"
        if not number.isdecimal() or not 1 <= int(number) <= len(copies):
            return 2, f"there is no copy {number}; choose 1 to {len(copies)}\n{_list(copies)}"
        chosen = copies[int(number) - 1]
        if not given.yes and ask(f"{_line(chosen)}\nPut it back? [y/N] ").strip().lower() != "y":
            return 1, "nothing was changed"
        return 0, _put_back(folder, chosen)
    except (Busy, Damaged) as wrong:
        return 2, str(wrong)
    except OSError as wrong:
        return 2, f"{wrong}; what was there is still there: make room on the disk and try again"


def compared(folder: Path) -> str:
    """Every byte against the seal, where no studio is writing; and the newest safety copy."""
    try:
        from profiles import backups, opening, seal
        from profiles.errors import Busy
    except ImportError:
        return "ok"
    kept = backups.listed(folder)
    copies = (
        f"{len(kept)} safety copies, the newest of {kept[0].made}" if kept else "no safety copy"
    )
    try:
        lock = opening.lock_folder(folder)
    except Busy:
        return f"ok (in use: not every byte was compared); {copies}"
    try:
        sealed = seal.Seal(folder / backups.FILE).look(mend=False)
        told = "ok, every byte as it was written" if sealed else "ok"
        return f"{told}; {copies}"
    except seal.Changed as wrong:
        return str(wrong)
    finally:
        lock.release()


def _put_back(folder: Path, chosen: "Copy") -> str:
    from profiles.restoring import restore as put

    made = put(folder, chosen)
    missing = (
        "how many answers came after it cannot be told: the old file is not readable"
        if made.missing is None
        else f"{made.missing} later answers are not in it"
    )
    return (
        f"Put back: {_line(chosen)}\n{missing[0].upper()}{missing[1:]}.\n"
        "Everybody logs in again, and programs need new tokens; passwords and locks are those of "
        "the copy.\n"
        f"The old files are kept in {made.aside}; start the studio, and remove them when all is "
        "well."
    )


def _as_it_is(folder: Path) -> tuple[int, str]:
    from profiles.restoring import as_it_is
    from profiles.store import Store

    aside = as_it_is(folder)
    Store.open(folder).close()
    return 0, f"Every row can be read; the file is used as it is. A copy is kept in {aside}."


def _list(copies: "list[Copy]") -> str:
    lines = [f"{n:>3}  {_line(copy)}" for n, copy in enumerate(copies, 1)]
    return "\n".join([*lines, "launch.py restore-backup 1 puts the newest back."])


def _line(copy: "Copy") -> str:
    holds = (
        "cannot be read"
        if copy.answers < 0
        else f"{copy.answers} answers in {copy.profiles} profiles"
    )
    return f"{copy.made}, {holds}, {copy.size / 1e6:.1f} MB, {copy.reason} ({copy.path.name})"
