"""What opens the door: sessions of browsers and tokens of programs, by hash only.

All of them are held in memory, so that a request costs one hash and one look; every change goes
through here and into the store, so that what was ended opens nothing from then on. How long one
lasts is counted by the machine's own clock of seconds, which no change of date moves.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LASTS = 14 * 24 * 3600
INVITED = 24 * 3600
SESSION, PROGRAM, INVITE, RESET = "session", "program", "invite", "reset"
MARK = "penchant_"


@dataclass(frozen=True)
class Held:
    """One of them. `until` on the clock in use; None: for good."""

    hash: bytes
    user: int | None
    kind: str
    about: Mapping[str, Any]
    created: float
    until: float | None

    @property
    def id(self) -> str:
        """What a person names it by; opens nothing."""
        return self.hash.hex()[:16]


class Sessions:
    """Everything that is held for one data folder."""

    def __init__(self, store: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self.clock = store, clock
        self._lock = threading.Lock()
        self._held: dict[bytes, Held] = {}
        now, wall = clock(), time.time()
        for row in store.logins.held():
            left = None if row.expires is None else min(row.expires - wall, LASTS)
            if left is None or left > 0:
                until = None if left is None else now + left
                self._put(Held(row.hash, row.user, row.kind, row.about, row.created, until))

    def find(self, token: str | None, *kinds: str) -> Held | None:
        """What this token opens, if it is one of these kinds and still holds."""
        if not token or len(token) > 200:
            return None
        held = self._held.get(digest(token))
        if held is None or held.kind not in kinds:
            return None
        return held if held.until is None or self.clock() < held.until else None

    def holds(self, key: bytes) -> bool:
        """Whether what had this hash still opens the door."""
        held = self._held.get(key)
        return held is not None and (held.until is None or self.clock() < held.until)

    def open(self, user: int, about: Mapping[str, Any], most: int) -> str:
        """A new session of a browser; the oldest of this user beyond `most` end."""
        token = secrets.token_urlsafe(32)
        key, now = digest(token), time.time()
        keep = self.store.logins.add_session(user, key, now + LASTS, about, most or 10_000)
        with self._lock:
            self._put(Held(key, user, SESSION, dict(about), now, self.clock() + LASTS))
            for held in list(self._held.values()):
                if held.user == user and held.kind == SESSION and held.hash not in keep:
                    del self._held[held.hash]
        return token

    def issue(self, user: int | None, kind: str, label: str) -> str:
        """A token of another kind: for a program for good, for a person once within a day."""
        token = (MARK if kind == PROGRAM else "") + secrets.token_urlsafe(32)
        lasts = None if kind == PROGRAM else INVITED
        now = time.time()
        until = None if lasts is None else now + lasts
        self.store.logins.add_token(user, digest(token), kind, label, until)
        ends = None if lasts is None else self.clock() + lasts
        self._put(Held(digest(token), user, kind, {"label": label}, now, ends))
        return token

    def of(self, user: int, *kinds: str) -> list[Held]:
        """Oldest first."""
        now = self.clock()
        return [h for h in list(self._held.values()) if h.user == user and h.kind in kinds
                and (h.until is None or now < h.until)]  # fmt: skip

    def end(self, which: list[Held]) -> None:
        """These open nothing any more, from now on and after a restart."""
        with self._lock:
            for held in which:
                self._held.pop(held.hash, None)
        self.store.logins.end([held.hash for held in which])

    def _put(self, held: Held) -> None:
        self._held[held.hash] = held


def digest(token: str) -> bytes:
    """What is stored of a token: its sha256, so that a stolen database opens no session."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
