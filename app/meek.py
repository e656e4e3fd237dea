"""Loading that stands back while somebody votes.

torch and transformers are thousands of modules, and the interpreter runs one thing at a time:
loaded in one go behind a busy page they held the votes of 200 people up for ten seconds. So before
each module that a `meekly` block imports it waits until no vote is under way, unless somebody waits
for what is being loaded.
"""

import builtins
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PAUSE = 0.002
MOST = 60.0


class Votes:
    """How many votes are under way. Of the event loop's thread; read from any."""

    def __init__(self) -> None:
        self.now = 0

    def __enter__(self) -> None:
        self.now += 1

    def __exit__(self, *_: object) -> None:
        self.now -= 1


VOTES = Votes()


class _Standing:
    """In place of __import__: the one place on the way of an import where no lock of the import
    system is held, so that others may import meanwhile.
    """

    def __init__(self, imports: Callable[..., Any], urgent: Callable[[], bool]) -> None:
        self.imports, self.urgent, self.left = imports, urgent, MOST
        self.thread = threading.get_ident()

    def __call__(self, name: str, *words: Any, **named: Any) -> Any:
        if threading.get_ident() == self.thread and name not in sys.modules:
            while VOTES.now and self.left > 0 and not self.urgent():
                begun = time.monotonic()
                time.sleep(PAUSE)  # on a busy machine several times as long
                self.left -= time.monotonic() - begun
        return self.imports(name, *words, **named)


@contextmanager
def meekly(urgent: Callable[[], bool]) -> Iterator[None]:
    """Imports of this thread wait for votes, a minute in all at most; none once it is `urgent`.

    What was loaded stays for good, so the collector of garbage need not look at it ever again.
    """
    before = builtins.__import__
    standing = _Standing(before, urgent)
    builtins.__import__ = standing
    try:
        yield
    finally:
        if builtins.__import__ is standing:
            builtins.__import__ = before
        standing.left = 0.0
        gc.collect()
        gc.freeze()
