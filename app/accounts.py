"""Names, passwords and session cookies. Without --auth there is one local user and no login."""

import hashlib
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

COOKIE = "penchant_session"
LASTS = 14 * 24 * 3600
TRIES, PAUSE = 5, 30.0


class LoginRefused(ValueError):
    """Wrong name or password, or too many tries."""


class Accounts:
    """Users given on the command line; sessions in the store, by hash only."""

    def __init__(self, store: Any, passwords: Mapping[str, str] | None) -> None:
        from argon2 import PasswordHasher

        self.store, self.required = store, bool(passwords)
        self._hasher = PasswordHasher()
        self._decoy = self._hasher.hash(secrets.token_hex(16)) if self.required else ""
        self._failed: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._names: dict[int, str] = {}
        for name, password in (passwords or {}).items():
            self._names[store.put_user(name, self._hasher.hash(password))] = name

    def login(self, name: str, password: str) -> str:
        """A new session token. LoginRefused after a wrong pair, and for a while after five."""
        from argon2.exceptions import VerificationError

        self._check_rate(name)
        user = self.store.user(name) if name in self._names.values() else None
        try:
            self._hasher.verify(user.password_hash if user else self._decoy, password)
            right = user is not None
        except VerificationError:
            right = False
        if not right or user is None:
            with self._lock:
                self._failed.setdefault(name, []).append(time.monotonic())
            raise LoginRefused("name or password is wrong; check them and try again")
        with self._lock:
            self._failed.pop(name, None)
        token = secrets.token_urlsafe(32)
        self.store.add_session(user.id, digest(token), time.time() + LASTS)
        return token

    def logout(self, token: str) -> None:
        self.store.end_session(digest(token))

    def who(self, token: str | None) -> int | None:
        """User id behind a cookie; the local user when no login is asked for."""
        if not self.required:
            return int(self.store.local_user())
        if not token:
            return None
        user: int | None = self.store.session_user(digest(token), time.time())
        return user if user in self._names else None

    def name(self, user_id: int) -> str:
        return self._names.get(user_id, "local")

    def _check_rate(self, name: str) -> None:
        now = time.monotonic()
        with self._lock:
            recent = [t for t in self._failed.get(name, []) if now - t < PAUSE]
            self._failed[name] = recent
            if len(self._failed) > 10_000:
                self._failed.clear()
        if len(recent) >= TRIES:
            raise LoginRefused(f"too many tries; wait {PAUSE:.0f} seconds and try again")


def digest(token: str) -> bytes:
    """What is stored of a token: its sha256, so that a stolen database opens no session."""
    return hashlib.sha256(token.encode()).digest()
