"""Safety copies made by themselves: a restore without one is nothing.

One at the start when the last is older than a day or is not there, then one a day or after 500
answers, whichever comes first, in a thread of its own. Days are counted by the monotonic clock: a
clock that jumps makes at most one copy more. Every five minutes the whole file is compared with its
seal: what changes on the disk under a running studio is told in its terminal, with the way back.
"""

import logging
import sqlite3
import threading
import time

from profiles import backups
from profiles.errors import Damaged, Unwritable
from profiles.store import Store

DAY, ANSWERS, LOOK = 86_400.0, 500, 300.0
REASON = "daily"
log = logging.getLogger("penchant")


def start(store: Store) -> threading.Thread:
    """Ends by itself when the store is closed."""
    thread = threading.Thread(target=_run, args=(store,), name="penchant-copies", daemon=True)
    thread.start()
    return thread


def due(store: Store) -> bool:
    """At the start: whether there is something that the copies of the last day do not hold."""
    kept = backups.listed(store.folder)
    told = answered(store)
    if not told or (kept and kept[0].answers == told):
        return False
    young = [c for c in kept if abs(time.time() - c.path.stat().st_mtime) < DAY]
    return not young or told - young[0].answers >= ANSWERS


def answered(store: Store) -> int:
    """Rows of all logs: a number that changes with every answer."""
    sql = "SELECT count(*) FROM answers WHERE act = 'answer'"
    return int(store.read(lambda db: db.execute(sql).fetchone()[0]))


def _run(store: Store) -> None:
    pause = threading.Event()
    try:
        have, since = answered(store), time.monotonic()
        owed = due(store) and not _made(store)
        while not pause.wait(LOOK):
            store.compare()
            more = answered(store) - have
            if owed or more >= ANSWERS or (more and time.monotonic() - since >= DAY):
                owed = not _made(store)
                have, since = have + more, time.monotonic()
    except Unwritable:
        return  # the store is closed
    except Damaged as wrong:
        # No more copies: of the ten that are kept, none may make room for a damaged one.
        log.error("%s", wrong)
    except (OSError, sqlite3.Error) as wrong:
        log.warning("no safety copy could be made: %s", wrong)


def _made(store: Store) -> bool:
    """Whether there was room for a copy; where not, that is told, and tried again at the next look.

    Unwritable when the store is closed.
    """
    try:
        store.backup(reason=REASON)
    except (OSError, sqlite3.Error) as wrong:
        answered(store)
        log.warning("no safety copy could be made, it is tried again later: %s", wrong)
        return False
    return True
