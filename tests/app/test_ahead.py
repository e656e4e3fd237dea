"""Work behind the scenes: by key, in turn, and never pushed back for good."""

import threading
import time

import pytest

from app.ahead import Ahead


@pytest.fixture
def ahead():
    made = Ahead("test")
    yield made
    made.close()


def test_the_latest_of_a_key_is_done_once_and_quiet_debounces(ahead: Ahead) -> None:
    done: list[int] = []
    for k in range(5):
        ahead.do("same", lambda k=k: done.append(k), 30.0)
    ahead.do("other", lambda: done.append(99))
    ahead.settle()
    assert sorted(done) == [4, 99]


def test_work_whose_time_has_come_keeps_its_turn(ahead: Ahead) -> None:
    """Somebody who answers every second is refitted all the same, however long the line is."""
    go, begun, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        begun.set()
        go.wait(5)

    ahead.do("busy", hold)
    assert begun.wait(5)
    ahead.do("mine", lambda: done.append("first"))
    assert ahead.waiting() == 1
    ahead.do("mine", lambda: done.append("second"), 60.0)
    go.set()
    until = time.monotonic() + 5
    while not done and time.monotonic() < until:
        time.sleep(0.005)
    assert done == ["second"]


def test_what_is_slow_does_not_stand_before_what_is_quick(ahead: Ahead) -> None:
    go, begun, quick = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(5)

    ahead.slowly("fit", hold)
    assert begun.wait(5)
    ahead.slowly("fit of another", lambda: None)
    ahead.do("next", quick.set)
    assert quick.wait(5)
    assert ahead.crowd() == 1
    go.set()
    ahead.settle()
    assert ahead.crowd() == 0


def test_an_error_ends_only_its_own_work(ahead: Ahead, caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    ahead.do("bad", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    ahead.do("good", lambda: done.append("good"))
    ahead.settle()
    assert done == ["good"]
    assert "ZeroDivisionError" in caplog.text
