"""One connection of a browser, with patience that ends: slow or endless headers are cut off.

The server underneath waits for the headers of a request as long as they take, whatever their size;
a few hundred such connections would be all it may hold. Bodies are looked after in bodies.py.
"""

import asyncio
import ipaddress
import resource
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Seconds until the headers of a request are there; their size; connections of one address.
HEADERS, LARGEST, FROM_ONE = 10.0, 64 * 1024, 256
# Connections and requests in all; beyond it is told to come again.
MOST = 2000
FILES = 8192


class Connection(HttpToolsProtocol):
    """As uvicorn's, with a clock on the headers and a count of connections by address."""

    addresses: Counter[str] = Counter()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._late: asyncio.TimerHandle | None = None
        self._head = 0
        self._from = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._from = self.client[0] if self.client else ""
        self.addresses[self._from] += 1
        if self.addresses[self._from] > FROM_ONE and not _near(self._from):
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        self.addresses[self._from] -= 1
        if self.addresses[self._from] <= 0:
            del self.addresses[self._from]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._late is not None:
            self._head += len(data)
            if self._head > LARGEST:
                self.send_400_response("The headers are too large.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._late is None:  # the next request on the same connection
            self._wait()

    def on_headers_complete(self) -> None:
        self._heard()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._head = 0
        self._late = self.loop.call_later(HEADERS, self._too_late)

    def _heard(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


def _near(address: str) -> bool:
    """This machine: a proxy may bring everybody from here."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True


def more_files() -> None:
    """Let the process hold as many connections as it may, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
