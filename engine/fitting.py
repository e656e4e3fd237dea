"""Fits in a process of their own: `python -m engine.fitting` reads frames and answers each.

While many people vote at once, a fit inside the server would hold its interpreter for a tenth of
a second; here it takes the processor that is left over. A frame is one line of JSON with the number
of bytes that follow, then safetensors. In: method, space, comparisons and the arrays ids, matrix,
mean, var (points). Out: the state of the belief, or an error in words. numpy only: it is up in half
a second. `Fitter` is the caller's side.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Comparison, Features, Outcome, Question
from engine.preference import PREFERENCE
from engine.preference.base import Prior

Arrays = Mapping[str, NDArray[Any]]
NICE = 10


class Failed(RuntimeError):
    """The process did not answer, or said why it could not fit."""


def pack(
    method: str, comparisons: Sequence[Comparison], features: Features, prior: Prior
) -> tuple[dict[str, Any], Arrays]:
    """A fit as a frame; of the features only what the answers are about."""
    items = sorted({i for c in comparisons for i in c.question.items})
    told = [[c.seq, c.question.items, c.outcome.json(), c.strength] for c in comparisons]
    arrays: dict[str, NDArray[Any]] = {
        "ids": np.array(items, np.int64), "matrix": features.of(items),
        "mean": np.asarray(prior.mean), "var": np.asarray(prior.var),
    }  # fmt: skip
    if prior.points is not None:
        arrays["points"] = np.asarray(prior.points)
    return {"method": method, "space": prior.space, "comparisons": told}, arrays


def unpack(
    head: Mapping[str, Any], arrays: Arrays
) -> tuple[str, list[Comparison], Features, Prior]:
    """The inverse of pack, as far as a fit can tell."""
    space = str(head["space"])
    told = [
        Comparison(seq, Question(0, 0, "picture", tuple(shown), ""), Outcome.parse(said, shown), k)
        for seq, shown, said, k in head["comparisons"]
    ]
    prior = Prior(space, arrays["mean"], arrays["var"], arrays.get("points"))
    return str(head["method"]), told, Features(space, arrays["ids"], arrays["matrix"]), prior


def send(stream: IO[bytes], head: Mapping[str, Any], arrays: Arrays) -> None:
    from safetensors.numpy import save

    body = save({k: np.ascontiguousarray(v) for k, v in arrays.items()})
    stream.write(json.dumps({**head, "bytes": len(body)}).encode() + b"\n" + body)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], Arrays] | None:
    """The next frame; None at the end of the stream."""
    from safetensors.numpy import load

    line = stream.readline()
    if not line:
        return None
    head = json.loads(line)
    body = stream.read(head["bytes"])
    if len(body) != head["bytes"]:
        return None
    return head, load(body)


class Fitter:
    """The process, started at the first fit and again after it died. One fit at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def fit(
        self, method: str, comparisons: Sequence[Comparison], features: Features, prior: Prior
    ) -> Any:
        """The belief, equal to the last bit to one that is fitted here. Failed otherwise."""
        head, arrays = pack(method, comparisons, features, prior)
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                send(process.stdin, head, arrays)
                found = receive(process.stdout)
            except OSError:
                found = None
            except BaseException:
                self._end()  # what is left in the pipe would be taken for the next person's
                raise
            if found is None:
                self._end()
                raise Failed("the process that fits ended")
        told, state = found
        if "error" in told:
            raise Failed(told["error"])
        return PREFERENCE[method].load().from_state(state, prior.space)

    def close(self) -> None:
        """End the process, in the middle of a fit too."""
        self._end()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            root = str(Path(__file__).resolve().parents[1])
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.fitting"],
                cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(5)


def _stand_back() -> None:
    """Behind everything else that wants the processor."""
    os.nice(NICE)
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def main() -> None:
    _stand_back()
    while (frame := receive(sys.stdin.buffer)) is not None:
        try:
            method, told, features, prior = unpack(*frame)
            state = PREFERENCE[method].load().fit(told, features, prior).state()
        except Exception as wrong:  # noqa: BLE001 - one fit that cannot be made ends no other
            send(sys.stdout.buffer, {"error": f"{type(wrong).__name__}: {wrong}"}, {})
        else:
            send(sys.stdout.buffer, {}, state)


if __name__ == "__main__":
    main()
