"""`python -m tests.fuzz --minutes N TARGET`: hostile bytes at one reader, for as long as one likes.

Targets: bundle, safetensors (the check of an adapter's weights), adapter (its zip), image, outcome,
model (headers of a picture model). With atheris (tests/bench/requirements-fuzz.txt; Linux and
macOS) the code that is reached guides what is tried next; without it seeds are mutated at random,
which finds less. A reader may refuse in its own words; anything else is a crash, kept as a file and
printed. Prints one line of JSON: executions, crashes, seconds, the slowest, memory.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz_targets import TARGETS, Target

SLOW = 2.0
KEPT = str(Path(tempfile.gettempdir()) / "penchant-fuzz")


@dataclass
class Tally:
    """What one run did."""

    target: Target
    out: Path
    executions: int = 0
    slowest: float = 0.0
    slow: int = 0
    crashes: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def one(self, data: bytes) -> None:
        begun = time.perf_counter()
        try:
            self.target.read(data)
        except self.target.refuses:
            pass
        except Exception as wrong:  # noqa: BLE001 - this is what is looked for
            self._crash(wrong, data)
        seconds = time.perf_counter() - begun
        self.executions += 1
        self.slowest = max(self.slowest, seconds)
        self.slow += seconds > SLOW

    def _crash(self, wrong: Exception, data: bytes) -> None:
        """Each place in the code once."""
        last = traceback.extract_tb(wrong.__traceback__)[-1]
        where = f"{type(wrong).__name__} at {Path(last.filename).name}:{last.lineno}"
        if where not in self.seen:
            self.seen.add(where)
            self.out.mkdir(parents=True, exist_ok=True)
            (self.out / f"crash-{len(self.seen)}.bin").write_bytes(data)
            self.crashes.append(f"{where}: {wrong}"[:300])

    def told(self, seconds: float) -> dict[str, Any]:
        return {
            "executions": self.executions, "crashes": len(self.crashes), "slow": self.slow,
            "slowest_s": round(self.slowest, 3), "seconds": round(seconds, 1),
            "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "found": self.crashes,
        }  # fmt: skip


def mutations(seeds: list[bytes], rng: random.Random) -> Iterator[bytes]:
    """Seeds with a few changes each; what is odd in a number, a length or a text comes often."""
    while True:
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 4, 16))):
            _change(data, rng, seeds)
        yield bytes(data[: 1 << 20])


ODD = (b"\0", b"\xff" * 8, b"NaN", b"1e999", b"-1", b"9" * 30, b'"\\ud800"', b"[" * 40, b"{}",
       b"null", b"true", b"\n", b'"', b"\xff\xfe", b"../", b"\0" * 64)  # fmt: skip


def _change(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    kind = rng.randrange(7)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at : at + rng.choice((1, 4, 64, 4096))]
    elif kind == 2:
        data[at:at] = rng.choice(ODD)
    elif kind == 3:
        odd = rng.choice(ODD)
        data[at : at + len(odd)] = odd
    elif kind == 4:
        other = rng.choice(seeds)
        low = rng.randrange(len(other) + 1)
        data[at:at] = other[low : low + rng.choice((1, 16, 256))]
    elif kind == 5:
        data[at : at + 8] = rng.choice((0, 1, 2**31, 2**40, 2**64 - 1)).to_bytes(8, "little")
    else:
        data[at:at] = data[at : at + rng.choice((4, 64, 1024))] * rng.choice((1, 2, 50))


def at_random(tally: Tally, seconds: float, seed: int) -> None:
    """Without a guide."""
    until = time.monotonic() + seconds
    for data in mutations(tally.target.seeds(), random.Random(seed)):
        tally.one(data)
        if time.monotonic() > until:
            return


def functions(holder: Any, module: str) -> Iterator[Any]:
    """Those of a module and of its classes."""
    for value in list(vars(holder).values()):
        function = getattr(value, "__func__", value)
        if getattr(function, "__module__", "") != module:
            continue
        if isinstance(value, type):
            yield from functions(value, module)
        elif hasattr(function, "__code__"):
            yield function


def guided(tally: Tally, seconds: float, seed: int, done: Callable[[], None]) -> None:
    """By atheris, which ends the process itself: `done` is called before."""
    import atheris

    until = time.monotonic() + seconds
    folder = tally.out / "seeds"
    folder.mkdir(parents=True, exist_ok=True)
    for k, data in enumerate(tally.target.seeds()):
        (folder / str(k)).write_bytes(data)

    def one(data: bytes) -> None:
        tally.one(data)
        if time.monotonic() > until:
            done()
            sys.stdout.flush()
            os._exit(0)  # libFuzzer would take an ordinary end for a crash

    for name in tally.target.reaches:
        for function in functions(sys.modules[name], name):
            atheris.instrument_func(function)
    words = [sys.argv[0], "-max_len=65536", f"-seed={seed + 1}", "-rss_limit_mb=2048", str(folder)]
    atheris.Setup(words, one)
    atheris.Fuzz()


def main() -> int:
    given = _words()
    tally = Tally(TARGETS[given.target], Path(given.out) / given.target)
    begun = time.monotonic()

    def done() -> None:
        print(json.dumps({"target": given.target, "guided": not given.random,
                          **tally.told(time.monotonic() - begun)}), flush=True)  # fmt: skip

    if given.random:
        at_random(tally, 60 * given.minutes, given.seed)
        done()
        return len(tally.crashes) > 0
    guided(tally, 60 * given.minutes, given.seed, done)
    return 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=KEPT, help="where crashes are kept")
    parser.add_argument("--random", action="store_true", help="without atheris")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
