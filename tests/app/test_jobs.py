"""Jobs as rows and folders: what every page sees, and what a lost process leaves behind."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from app.jobs import Jobs, Processes, curve, eta, tail
from app.wire import Bad, Missing


class Rows:
    """The store's rows in memory."""

    def __init__(self) -> None:
        self.all: dict[int, dict[str, Any]] = {}

    def add_job(self, user: int, what: str, request: Any, profile: int | None) -> int:
        number = len(self.all) + 1
        self.all[number] = {
            "id": number, "user_id": user, "profile_id": profile, "what": what, "state": "queued",
            "request": dict(request), "progress": {}, "error": "", "created": 0.0, "changed": 0.0,
        }  # fmt: skip
        return number

    def change_job(self, job: int, state: str, progress: Any = None, error: str = "") -> None:
        self.all[job] |= {"state": state, "progress": dict(progress or {}), "error": error}

    def job(self, number: int) -> dict[str, Any]:
        return dict(self.all[number])

    def jobs(self, user: int) -> list[dict[str, Any]]:
        return [r for r in reversed(self.all.values()) if r["user_id"] == user]

    def last_job(self, profile: int) -> dict[str, Any] | None:
        mine = [r for r in self.all.values() if r["profile_id"] == profile]
        return dict(mine[-1]) if mine else None

    def open_jobs(self) -> list[dict[str, Any]]:
        over = ("done", "failed", "stopped")
        return [dict(r) for r in self.all.values() if r["state"] not in over]


class Hands:
    """A runner whose worker is the test itself."""

    def __init__(self) -> None:
        self.working: set[Path] = set()

    def start(self, folder: Path) -> None:
        self.working.add(folder)

    def alive(self, folder: Path) -> bool:
        return folder in self.working

    def end(self, folder: Path, state: str, out: bool = True) -> None:
        if out:
            (folder / "out").mkdir(exist_ok=True)
        told = {"state": state, "words": "as it went", "done": 3, "total": 3}
        (folder / "end.json").write_text(json.dumps(told))
        self.working.discard(folder)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def taken() -> list[int]:
    return []


@pytest.fixture
def jobs(tmp_path: Path, hands: Hands, taken: list[int]) -> Any:
    def commit(row: Any, folder: Path, end: Any) -> dict[str, Any]:
        taken.append(row["id"])
        return {"adapter": 7}

    made = Jobs(Rows(), tmp_path, commit, hands)
    yield made
    made.close()


def start(jobs: Jobs, user: int = 1) -> int:
    return jobs.add((user, 5), "tune", {"card": {"name": "mine"}}, {"examples.json": "[]"})


def test_a_job_runs_and_what_it_staged_is_taken_over_once(jobs, hands, taken) -> None:
    job = start(jobs)
    assert jobs.shown(job)["state"] == "running" and jobs.shown(job)["name"] == "mine"
    hands.end(jobs.place(job), "done")
    jobs.step()
    jobs.step()
    shown = jobs.shown(job)
    assert shown["state"] == "done" and shown["adapter"] == 7 and taken == [job]


def test_one_at_a_time_the_next_person_waits(jobs, hands) -> None:
    first, second = start(jobs, 1), start(jobs, 2)
    assert jobs.shown(second)["state"] == "queued"
    hands.end(jobs.place(first), "done")
    jobs.step()
    assert jobs.shown(second)["state"] == "running"


def test_a_person_tunes_one_thing_at_a_time(jobs) -> None:
    start(jobs)
    with pytest.raises(Bad, match="already"):
        start(jobs)


def test_a_lost_process_is_seen_and_taken_up_again(jobs, hands, taken) -> None:
    job = start(jobs)
    hands.working.clear()
    jobs.step()
    shown = jobs.shown(job)
    assert shown["state"] == "interrupted" and "resume" in shown["can"]
    jobs.wish(job, "resume")
    assert jobs.shown(job)["state"] == "running"
    hands.end(jobs.place(job), "done")
    jobs.step()
    assert taken == [job]


def test_the_next_studio_finds_a_job_that_went_on(jobs, hands, taken, tmp_path) -> None:
    job = start(jobs)
    jobs.close()
    hands.end(jobs.place(job), "done")
    again = Jobs(jobs.rows, tmp_path, jobs.commit, hands)
    deadline = time.monotonic() + 5
    while again.shown(job)["state"] != "done" and time.monotonic() < deadline:
        time.sleep(0.02)
    again.close()
    assert taken == [job]


def test_wishes_are_files_for_a_running_worker(jobs) -> None:
    job = start(jobs)
    jobs.wish(job, "pause")
    assert (jobs.place(job) / "wish").read_text() == "pause"
    with pytest.raises(Bad, match="cannot resume"):
        jobs.wish(job, "resume")


def test_a_paused_job_resumes_without_the_old_wish(jobs, hands) -> None:
    job = start(jobs)
    jobs.wish(job, "pause")
    hands.end(jobs.place(job), "paused", out=False)
    jobs.step()
    assert jobs.shown(job)["can"] == ["resume", "discard"]
    jobs.wish(job, "resume")
    assert not (jobs.place(job) / "wish").exists() and jobs.shown(job)["state"] == "running"


def test_what_is_thrown_away_is_gone(jobs, hands) -> None:
    job = start(jobs)
    jobs.wish(job, "pause")
    hands.end(jobs.place(job), "paused", out=False)
    jobs.step()
    jobs.wish(job, "discard")
    assert not jobs.place(job).exists() and jobs.of_profile(1, 5) == []


def test_a_failure_says_why_and_can_be_tried_again(jobs, hands) -> None:
    job = start(jobs)
    hands.end(jobs.place(job), "failed", out=False)
    jobs.step()
    assert jobs.shown(job)["error"] == "as it went"
    told = jobs.running(5)
    assert told and told["id"] == job and told["can"] == ["resume", "discard"]
    jobs.wish(job, "discard")
    assert jobs.running(5) is None


def test_other_peoples_jobs_are_not_there(jobs) -> None:
    job = start(jobs)
    with pytest.raises(Missing):
        jobs.owned(2, job)
    with pytest.raises(Missing):
        jobs.shown(99)


def test_a_deleted_profile_leaves_no_folder(jobs, hands) -> None:
    job = start(jobs)
    hands.end(jobs.place(job), "done")
    jobs.step()
    jobs.forget(5)
    assert not jobs.place(job).exists()


def test_another_process_with_the_same_number_is_not_ours(tmp_path: Path) -> None:
    told = {"pid": 1, "born": 12.5}
    (tmp_path / "heart.json").write_text(json.dumps(told))
    assert not Processes().alive(tmp_path)


def test_the_time_left_comes_from_the_last_minute() -> None:
    lines = [{"at": 10.0 * k, "done": k, "total": 20, "message": "learning", "metrics": {}}
             for k in range(1, 11)]  # fmt: skip
    assert eta(lines, now=100.0) == 100.0
    assert eta(lines[:1], now=10.0) is None


def test_the_curve_counts_a_repeated_step_once_and_leaves_out_half_a_line(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    rows = [(1, 0.7), (2, 0.6), (2, 0.5)]
    text = "".join(json.dumps({"done": s, "metrics": {"loss": x}}) + "\n" for s, x in rows)
    log.write_text(text + '{"done": 3, "met')
    assert curve(log) == [{"step": 1, "loss": 0.7}, {"step": 2, "loss": 0.5}]
    assert [x["done"] for x in tail(log)] == [1, 2, 2]


def test_samples_of_a_step_that_was_done_again_are_shown_once(jobs) -> None:
    job = start(jobs)
    rows = [{"step": 0, "win": 0.5}, {"step": 4, "win": 0.6}, {"step": 4, "win": 0.7}]
    text = "".join(json.dumps(r) + "\n" for r in rows)
    (jobs.place(job) / "samples.jsonl").write_text(text)
    assert jobs.shown(job, full=True)["samples"] == [rows[0], rows[2]]
