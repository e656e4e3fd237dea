"""S8 and S12: a session reaches nothing but this machine and reads no pickle.

System calls, in a process of its own, are read by bench hostile.
"""

import pickle
import socket
from contextlib import suppress
from typing import Any

import pytest

from tests.hostile.session import ADDRESS, Notes, is_here, listened, used
from tests.hostile.world import World, fill


@pytest.mark.filterwarnings("ignore")
def test_a_session_reaches_nothing_outside_and_reads_no_pickle(crowded: World) -> None:
    fill(crowded)  # the other tests have left little of what was there
    told = listened(lambda: used(crowded))
    assert {k: told[k] for k in ("outside", "names", "pickles")} == {
        "outside": [], "names": [], "pickles": []}  # fmt: skip
    assert len(told["did"]) == 6


def test_the_hooks_hear_what_they_listen_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""

    def wrong() -> list[str]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out, suppress(OSError):
            out.connect(("192.0.2.1", 9))  # an address of no machine; a datagram needs no reply
        with pytest.raises(OSError):
            socket.getaddrinfo("nobody.invalid", 9)
        with pytest.raises(AssertionError):
            pickle.loads(b"N.")
        return []

    monkeypatch.setattr(socket.socket, "connect", socket.socket.__base__.connect)  # type: ignore[union-attr]
    told = listened(wrong)
    assert told["outside"] == ["192.0.2.1"] and told["names"] == ["nobody.invalid"]
    assert told["pickles"] == ["pickle.loads"]


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_is_known(name: str) -> None:
    assert is_here(name)


def test_addresses_are_read_out_of_system_calls() -> None:
    lines: Any = (
        'connect(3, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.7")}, 16)\n'
        "connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28)\n'
        'connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 9)\n'
        'sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), '
        'sin_addr=inet_addr("127.0.0.53")}, 16)\n'
    )
    found = {a or b for a, b in ADDRESS.findall(lines)}
    assert sorted(a for a in found if not is_here(a)) == ["192.0.2.7", "2001:db8::1"]
    assert Notes().listens
