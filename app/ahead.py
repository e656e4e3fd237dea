"""Work that is done while a person looks: the next question, the refit, warming of models.

One background thread, one piece of work per key at a time. A failure is logged with its trace;
whoever needs the result does the work itself and meets the same error in the open.
"""

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

log = logging.getLogger("penchant")


class Ahead:
    """Runs callables by key, latest wins, after an optional quiet time in seconds.

    `meek`: its work stands back behind everything else that wants the processor, where the system
    can tell threads apart (Linux); the threads it starts inherit that.
    """

    def __init__(self, name: str = "ahead", meek: bool = False) -> None:
        self._meek = meek
        self._todo: OrderedDict[object, tuple[float, Callable[[], None]]] = OrderedDict()
        self._wake = threading.Condition()
        self._running: object = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def do(self, key: object, work: Callable[[], None], quiet: float = 0.0) -> None:
        """Queue `work`; a queued one of the same key is replaced (so `quiet` debounces)."""
        with self._wake:
            self._todo.pop(key, None)
            self._todo[key] = (time.monotonic() + quiet, work)
            self._wake.notify()

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until nothing is queued or running; TimeoutError after `seconds`."""
        with self._wake:
            self._todo = OrderedDict((k, (0.0, w)) for k, (_, w) in self._todo.items())
            self._wake.notify()
            if not self._wake.wait_for(lambda: not self._todo and self._running is None, seconds):
                raise TimeoutError(f"background work still running: {self._running!r}")

    def close(self) -> None:
        """Drop what is queued and end the thread."""
        with self._wake:
            self._closed = True
            self._todo.clear()
            self._wake.notify()
        self._thread.join(5)

    def _next(self) -> tuple[object, Callable[[], None]] | None:
        with self._wake:
            while not self._closed:
                now = time.monotonic()
                ready = [k for k, (at, _) in self._todo.items() if at <= now]
                if ready:
                    self._running = ready[0]
                    return ready[0], self._todo.pop(ready[0])[1]
                times = [at for at, _ in self._todo.values()]
                self._wake.wait(min(times) - now if times else None)
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
