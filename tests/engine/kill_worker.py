"""Kills a training at random moments and takes it up again: does it end in the same numbers?

`python -m tests.engine.kill_worker FOLDER KILLS SEED [pictures]` prints JSON. Everything is
imported once; every attempt is a fork that runs the real worker on a tiny model and checkpoints
after every step, so that about half of its time is spent inside checkpoint writes.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

WORDS = "abc def ghi jkl mno pqr stu vwx".split()
STEPS = 400


def order(folder: Path, model: Path, cache: Path, steps: int = STEPS, **more: Any) -> Path:
    """A job folder as the studio writes it."""
    from engine.objectives.base import Example
    from engine.tuning import write_examples

    folder.mkdir(parents=True)
    pairs = [Example(f"say {w}", (f"yes {w} indeed!", f"no {w}.")) for w in WORDS]
    settings = {"steps": steps, "rate": 1e-2, "held_out": 0.25, "check_every": 100, "batch": 2,
                **more}  # fmt: skip
    job = {"what": "tune", "model": str(model), "cpu": True, "settings": settings, "base": {},
           "prompts": ["say hi"], "cache": str(cache), "card": {"name": "t"}}  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "examples.json").write_text(write_examples([pairs]))
    return folder


def save_tiny(folder: Path) -> Path:
    """The tiny model as a folder that the worker loads."""
    from tests.tiny import tiny_lm

    lm = tiny_lm(layers=2)
    lm.model.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    return folder


def attempt(folder: Path) -> int:
    """One worker in a fork of this process."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        quiet = os.open(folder / "output.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        from engine.worker import work

        code = 0 if work(folder) == "done" else 1
    finally:
        os._exit(code)


def weights(folder: Path) -> bytes:
    return (folder / "out" / "person-0" / "adapter_model.safetensors").read_bytes()


def main(place: Path, kills: int, seed: int, medium: str = "words") -> dict[str, Any]:
    os.environ["PENCHANT_SAVE_EVERY"] = "0"
    import engine.gauges  # noqa: F401 - imported once, before any fork
    import engine.training  # noqa: F401
    from engine.worker import work

    save, ordered = _kind(medium)
    # Loading takes most of a short run with pictures; kills shall meet its steps as well.
    reach = 0.3 if medium == "words" else 0.9
    model = save(place / "model")
    whole = ordered(place / "whole", model, place / "cache" / "whole.bin")
    begun = time.monotonic()
    assert work(whole) == "done", (whole / "end.json").read_text()
    length = time.monotonic() - begun
    rng, done, runs, differ, inside = random.Random(seed), 0, 0, 0, 0
    while done < kills:
        runs += 1
        folder = ordered(place / f"run{runs}", model, place / "cache" / f"{runs}.bin")
        while True:
            pid = attempt(folder)
            wait = rng.uniform(0.02, length * reach)
            if done < kills and not _ended(pid, wait):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                done += 1
                inside += bool(list((folder / "checkpoints").glob(".part-*")))
                continue
            if done >= kills and not _ended(pid, 600):
                raise RuntimeError("the last run did not end")
            break
        differ += weights(folder) != weights(whole)
        shutil.rmtree(folder)
    return {"kills": done, "runs": runs, "differ": differ, "inside_checkpoints": inside,
            "seconds_unkilled": round(length, 2)}  # fmt: skip


def _kind(medium: str) -> tuple[Any, Any]:
    """How a tiny model of this kind is saved and a job for it is written."""
    if medium == "pictures":
        import engine.backbones.diffusion  # noqa: F401
        import engine.encoders.lite0  # noqa: F401
        from tests.engine import picture_job

        return picture_job.save_tiny, picture_job.order
    import engine.backbones.causal_lm  # noqa: F401

    return save_tiny, order


def _ended(pid: int, seconds: float) -> bool:
    """Whether the process ended by itself within the time; RuntimeError when it failed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            if status:
                raise RuntimeError(f"a worker failed with {status}")
            return True
        time.sleep(0.005)
    return False


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])))
