"""One job in its own process: wishes, checkpoints, kills; on a tiny model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import checkpoints
from engine.adapter import Adapter
from engine.reference import DiskCache
from engine.worker import Desk, started, work
from tests.engine.kill_worker import order, save_tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def folder(tmp_path: Path, model: Path) -> Path:
    return order(tmp_path / "1", model, tmp_path / "cache.bin", 8, check_every=4, rate=1e-6)


def end(folder: Path) -> dict:
    return json.loads((folder / "end.json").read_text())


def test_a_job_ends_in_an_adapter_with_its_card(folder: Path) -> None:
    assert work(folder) == "done"
    made = Adapter.load(folder / "out" / "person-0")
    assert made.rank == 8 and made.card["steps"] == 8 and "kl" in made.card["measured"]
    samples = [json.loads(x) for x in (folder / "samples.jsonl").read_text().splitlines()]
    assert [s["step"] for s in samples] == [0, 4, 8], "the base model's text comes first"
    assert len((folder / "log.jsonl").read_text().splitlines()) >= 8


@pytest.mark.parametrize(("wish", "state", "kept"), [
    ("pause", "paused", False), ("stop", "stopped", True), ("discard", "stopped", False),
])  # fmt: skip
def test_a_wish_is_granted_at_the_next_step(folder: Path, monkeypatch, wish, state, kept) -> None:
    told = Desk.tell

    def tell(self: Desk, progress) -> None:
        told(self, progress)
        if progress.done == 3 and progress.metrics:
            (folder / "wish").write_text(wish)

    monkeypatch.setattr(Desk, "tell", tell)
    assert work(folder) == state
    assert (folder / "out").exists() == kept
    if wish == "pause":
        (folder / "wish").unlink()
        assert work(folder) == "done"
        steps = [json.loads(x) for x in (folder / "log.jsonl").read_text().splitlines()]
        assert [s["done"] for s in steps if "loss" in s["metrics"]] == [1, 2, 3, 4, 5, 6, 7, 8]


def wishing(monkeypatch: pytest.MonkeyPatch, folder: Path, wish: str, when: Any) -> None:
    """The wish comes as soon as `when` says so of what was told."""
    told = Desk.tell

    def tell(self: Desk, progress: Any) -> None:
        told(self, progress)
        if when(progress):
            (folder / "wish").write_text(wish)

    monkeypatch.setattr(Desk, "tell", tell)


@pytest.mark.parametrize(("wish", "state"), [("stop", "stopped"), ("pause", "paused")])
def test_a_wish_before_the_first_new_step_keeps_what_was_learnt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wish: str, state: str
) -> None:
    with monkeypatch.context() as early:
        wishing(early, folder, "pause", lambda p: p.done == 3 and p.metrics)
        assert work(folder) == "paused"
    (folder / "wish").write_text(wish)
    assert work(folder) == state
    if wish == "stop":
        assert Adapter.load(folder / "out" / "person-0").card["steps"] == 3
        assert end(folder)["done"] == 3
    else:
        assert end(folder)["words"] == "paused; nothing is lost"
        assert checkpoints.newest(folder / "checkpoints")[1]["step"] == 3


def test_a_failure_is_told_in_words(folder: Path) -> None:
    (folder / "examples.json").write_text("[[]]")
    assert work(folder) == "failed"
    assert "nothing to learn from" in end(folder)["words"]


def test_a_process_does_the_same(folder: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "engine.worker", str(folder)], cwd=ROOT, check=False,
        capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr.decode()[-500:]
    heart = json.loads((folder / "heart.json").read_text())
    assert started(heart["pid"]) is None, "it is gone, and that can be seen"


def test_killed_runs_end_in_the_same_numbers(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.engine.kill_worker", str(tmp_path), "12", "3"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-800:]
    told = json.loads(made.stdout.splitlines()[-1])
    assert told["kills"] == 12 and told["differ"] == 0


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    value = {"x": torch.arange(4.0)}
    for step in (1, 2):
        checkpoints.save(tmp_path, step, {"x": value["x"] + step}, {"n": step})
    (tmp_path / "00000002" / checkpoints.TENSORS).write_bytes(b"torn")
    (tmp_path / ".part-dead").mkdir()
    tensors, numbers = checkpoints.newest(tmp_path)
    assert numbers["step"] == 1 and torch.equal(tensors["x"], value["x"] + 1)
    assert not list(tmp_path.glob(".part-*"))


def test_only_the_last_checkpoints_stay(tmp_path: Path) -> None:
    for step in range(5):
        checkpoints.save(tmp_path, step, {"x": torch.zeros(1)}, {})
    assert [f.name for f in checkpoints.folders(tmp_path)] == ["00000003", "00000004"]


def test_reference_values_outlive_a_torn_end(tmp_path: Path) -> None:
    cache, keys = DiskCache(tmp_path / "c" / "r.bin"), [bytes([i]) * 32 for i in range(3)]
    cache.put(keys, [1.5, -2.0, 3.25])
    assert not DiskCache(cache.path).has(keys), "nothing is on disk before keep"
    cache.keep()
    with open(cache.path, "ab") as stream:
        stream.write(b"half a record")
    again = DiskCache(cache.path)
    assert again.get(keys) == [1.5, -2.0, 3.25]
    assert cache.path.stat().st_size == 3 * 44


def test_a_process_is_the_same_after_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken for gone, a training would be started a second time in the same folder."""
    import psutil

    before = started(os.getpid())
    linux = getattr(psutil, "_pslinux", None)
    if linux is not None:
        boot = linux.boot_time()
        monkeypatch.setattr(linux, "boot_time", lambda: boot - 3.2e7)
    assert before is not None and started(os.getpid()) == before
