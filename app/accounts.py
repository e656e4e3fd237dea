"""Who is who: names and passwords, the keeper, the first token. Without any there is one local
user and no login.

Users come from --auth, or they chose their own password with a token; from then on this data
folder asks for a login whatever the flags say. Sessions stand in sessions.py, pauses after wrong
tries in lockout.py.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.limits import Rules, Window
from app.lockout import Lockout
from app.lockout import Wait as Wait
from app.sessions import INVITE, PROGRAM, RESET, SESSION, Held, Sessions
from app.wire import Bad, Full, Missing

COOKIE = "penchant_session"
LOCAL = ""
SHORTEST, LONGEST = 8, 200
# Passwords are checked two at a time: one takes 64 MB of memory and most of a core.
AT_ONCE, WAITING = 2, 16
# Rows about failed logins a minute: from one address, and in all.
FROM_ONE, FROM_ALL = 1, 30


class LoginRefused(ValueError):
    """Wrong name or password, or a token that is none."""


@dataclass(frozen=True)
class Caller:
    """Who asks: by the cookie of a browser, by the token of a program, or alone on the machine."""

    user: int
    by: str
    admin: bool
    key: bytes = b""


class Accounts:
    """One per studio. `passwords`: from the flags; `admin`: who keeps the studio, by name, else
    the first of them; `first`: the token that the first person of all sets up an account with.
    """

    def __init__(  # noqa: PLR0913 - what the flags say
        self, store: Any, passwords: Mapping[str, str] | None, rules: Rules | None = None,
        admin: str | None = None, first: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        from argon2 import PasswordHasher

        self.store, self.rules = store, rules or Rules()
        self.lockout, self.sessions = Lockout(clock), Sessions(store, clock)
        self._hasher = PasswordHasher()
        self._checking, self._lock = threading.BoundedSemaphore(AT_ONCE), threading.Lock()
        self._queued = 0
        self._admin = admin
        self._windows: dict[str, Window] = {}
        self._unsaid, self._clock = 0, clock
        self._given = list(passwords or {})
        for name, password in (passwords or {}).items():
            store.put_user(name, self._hasher.hash(password))
        self._users: dict[int, Any] = {}
        self._seen: dict[int, float] = {}
        self.read()
        own = any(u.own for u in self._users.values())
        self._first = None if own else first
        self.required = bool(self._given or first or own)
        # What an unknown name is checked against, so that it takes as long as a known one.
        self._decoy = self._hasher.hash(secrets.token_hex(16)) if self.required else ""
        for user in self._users.values():
            for held in self.sessions.of(user.id, SESSION):
                self.lockout.trust(user.name, str(held.about.get("address", "")))

    def read(self) -> None:
        """Who may log in, as the store has it now."""
        known = self.store.logins.users()
        self._users = {u.id: u for u in known if u.own or u.name in self._given}
        for user in self._users.values():
            if user.limits:
                self.rules.set(user.id, user.limits)

    # who asks

    def caller(self, cookie: str | None, bearer: str | None) -> Caller | None:
        """None when nobody is known by these."""
        if not self.required:
            return Caller(int(self.store.local_user()), "local", True)
        held = (self.sessions.find(bearer, PROGRAM) if bearer
                else self.sessions.find(cookie, SESSION))  # fmt: skip
        known = self._users.get(held.user) if held is not None and held.user else None
        if held is None or known is None or known.locked:
            return None
        self._seen[known.id] = time.time()
        return Caller(known.id, held.kind, held.kind == SESSION and self.is_admin(known.id),
                      held.hash)  # fmt: skip

    def still(self, caller: Caller) -> bool:
        """Whether a caller from a while ago would be let in now: a stream asks this as it goes."""
        if caller.by == "local":
            return not self.required
        known = self._users.get(caller.user)
        return known is not None and not known.locked and self.sessions.holds(caller.key)

    def name(self, user: int) -> str:
        return self._users[user].name if user in self._users else "local"

    def is_admin(self, user: int) -> bool:
        """--admin NAME; else who set the studio up; else the first name of --auth."""
        if not self.required:
            return True
        known = self._users.get(user)
        if known is None:
            return False
        if self._admin:
            return bool(known.name == self._admin)
        if any(u.admin for u in self._users.values()):
            return bool(known.admin)
        return bool(self._given) and known.name == self._given[0]

    def waits_for(self) -> str | None:
        """The token with which the first person of all sets up an account, while nobody has."""
        return self._first

    def users(self) -> list[Any]:
        """Everybody who may log in, with when they were last here."""
        return list(self._users.values())

    def seen(self, user: int) -> float | None:
        return self._seen.get(user) or getattr(self._users.get(user), "seen", None)

    # in and out

    def login(
        self, name: str, password: str, about: Mapping[str, str] | None = None, old: str = ""
    ) -> str:
        """A new session; the one of `old` ends. LoginRefused, Wait, or Full."""
        about = about or {}
        address = about.get("address", "")
        self.lockout.take(name, address)
        known = next((u for u in self._users.values() if u.name == name), None)
        stored = self.store.logins.password_hash(known.id) if known else None
        right = self._tried(name, address, stored, password)
        if not right or known is None or stored is None:
            self._note_failed(known.id if known else None, address)
            raise LoginRefused("name or password is wrong; check them and try again")
        self.lockout.right(name, address)
        if known.locked:
            raise LoginRefused("this account is locked; ask whoever keeps this studio")
        with self._lock:  # another password may have come while this one was looked at
            if self.store.logins.password_hash(known.id) != stored:
                raise LoginRefused("name or password is wrong; check them and try again")
            return self._enter(known.id, about, old, "login")

    def logout(self, token: str) -> None:
        held = self.sessions.find(token, SESSION)
        if held is not None:
            self.sessions.end([held])
            self.store.audit.note(held.user, "logout", session=held.id)

    def join(
        self, token: str, name: str, password: str, about: Mapping[str, str] | None = None
    ) -> str:
        """Choose a name and a password with a token; a session. The token opens nothing after.

        The first person of all takes over what was there before anybody logged in.
        """
        about = about or {}
        address = about.get("address", "")
        who = f":{address}"  # no name of anybody: wrong tokens from elsewhere keep nobody out
        self.lockout.take(who, address)
        first = self._first is not None and hmac.compare_digest(
            self._first.encode(), token.encode("utf-8", "replace"))  # fmt: skip
        held = None if first else self.sessions.find(token, INVITE, RESET)
        if not first and held is None:
            self._note_failed(None, address)
            raise LoginRefused("this token is used up or none of ours; ask for another one")
        self.lockout.right(who, address)
        reset = held is not None and held.kind == RESET
        name = self._users[held.user].name if held and held.user in self._users else name.strip()
        hashed = self._hashed(checked_name(name), password)
        with self._lock:  # a token is used once, also by two at the same moment
            if (held and not self.sessions.holds(held.hash)) or (first and self._first is None):
                raise LoginRefused("this token is used up; ask for another one")
            user = self._made(name, hashed, first, held.user if reset and held else None)
            self._first = None if first else self._first
            if held is not None:
                self.sessions.end([held])
            self.read()
            return self._enter(user, about, "", "password" if reset else "joined")

    def _made(self, name: str, hashed: str, first: bool, user: int | None) -> int:
        if user is not None:  # whoever knew the old one may have made a token for themselves
            self.store.logins.set_password(user, hashed)
            self.sessions.end(self.sessions.of(user, SESSION, PROGRAM, RESET))
            return user
        try:
            return int(self.store.logins.settle(name, hashed, admin=first, take_over=first))
        except ValueError as wrong:
            raise Bad(str(wrong)) from None

    def change_password(self, caller: Caller, old: str, new: str, about: Mapping[str, str]) -> str:
        """The new one holds; every session of this user ends and this browser gets another.

        Tokens of programs stay, those with which a password can be chosen end.
        """
        known = self._users[caller.user]
        address = about.get("address", "")
        self.lockout.take(known.name, address)
        stored = self.store.logins.password_hash(known.id)
        if not self._tried(known.name, address, stored, old):
            self._note_failed(known.id, address)
            raise LoginRefused("the password you have now is another one; try again")
        self.lockout.right(known.name, address)
        hashed = self._hashed(known.name, new)
        with self._lock:  # what was checked above must still be the password: a reset wins
            if self.store.logins.password_hash(known.id) != stored:
                raise LoginRefused("the password you have now is another one; try again")
            self.store.logins.set_password(known.id, hashed)
            self.sessions.end(self.sessions.of(known.id, SESSION, RESET))
            self.read()
            return self._enter(known.id, about, "", "password")

    def _enter(self, user: int, about: Mapping[str, str], old: str, what: str) -> str:
        before = self.sessions.find(old, SESSION)
        if before is not None:
            self.sessions.end([before])
        self.store.audit.note(user, what, address=about.get("address", ""))
        self._seen[user] = time.time()
        return self.sessions.open(user, about, self.rules.of(user).sessions)

    # one's own sessions and tokens

    def held(self, user: int) -> list[Held]:
        return self.sessions.of(user, SESSION, PROGRAM)

    def end(self, user: int, which: Iterable[str], what: str = "session-ended") -> int:
        """End sessions or tokens of this user by their ids; how many."""
        names = set(which)
        found = [h for h in self.held(user) if h.id in names]
        if names and not found:
            raise Missing("there is no such session or token of yours")
        self.sessions.end(found)
        for held in found:
            self.store.audit.note(user, what, session=held.id)
        return len(found)

    def token(self, user: int, label: str) -> str:
        """For a program of this user, shown once."""
        if len(self.sessions.of(user, PROGRAM)) >= 20:
            raise Bad("you have 20 tokens already; end one you do not use any more")
        made = self.sessions.issue(user, PROGRAM, label.strip()[:80] or "a program")
        self.store.audit.note(user, "token")
        return made

    # what the keeper does

    def invite(self, by: int) -> str:
        """A token for one more person."""
        self.store.audit.note(by, "invite")
        return self.sessions.issue(None, INVITE, "")

    def reset(self, by: int, user: int) -> str:
        """A token with which this person chooses another password."""
        self._known(user)
        self.store.audit.note(by, "reset", of=user)
        return self.sessions.issue(user, RESET, "")

    def lock(self, by: int, user: int, locked: bool) -> None:
        """Nobody gets in by this name, from now on; and lets them in again."""
        self._known(user)
        if locked and by == user:
            raise Bad("you cannot lock yourself out; let somebody else keep the studio first")
        self.store.audit.note(by, "lock" if locked else "unlock", of=user)
        self.store.logins.set_locked(user, locked)
        self.read()
        if locked:
            self.sessions.end(self.sessions.of(user, SESSION))

    def set_limits(self, by: int, user: int, limits: Mapping[str, int]) -> None:
        self._known(user)
        self.rules.set(user, limits)
        self.store.audit.note(by, "limits", of=user)
        self.store.logins.set_limits(user, limits)
        self.read()

    def _known(self, user: int) -> None:
        if not any(u.id == user and u.name for u in self.store.logins.users()):
            raise Missing(f"there is no user {user} here")

    def close(self) -> None:
        """Remember when everybody was last here."""
        if self._seen:
            self.store.logins.set_seen(self._seen)

    # passwords

    def _tried(self, name: str, address: str, stored: str | None, password: str) -> bool:
        """Whether it is right. A try that nobody had time to look at counts for nothing."""
        try:
            return self._verified(stored or self._decoy, password)
        except Full:
            self.lockout.back(name, address)
            raise

    def _verified(self, stored: str, password: str) -> bool:
        """Two at a time; Full when many wait."""
        from argon2.exceptions import InvalidHashError, VerificationError

        with self._lock:
            if self._queued >= WAITING:
                raise Full("many people log in just now; try again in a few seconds", 5)
            self._queued += 1
        try:
            with self._checking:
                return bool(self._hasher.verify(stored, password))
        except (VerificationError, InvalidHashError):
            return False
        finally:
            with self._lock:
                self._queued -= 1

    def _hashed(self, name: str, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST or password.casefold() == name.casefold():
            raise Bad(f"a password has {SHORTEST} to {LONGEST} characters and is not the name")
        with self._checking:
            return str(self._hasher.hash(password))

    def _note_failed(self, user: int | None, address: str) -> None:
        """One row a minute and address, 30 a minute in all; the rest is told as a number."""
        with self._lock:
            if len(self._windows) > 10_000:
                self._windows.clear()
            now, rows = self._clock(), ((f"from {address}", FROM_ONE), ("all", FROM_ALL))
            if any(self._windows.setdefault(k, Window()).take(most, now) for k, most in rows):
                self._unsaid += 1
                return
            more, self._unsaid = self._unsaid, 0
        self.store.audit.note(user, "login-failed", address=address, unsaid=more)


def checked_name(name: str) -> str:
    """Bad unless it is a name somebody can have."""
    if not 1 <= len(name) <= 80 or not name.isprintable() or set(name) & set(":,"):
        raise Bad("a name has 1 to 80 letters, without : and ,")
    return name
