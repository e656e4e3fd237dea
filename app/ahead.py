"""Work that is done while a person looks: the next question, the refit, warming of models.

One background thread, one piece of work per key at a time. A failure is logged with its trace;
whoever needs the result does the work itself and meets the same error in the open.
"""

import heapq
import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

log = logging.getLogger("penchant")


class Ahead:
    """Runs callables by key, latest wins, after an optional quiet time in seconds; what is due
    first comes first. Queueing costs the same however much is queued, and wakes nobody early.

    `meek`: its work stands back behind everything else that wants the processor, where the system
    can tell threads apart (Linux); the threads it starts inherit that.
    """

    def __init__(self, name: str = "ahead", meek: bool = False) -> None:
        self._name, self._meek = name, meek
        self._slow: Ahead | None = None
        self._todo: dict[object, tuple[float, int, Callable[[], None]]] = {}
        # (when, number, key); an entry whose number is not the one in _todo was replaced.
        self._order: list[tuple[float, int, object]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._running: object = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def slowly(self, key: object, work: Callable[[], None], quiet: float = 0.0) -> None:
        """Like do, in a thread of its own: what takes long does not stand before what is quick."""
        with self._wake:
            if self._slow is None:
                self._slow = Ahead(f"{self._name}-slow", self._meek)
        self._slow.do(key, work, quiet)

    def crowd(self) -> int:
        """How many pieces of slow work wait although their time has come."""
        return 0 if self._slow is None else self._slow.waiting()

    def waiting(self) -> int:
        """How many pieces of work wait although their time has come."""
        with self._wake:
            now = time.monotonic()
            return sum(at <= now for at, _, _ in self._todo.values())

    def do(self, key: object, work: Callable[[], None], quiet: float = 0.0) -> None:
        """Queue `work`; a queued one of the same key is replaced (so `quiet` debounces), but where
        its time had come it keeps its turn: however often it is asked for, it is done.
        """
        with self._wake:
            first, now, number = self._first(), time.monotonic(), next(self._numbers)
            old = self._todo.get(key)
            at = old[0] if old is not None and old[0] <= now else now + quiet
            self._todo[key] = (at, number, work)
            heapq.heappush(self._order, (at, number, key))
            if first is None or at < first:
                self._wake.notify_all()

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until nothing is queued or running; TimeoutError after `seconds`."""
        with self._wake:
            self._todo = {k: (0.0, n, work) for k, (_, n, work) in self._todo.items()}
            self._order = [(0.0, n, key) for key, (_, n, _) in self._todo.items()]
            heapq.heapify(self._order)
            self._wake.notify_all()
            if not self._wake.wait_for(lambda: not self._todo and self._running is None, seconds):
                raise TimeoutError(f"background work still running: {self._running!r}")
        if self._slow is not None:
            self._slow.settle(seconds)

    def close(self) -> None:
        """Drop what is queued and end the thread."""
        with self._wake:
            self._closed = True
            self._todo.clear()
            self._wake.notify_all()
        if self._slow is not None:
            self._slow.close()
        self._thread.join(5)

    def _first(self) -> float | None:
        """When the next piece of work is due. Under the lock."""
        while self._order:
            at, number, key = self._order[0]
            if key in self._todo and self._todo[key][1] == number:
                return at
            heapq.heappop(self._order)
        return None

    def _next(self) -> tuple[object, Callable[[], None]] | None:
        with self._wake:
            while not self._closed:
                at, now = self._first(), time.monotonic()
                if at is not None and at <= now:
                    self._running = key = heapq.heappop(self._order)[2]
                    return key, self._todo.pop(key)[2]
                self._wake.wait(None if at is None else at - now)
        return None

    def _run(self) -> None:
        if self._meek and sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        while (job := self._next()) is not None:
            try:
                job[1]()
            except Exception:  # noqa: BLE001 - the thread must outlive one failed piece of work
                log.exception("background work %r failed", job[0])
            with self._wake:
                self._running = None
                self._wake.notify_all()
