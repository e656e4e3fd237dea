"""Guessing passwords is slow: a pause that grows, for the name and for the address it comes from.

Five wrong tries for a name, twenty from an address, then a pause of 30 seconds that doubles with
every further wrong try up to 15 minutes. Tries during a pause are refused unseen and make it no
longer, so that nobody is locked out for ever; and who got in from an address before is counted
there by themselves, so that a stranger cannot keep them out. Time is the machine's own clock of
seconds, which no change of date moves.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

NAME_TRIES, ADDRESS_TRIES = 5, 20
FIRST, LONGEST = 30.0, 900.0
# A count is forgotten after this long without a wrong try.
FORGET = 3600.0
KEPT = 10_000


class Wait(ValueError):
    """Too many tries; `seconds` until the next is looked at."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds))
        super().__init__(f"too many tries; wait {self.seconds} seconds and try again")


@dataclass
class _Count:
    wrong: int = 0
    until: float = 0.0
    last: float = 0.0


class Lockout:
    """Counts in memory, the oldest forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()
        self._trusted: set[tuple[str, str]] = set()

    def take(self, name: str, address: str) -> None:
        """Count a try as wrong before it is looked at; Wait while a pause runs."""
        keys, now = self._keys(name, address), self.clock()
        with self._lock:
            counts = [self._count(key, now) for key, _ in keys]
            pause = max(c.until - now for c in counts)
            if pause > 0:
                raise Wait(pause)
            for count, (_, most) in zip(counts, keys, strict=True):
                count.wrong, count.last = count.wrong + 1, now
                if count.wrong >= most:
                    count.until = now + min(LONGEST, FIRST * 2.0 ** min(count.wrong - most, 20))

    def right(self, name: str, address: str) -> None:
        """The try was right after all: the name starts at nothing, the address takes one back."""
        with self._lock:
            self._counts.pop(("name", name), None)
            self._counts.pop(("pair", name, address), None)
            if (count := self._counts.get(("address", address))) is not None:
                count.wrong, count.until = max(0, count.wrong - 1), 0.0
            self._trusted.add((name, address))
            if len(self._trusted) > KEPT:
                self._trusted.clear()

    def back(self, name: str, address: str) -> None:
        """The try was not looked at: it counts for nothing."""
        with self._lock:
            for key, most in self._keys(name, address):
                if (count := self._counts.get(key)) is not None:
                    count.wrong = max(0, count.wrong - 1)
                    count.until = count.until if count.wrong >= most else 0.0

    def trust(self, name: str, address: str) -> None:
        """Somebody of this name got in from here before."""
        self._trusted.add((name, address))

    def _keys(self, name: str, address: str) -> tuple[tuple[tuple[str, ...], int], ...]:
        known = (name, address) in self._trusted
        mine = ("pair", name, address) if known else ("name", name)
        return (mine, NAME_TRIES), (("address", address), ADDRESS_TRIES)

    def _count(self, key: tuple[str, ...], now: float) -> _Count:
        count = self._counts.pop(key, None)
        if count is None or now - max(count.last, count.until) > FORGET:
            count = _Count()
        self._counts[key] = count
        while len(self._counts) > KEPT:
            self._counts.popitem(last=False)
        return count
