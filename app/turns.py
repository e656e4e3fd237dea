"""Whose turn it is: one slot, several people, round and round.

A turn goes to the people who wait one after the other, however much each of them asked for: with k
people waiting nobody gets more than one turn in k. Who asks travels with the work (ASKING), so that
the verbs of the studio need not hand it on.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Left(Exception):
    """Whoever waited went away before their turn."""


class Visit:
    """One piece of work of somebody: who, whether they left, and their place while they wait."""

    def __init__(self, user: int) -> None:
        self.user = user
        self.gone = threading.Event()
        self.ticket: Ticket | None = None


class Ticket:
    """A place in the row of one person."""

    def __init__(self, user: int) -> None:
        self.user = user
        self.called = threading.Event()


ASKING: ContextVar[Visit | None] = ContextVar("asking", default=None)
NOBODY = 0
LOOK = 0.5


class Turns:
    """The slot, and the rows of those who wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[int, deque[Ticket]] = OrderedDict()
        self._user: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The slot, when it is this person's turn. Left when they went away before."""
        visit = ASKING.get()
        ticket = Ticket(visit.user if visit else NOBODY)
        self._join(ticket)
        if visit is not None:
            visit.ticket = ticket
        try:
            self._wait(ticket, visit)
        finally:
            if visit is not None:
                visit.ticket = None
        try:
            yield
        finally:
            self._next()

    @contextmanager
    def spare(self, user: int = NOBODY) -> Iterator[bool]:
        """The slot only if it is free now."""
        with self._lock:
            free = self._user is None
            if free:
                self._user = user
        try:
            yield free
        finally:
            if free:
                self._next()

    def taken(self) -> bool:
        return self._user is not None

    def wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self._rows)

    def busy(self, user: int) -> bool:
        """Whether this person has the slot or waits for it."""
        return self._user == user or user in self._rows

    def before(self, visit: Visit) -> int | None:
        """How many turns come first; None when this work does not wait (any more)."""
        ticket = visit.ticket
        with self._lock:
            row = self._rows.get(ticket.user) if ticket is not None else None
            if ticket is None or row is None or ticket not in row:
                return None
            place, passed, others = row.index(ticket), True, 0
            for user, tickets in self._rows.items():
                if user == ticket.user:
                    passed = False
                    continue
                others += min(len(tickets), place + passed)
            return place + others + (self._user is not None)

    def _join(self, ticket: Ticket) -> None:
        with self._lock:
            if self._user is None:
                self._user = ticket.user
                ticket.called.set()
                return
            self._rows.setdefault(ticket.user, deque()).append(ticket)

    def _wait(self, ticket: Ticket, visit: Visit | None) -> None:
        while not ticket.called.wait(LOOK):
            if visit is None or not visit.gone.is_set():
                continue
            with self._lock:
                if ticket.called.is_set():
                    return
                row = self._rows[ticket.user]
                row.remove(ticket)
                if not row:
                    del self._rows[ticket.user]
            raise Left

    def _next(self) -> None:
        """Call the first of the next person; who still waits after that goes to the end."""
        with self._lock:
            if not self._rows:
                self._user = None
                return
            user, row = self._rows.popitem(last=False)
            ticket = row.popleft()
            if row:
                self._rows[user] = row
            self._user = user
            ticket.called.set()
