"""Loading stands back for votes, and not for ever."""

from types import SimpleNamespace

import pytest

from app import meek


def test_imports_wait_a_minute_in_all_also_where_every_pause_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]

    def sleep(_: float) -> None:
        now[0] += 0.5

    monkeypatch.setattr(meek, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    standing = meek._Standing(lambda name: name, lambda: False)
    with meek.VOTES:
        assert standing("a module that is not there yet") == "a module that is not there yet"
        assert standing("and another") == "and another"
    assert now[0] == meek.MOST
