"""Slow and endless headers over real sockets; everybody else is answered meanwhile."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from app import connections
from app.connections import Connection

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEADERS", 0.4)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(64)
        config = uvicorn.Config(hello, http=Connection, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [held]}, daemon=True)
        thread.start()
        yield held.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def opened(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    made.settimeout(10)
    return made


def cut(made: socket.socket) -> bool:
    """Whether the other side ends the connection without an answer."""
    try:
        return made.recv(1000) == b""
    except ConnectionError:
        return True


def test_a_request_is_answered_and_the_next_one_too(port: int) -> None:
    with opened(port) as one:
        for _ in range(3):
            one.sendall(ASK)
            assert one.recv(1000).endswith(b"hi")
        time.sleep(0.8)  # nothing is asked: the connection may rest
        one.sendall(ASK)
        assert one.recv(1000).endswith(b"hi")


def test_headers_that_do_not_come_are_not_waited_for(port: int) -> None:
    slow = [opened(port) for _ in range(30)]
    for k, one in enumerate(slow):
        one.sendall(ASK[: k % 20])
    with opened(port) as other:
        other.sendall(ASK)
        assert other.recv(1000).endswith(b"hi")
    assert all(cut(one) for one in slow)
    for one in slow:
        one.close()
    for _ in range(200):
        if not Connection.addresses:
            break
        time.sleep(0.02)
    assert not Connection.addresses


def test_the_next_request_on_the_same_connection_is_no_way_around(port: int) -> None:
    with opened(port) as one:
        one.sendall(ASK)
        assert one.recv(1000).endswith(b"hi")
        one.sendall(ASK[:10])
        assert cut(one)


def test_headers_without_end_are_refused(port: int) -> None:
    with opened(port) as one:
        one.sendall(b"GET / HTTP/1.1\r\nx: ")
        answer = b""
        try:
            for _ in range(40):
                one.sendall(b"y" * 4096)
            answer = one.recv(1000)
        except ConnectionError:
            pass
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


def test_one_address_holds_so_many_connections_and_a_proxy_more(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FROM_ONE", 2)
    near = [opened(port) for _ in range(4)]  # from this machine: a proxy brings everybody
    for one in near:
        one.sendall(ASK)
        assert one.recv(1000).endswith(b"hi")
    monkeypatch.setattr(connections, "_near", lambda address: False)
    with opened(port) as over:
        assert cut(over)
    for one in near:
        one.close()
