"""Long work as rows and processes: start, follow, pause, stop, take over what came out.

The row says what the person asked for and how it ended; everything that moves is read from the
job's folder, so that every page of every browser shows the same. The process is nobody's child in
spirit: it goes on when the studio is closed, and the next studio finds it again by pid and time of
birth. Only this file turns what a worker staged into something the person has.
"""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from app.wire import Bad, Missing

log = logging.getLogger("penchant")
FOLLOW = 0.5
TAIL = 65_536
RECENT = 60.0
SAMPLE = re.compile(r"\d{5}-\d\.png")
OVER = ("done", "failed", "stopped")
CAN = {
    "queued": ("discard",),
    "running": ("pause", "stop", "discard"),
    "paused": ("resume", "discard"),
    "interrupted": ("resume", "discard"),
    "failed": ("resume", "discard"),
}
ROOT = Path(__file__).resolve().parent.parent


class Runner(Protocol):
    """Where jobs run. `start` returns at once or, inline, when the job is over."""

    def start(self, folder: Path) -> None: ...

    def alive(self, folder: Path) -> bool:
        """Whether somebody works on this folder now."""


class Processes:
    """One process a job, in a session of its own: it outlives the studio. The default."""

    def start(self, folder: Path) -> None:
        with open(folder / "output.txt", "ab") as out:
            made = subprocess.Popen(
                [sys.executable, "-m", "engine.worker", str(folder)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        # Reaped when it ends, or it would stay behind as a zombie.
        threading.Thread(target=made.wait, daemon=True).start()
        _claim(folder, made.pid)

    def alive(self, folder: Path) -> bool:
        from engine.worker import started

        heart = read(folder / "heart.json")
        return bool(heart) and started(int(heart["pid"])) == heart["born"]


class Inline:
    """In this process, to the end, before `start` returns: for tests and small things."""

    def start(self, folder: Path) -> None:
        from engine.worker import work

        work(folder)

    def alive(self, folder: Path) -> bool:
        return False


def _claim(folder: Path, pid: int) -> None:
    """A heartbeat on behalf of a process that is still importing its libraries."""
    from engine.worker import started

    told = {"pid": pid, "born": started(pid), "state": "starting", "at": time.time(),
            "done": 0, "total": 0, "message": "starting"}  # fmt: skip
    part = folder / ".claim"
    part.write_text(json.dumps(told))
    os.replace(part, folder / "heart.json")


# Takes over out/ of a job that ended well: (row, folder, end) -> what to add to its progress.
Commit = Callable[[Mapping[str, Any], Path, Mapping[str, Any]], dict[str, Any]]


class Jobs:
    """All jobs of one data folder. One runs at a time; the others wait in order."""

    def __init__(self, work: Any, folder: Path, commit: Commit, runner: Runner,
                 tell: Callable[[int], None] = lambda _: None) -> None:  # fmt: skip
        self.rows, self.folder, self.commit, self.runner, self.tell = (
            work, folder, commit, runner, tell,
        )  # fmt: skip
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        if self.rows.open_jobs():
            self._follow()

    def close(self) -> None:
        """Stop following; running jobs go on."""
        self._closed = True
        self._wake.set()
        if self._thread:
            self._thread.join(10)

    # verbs

    def add(
        self, who: tuple[int, int], what: str, request: Mapping[str, Any],
        files: Mapping[str, str | bytes],
    ) -> int:  # fmt: skip
        """Write the row and the inputs, all or nothing, and start it when nothing else runs.

        `request` and `files` together are all a worker gets; "FOLDER" stands for the job's place.
        """
        if any(j["user_id"] == who[0] and j["state"] != "interrupted" for j in self._waiting()):
            raise Bad("something is being tuned already; wait for it, or stop it on the Keep page")
        with self._lock:
            number = self.rows.add_job(who[0], what, request, who[1])
            try:
                self._write(
                    self.place(number), {**files, "job.json": json.dumps({"what": what, **request})}
                )
            except OSError as wrong:
                self._tidy(number)
                self.rows.change_job(number, "stopped", {"words": "thrown away"})
                text = f"this could not be set up ({wrong.strerror}); make room on the disk"
                raise Bad(f"{text} and start it again") from wrong
        self._follow()
        self.step()
        return int(number)

    def _write(self, folder: Path, files: Mapping[str, str | bytes]) -> None:
        folder.mkdir(parents=True, mode=0o700)
        for name, body in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(body.encode() if isinstance(body, str) else body)

    def wish(self, job: int, wish: str) -> None:
        """pause, resume, stop (keeping what was learnt) or discard."""
        with self._lock:
            row = self._row(job)
            if wish not in CAN.get(row["state"], ()):
                raise Bad(f"this job is {row['state']}; it cannot {wish} now")
            folder = self.place(job)
            if wish == "resume":
                (folder / "wish").unlink(missing_ok=True)
                (folder / "end.json").unlink(missing_ok=True)
                self.rows.change_job(job, "queued", row["progress"])
            elif row["state"] == "running":
                (folder / ".wish").write_text(wish)
                os.replace(folder / ".wish", folder / "wish")
            else:
                self.rows.change_job(job, "stopped", {"words": "thrown away"})
                self._tidy(job)
        self._follow()
        self.step()
        self._told(row)

    def shown(self, job: int, full: bool = False) -> dict[str, Any]:
        """The job as a page shows it: row, live numbers, and in full its curve and samples."""
        row = self._row(job)
        folder = self.place(job)
        heart = read(folder / "heart.json") or {}
        live = heart if row["state"] == "running" else row["progress"]
        told = {
            "id": job, "what": row["what"], "state": row["state"], "error": row["error"],
            "profile": row["profile_id"], "created": row["created"],
            "name": row["request"].get("card", {}).get("name", ""),
            "preset": row["request"].get("card", {}).get("preset", ""),
            "done": live.get("done", 0), "total": live.get("total", 0),
            "message": live.get("message") or row["progress"].get("words", ""),
            "wish": _text(folder / "wish") if row["state"] == "running" else "",
            "can": list(CAN.get(row["state"], ())), "adapter": row["progress"].get("adapter"),
        }  # fmt: skip
        if row["state"] == "running":
            told["eta"] = eta(tail(folder / "log.jsonl"), time.time())
        if full:
            told["curve"] = curve(folder / "log.jsonl")
            # A step that was done again after a kill is there twice; the last one counts.
            rows = {row["step"]: row for row in lines(folder / "samples.jsonl")}
            told["samples"] = [rows[step] for step in sorted(rows)]
        return told

    def of_profile(self, user: int, profile: int) -> list[dict[str, Any]]:
        """Newest first, without what was thrown away."""
        rows = [r for r in self.rows.jobs(user) if r["profile_id"] == profile]
        return [self.shown(r["id"]) for r in rows if r["progress"].get("words") != "thrown away"]

    def running(self, profile: int) -> dict[str, Any] | None:
        """What the header says of a profile: its job that is not over, or that just failed."""
        found = [j for j in self._waiting() if j["profile_id"] == profile]
        if not found and (last := self.rows.last_job(profile)) and last["state"] == "failed":
            found = [last]
        return self.shown(found[0]["id"]) if found else None

    def owned(self, user: int, job: int) -> None:
        """Missing unless the job is this user's."""
        if self._row(job)["user_id"] != user:
            raise Missing(f"there is no job {job} here; load the page again")

    def sample(self, user: int, job: int, name: str) -> Path:
        """A picture that a job of this user drew on its way."""
        self.owned(user, job)
        place = self.place(job) / "samples" / name
        if not SAMPLE.fullmatch(name) or not place.exists():
            raise Missing(f"job {job} has no sample {name[:40]!r}")
        return place

    def place(self, job: int) -> Path:
        return self.folder / str(job)

    def forget(self, profile: int) -> None:
        """Before a profile is deleted: stop its jobs and remove their folders."""
        for row in self._waiting():
            if row["profile_id"] == profile:
                self._kill(row["id"])
        for place in self.folder.glob("*"):
            if place.name.isdigit() and self._profile_of(int(place.name)) in (profile, None):
                shutil.rmtree(place, ignore_errors=True)

    # following

    def step(self) -> None:
        """Look once at everything that is not over; start the next when nothing runs."""
        with self._lock:
            before = {r["id"]: r for r in self._waiting()}
            for row in before.values():
                if row["state"] == "running":
                    self._look(row)
            rows = self._waiting()
            if not any(r["state"] == "running" for r in rows):
                queued = [r for r in rows if r["state"] == "queued"]
                if queued:
                    self._start(queued[0])
            after = {r["id"]: r for r in self._waiting()}
        for number, row in {**before, **after}.items():
            then, now = (found.get(number, {}).get("state") for found in (before, after))
            if then != now or now == "running":
                self._told(row)

    def _told(self, row: Mapping[str, Any]) -> None:
        """Whoever looks at the profile of this job sees that it moved; nobody else does."""
        if row["profile_id"] is not None:
            self.tell(int(row["profile_id"]))

    def _start(self, row: Mapping[str, Any]) -> None:
        self.rows.change_job(row["id"], "running", row["progress"])
        self.runner.start(self.place(row["id"]))
        self._look(self.rows.job(row["id"]))

    def _look(self, row: Mapping[str, Any]) -> None:
        folder = self.place(row["id"])
        # Asked before end.json is read: a worker that ends in between has written it by then.
        alive = self.runner.alive(folder)
        end = read(folder / "end.json")
        if end:
            self._ended(row, folder, end)
        elif not alive:
            heart = read(folder / "heart.json") or {}
            self.rows.change_job(row["id"], "interrupted", heart, "its process ended unexpectedly")

    def _ended(self, row: Mapping[str, Any], folder: Path, end: Mapping[str, Any]) -> None:
        progress = dict(end)
        if end["state"] in ("done", "stopped") and (folder / "out").exists():
            progress |= self.commit(row, folder, end)
        error = end["words"] if end["state"] == "failed" else ""
        self.rows.change_job(row["id"], end["state"], progress, error)
        if end["state"] in ("done", "stopped"):
            # A person's own pictures do not stay behind where nobody would look for them.
            for name in ("checkpoints", "out", "pictures"):
                shutil.rmtree(folder / name, ignore_errors=True)

    def _follow(self) -> None:
        with self._lock:
            if self._closed or (self._thread and self._thread.is_alive()):
                self._wake.set()
                return
            self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            try:
                self.step()
                if not any(r["state"] in ("running", "queued") for r in self._waiting()):
                    with self._lock:
                        self._thread = None
                    return
            except Exception:  # noqa: BLE001 - following goes on; the row keeps its last state
                log.exception("a job could not be followed")
            self._wake.wait(FOLLOW)
            self._wake.clear()

    def _waiting(self) -> list[dict[str, Any]]:
        return list(self.rows.open_jobs())

    def _row(self, job: int) -> dict[str, Any]:
        try:
            return dict(self.rows.job(job))
        except KeyError:
            raise Missing(f"there is no job {job} here; load the page again") from None

    def _profile_of(self, job: int) -> int | None:
        try:
            found = self.rows.job(job)["profile_id"]
        except KeyError:
            return None
        return int(found) if found is not None else None

    def _kill(self, job: int) -> None:
        import psutil

        folder = self.place(job)
        if self.runner.alive(folder):
            heart = read(folder / "heart.json") or {}
            process = psutil.Process(int(heart["pid"]))
            process.kill()
            process.wait(10)
        self.rows.change_job(job, "stopped", {"words": "thrown away"})

    def _tidy(self, job: int) -> None:
        shutil.rmtree(self.place(job), ignore_errors=True)


def read(path: Path) -> dict[str, Any]:
    """A JSON file, or {} when it is not there, or torn by a power loss."""
    try:
        return dict(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def _text(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a JSONL file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(True) if line.endswith("\n")]


def tail(path: Path) -> list[dict[str, Any]]:
    """The last lines of a log, however long it has grown."""
    if not path.exists():
        return []
    with open(path, "rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL))
        whole = [line for line in stream.read().split(b"\n")[1 if stream.tell() > TAIL else 0 :]]
    return [json.loads(line) for line in whole if line.endswith(b"}")]


def eta(log_lines: list[dict[str, Any]], now: float) -> float | None:
    """Seconds to go, from the speed of the last minute; None before the second step."""
    steps = [x for x in log_lines if x["message"] != "reading your answers" and x["done"]]
    recent = [x for x in steps if x["at"] >= steps[-1]["at"] - RECENT] if steps else []
    if len(recent) < 2 or recent[-1]["done"] <= recent[0]["done"]:
        return None
    pace = (recent[-1]["at"] - recent[0]["at"]) / (recent[-1]["done"] - recent[0]["done"])
    left = (recent[-1]["total"] - recent[-1]["done"]) * pace
    return float(max(0.0, round(left - (now - recent[-1]["at"]), 1)))


def curve(path: Path) -> list[dict[str, Any]]:
    """Step and numbers of every step; a step done again after a resume counts once."""
    steps = {x["done"]: {"step": x["done"], **x["metrics"]} for x in lines(path) if x["metrics"]}
    return [steps[k] for k in sorted(steps)]
