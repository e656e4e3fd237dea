"""What one person may ask of the studio: numbers, and the meters that hold them. All in memory.

People who log in share a machine and are held to LIMITS; somebody alone on theirs is held to
ALONE, which only stops a program that runs away. --limits NAME=NUMBER,.. changes both, 0 lifts one.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace

from app.wire import Bad, Full

MINUTE = 60.0


@dataclass(frozen=True)
class Limits:
    """0 is no limit. `queue` is for everybody together, the others for each person."""

    comparisons: int = 120
    acts: int = 60
    sessions: int = 8
    queue: int = 64
    making: int = 4
    profiles: int = 200
    items: int = 5000
    requests: int = 16
    streams: int = 16


LIMITS = Limits()
ALONE = Limits(comparisons=15_000, acts=6_000, making=64, items=50_000, requests=0, streams=0)
NAMES = tuple(f.name for f in fields(Limits))
SAID = {
    "comparisons": "answers a minute",
    "acts": "exports, imports and deletions a minute",
    "requests": "things at once",
    "streams": "open pages",
}


class Window:
    """At most `most` in any minute; the times of the last ones are kept."""

    def __init__(self) -> None:
        self.times: deque[float] = deque()

    def take(self, most: int, now: float) -> float:
        """0 and one more, or the seconds until there is room."""
        while self.times and now - self.times[0] >= MINUTE:
            self.times.popleft()
        if len(self.times) >= most:
            return MINUTE - (now - self.times[0])
        self.times.append(now)
        return 0.0


class Rules:
    """The limits of everybody, and what they have used of them."""

    def __init__(
        self, standard: Limits = ALONE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.standard, self.clock = standard, clock
        self._lock = threading.Lock()
        self._own: dict[int, Limits] = {}
        self._windows: dict[tuple[int, str], Window] = {}
        self._now: dict[tuple[int, str], int] = {}

    def of(self, user: int) -> Limits:
        return self._own.get(user, self.standard)

    def set(self, user: int, given: Mapping[str, int]) -> None:
        """This person's own numbers; what is not among them is as for everybody."""
        unknown = set(given) - (set(NAMES) - {"queue"})
        if unknown or any(not 0 <= n < 10**9 for n in given.values()):
            raise Bad(f"a person's limits are numbers from 0 for {', '.join(NAMES)}, not queue")
        self._own[user] = replace(self.standard, **given)

    def told(self, user: int) -> dict[str, int]:
        return asdict(self.of(user))

    def spend(self, user: int, what: str) -> None:
        """One of what is counted by the minute; Full says when there is room again."""
        most = int(getattr(self.of(user), what))
        if not most:
            return
        with self._lock:
            window = self._windows.setdefault((user, what), Window())
            wait = window.take(most, self.clock())
        if wait:
            text = f"that is more than {most} {SAID[what]}; wait {int(wait) + 1} seconds"
            raise Full(text, int(wait) + 1)

    def enter(self, user: int, what: str) -> None:
        """One more of what is counted at once; Full when there are too many. `leave` ends it."""
        most, key = int(getattr(self.of(user), what)), (user, what)
        with self._lock:
            now = self._now.get(key, 0)
            if most and now >= most:
                text = f"that is more than {most} {SAID[what]}; wait for one to end"
                raise Full(text, 1)
            self._now[key] = now + 1

    def leave(self, user: int, what: str) -> None:
        with self._lock:
            left = self._now.get((user, what), 1) - 1
            if left > 0:
                self._now[user, what] = left
            else:
                self._now.pop((user, what), None)

    def making(self, user: int, most: int) -> None:
        """One more in the queue of what is made, `most` at the utmost. `made` takes it out."""
        whole = min(self.standard.queue or most, most)
        with self._lock:
            there = sum(n for (_, what), n in self._now.items() if what == "making")
            if there >= whole:
                raise Full(f"{there} things are being made already; try again in half a minute", 30)
            mine = self._now.get((user, "making"), 0)
            if self.of(user).making and mine >= self.of(user).making:
                raise Full(f"{mine} things of yours are being made; wait for one of them", 10)
            self._now[user, "making"] = mine + 1

    def made(self, user: int) -> None:
        self.leave(user, "making")

    def room(self, user: int, what: str, there: int, noun: str) -> None:
        """Bad when somebody has as many of a thing as they may."""
        most = int(getattr(self.of(user), what))
        if most and there >= most:
            raise Bad(f"there are {there} {noun} already, {most} is the most; delete some first")
