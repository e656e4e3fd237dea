"""`python -m engine.worker FOLDER`: one job in its own process, with nothing but a folder.

The folder holds what to do (job.json and its inputs), and takes what happens: heart.json (who
works, since when, how far), log.jsonl (every Progress), checkpoints/, and at the end out/ and
end.json, written last. The wish of the person stands in `wish`: pause, stop (and keep) or discard.
The process knows no database; only the server takes over what lies in out/.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from engine import checkpoints
from engine.data import Progress
from engine.memory import ran_out
from engine.registry import Entry, Registry

TASKS = Registry(
    "job",
    {
        "tune": Entry("engine.tuning:Tuning", "Tune the language model", "LoRA"),
        "tune_pictures": Entry(
            "engine.tuning_pictures:PictureTuning", "Tune the picture model", "LoRA"
        ),
    },
)
SAVE_EVERY = 20.0
WISHES = ("pause", "stop", "discard")


class Task(Protocol):
    """What a kind of job brings. `run` may be left at any yield."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None: ...

    def prepare(self) -> Iterator[Progress]:
        """Everything before the first step."""

    def run(self) -> Iterator[Progress]:
        """From the restored state to the end."""

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tensors and numbers."""

    def restore(self, tensors: dict[str, Any], numbers: dict[str, Any]) -> None: ...

    def finish(self, out: Path) -> str:
        """Write the result to `out`, whole or not at all; words for the person."""


def work(folder: Path) -> str:
    """Do the job of the folder, from its newest checkpoint; returns how it ended."""
    desk = Desk(folder)
    (folder / "end.json").unlink(missing_ok=True)
    desk.beat("running", Progress(0, 0, "starting"))
    try:
        request = json.loads((folder / "job.json").read_text())
        task = TASKS[request["what"]].load()(folder, request)
        ended = _through(desk, task)
    except Exception as wrong:  # noqa: BLE001 - the one place where a job's failure becomes words
        if ran_out(wrong):
            return desk.end("failed", "there is not enough memory; close other programs and resume")
        traceback.print_exc()
        return desk.end("failed", f"{wrong}" or type(wrong).__name__)
    return ended


def _through(desk: "Desk", task: Task) -> str:
    found, keeps = checkpoints.newest(desk.folder / "checkpoints"), False
    for progress in task.prepare():
        desk.tell(progress)
        wish = desk.wish()
        # What an earlier start has learnt is kept, however early the wish comes.
        keeps = wish == "stop" and found is not None
        if keeps:
            break
        if wish:
            return desk.end(*_unstarted(wish, found is not None))
    if found:
        task.restore(*found)
        step = int(found[1]["step"])
        desk.tell(Progress(step, step if keeps else progress.total, progress.message))
    if not keeps and (ended := _learnt(desk, task)):
        return ended
    words = task.finish(desk.folder / "out")
    return desk.end("stopped" if desk.wish() == "stop" else "done", words)


def _learnt(desk: "Desk", task: Task) -> str:
    """Run the steps; how it ended, or "" when there is something to finish."""
    saved = time.monotonic()
    for progress in task.run():
        desk.tell(progress)
        wish = desk.wish()
        if wish == "pause" or time.monotonic() - saved > desk.save_every:
            tensors, numbers = task.state()
            checkpoints.save(desk.folder / "checkpoints", progress.done, tensors, numbers)
            saved = time.monotonic()
        if wish == "pause":
            return desk.end("paused", "paused; nothing is lost")
        if wish == "discard":
            return desk.end("stopped", "stopped and thrown away")
        if wish == "stop":
            break
    return ""


def _unstarted(wish: str, begun: bool) -> tuple[str, str]:
    if wish == "discard":
        return "stopped", "stopped and thrown away"
    if wish == "pause":
        return "paused", "paused; nothing is lost" if begun else "paused before the first step"
    return "stopped", "stopped before the first step; there is nothing to keep"


class Desk:
    """The files of one job as its worker writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.born = started(os.getpid())
        self.save_every = float(os.environ.get("PENCHANT_SAVE_EVERY", SAVE_EVERY))
        self._log = open(folder / "log.jsonl", "a", encoding="utf-8")  # noqa: SIM115 - lives as long
        self._told = Progress(0, 0)

    def tell(self, progress: Progress) -> None:
        """A line for the page, and a heartbeat."""
        self._told = progress
        line = {"at": round(time.time(), 3), "done": progress.done, "total": progress.total,
                "message": progress.message, "metrics": dict(progress.metrics)}  # fmt: skip
        self._log.write(json.dumps(line) + "\n")
        self._log.flush()
        self.beat("running", progress)

    def beat(self, state: str, progress: Progress) -> None:
        """heart.json: replaced as a whole, not synced: it tells of now only."""
        told = {"pid": os.getpid(), "born": self.born, "state": state, "at": time.time(),
                "done": progress.done, "total": progress.total,
                "message": progress.message}  # fmt: skip
        part = self.folder / ".heart"
        part.write_text(json.dumps(told))
        os.replace(part, self.folder / "heart.json")

    def wish(self) -> str:
        try:
            found = (self.folder / "wish").read_text().strip()
        except FileNotFoundError:
            return ""
        return found if found in WISHES else ""

    def end(self, state: str, words: str) -> str:
        """The last thing a worker writes."""
        self._log.close()
        told = {"state": state, "words": words, "done": self._told.done, "total": self._told.total}
        checkpoints.write_atomic(self.folder / "end.json", json.dumps(told))
        return state


def started(pid: int) -> float | None:
    """When the process of this number started, to tell it from a later one; None when gone.

    Where the system counts from its own start (Linux), so do we: psutil adds the time of day at
    which that was, and says something else after the clock was set.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            return float(stat.read_text().rpartition(")")[2].split()[19])
        return float(process.create_time())
    except (psutil.Error, OSError):
        return None


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m engine.worker FOLDER\n")
        return 2
    os.umask(0o077)
    # The studio and whoever sits in front of it come first.
    os.nice(5)
    return 0 if work(Path(sys.argv[1])) in ("done", "stopped", "paused") else 1


if __name__ == "__main__":
    raise SystemExit(main())
