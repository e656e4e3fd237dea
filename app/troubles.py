"""The last errors, kept in the data folder without their content: for a report of a bug.

Of each: when, how grave, which line of the program said it, the kind of exception and the lines of
ours it went through. No message is kept: one may hold a name, a prompt or a path.
"""

import json
import logging
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Any

from app.flags import ROOT

FILE, KEPT = "errors.jsonl", 20
LOGGERS = ("penchant", "uvicorn.error")


class Troubles(logging.Handler):
    """Keeps warnings and worse of this process in FILE; what cannot be written is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.WARNING)
        self.file = folder / FILE
        self.rows: deque[dict[str, Any]] = deque(last(folder), maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        kind, trace = (record.exc_info or (None, None, None))[::2]
        self.rows.append({
            "at": round(record.created), "level": record.levelname,
            "said": _place(record.pathname, record.lineno),
            "kind": kind.__name__ if isinstance(kind, type) else "",
            "through": _ours(trace),
        })  # fmt: skip
        part = self.file.with_name(f".{FILE}.part")
        try:
            part.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
            part.chmod(0o600)
            part.replace(self.file)
        except OSError:
            return  # a full disk is told where it matters


def listen(folder: Path) -> Troubles:
    """From now on; close it with `remove`."""
    handler = Troubles(folder)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
    return handler


def remove(handler: Troubles) -> None:
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(handler)


def last(folder: Path) -> list[dict[str, Any]]:
    """Oldest first; a damaged line is left out."""
    rows = []
    try:
        lines = (folder / FILE).read_text().splitlines()[-KEPT:]
    except (OSError, UnicodeDecodeError):
        return []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _ours(trace: Any) -> list[str]:
    """Up to four places of our code, innermost last, and the library line it ended in."""
    frames = traceback.extract_tb(trace) if trace is not None else []
    mine = [
        f for f in frames if Path(f.filename).is_relative_to(ROOT) and ".venv" not in f.filename
    ]
    kept = mine[-4:]
    if frames and frames[-1] not in kept:
        kept = [*kept, frames[-1]]
    return [f"{_place(f.filename, f.lineno)} {f.name}" for f in kept]


def _place(file: str, line: int | None) -> str:
    """A file of ours from the root of the program; of others only the package and the name."""
    path = Path(file)
    if path.is_relative_to(ROOT) and ".venv" not in path.parts:
        return f"{path.relative_to(ROOT)}:{line}"
    return f"{'/'.join(path.parts[-2:])}:{line}"


def in_words(rows: list[dict[str, Any]]) -> list[str]:
    """One line each, with what fits no pattern of ours left out."""
    said = []
    for row in rows:
        try:
            at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(float(row["at"])))
            through = " < ".join(map(str, reversed(row["through"])))
            said.append(
                f"{at} {row['level']} {row['kind'] or '-'} at {row['said']} {through}".strip()
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    return said
