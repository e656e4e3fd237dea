"""Models are warmed behind the person's back, and no load outlives its Studio."""

import threading
from pathlib import Path
from typing import Any

import pytest

from app.making import DRAWER, Maker
from app.studio import Studio

# The fixture of all tests puts a stub in its place.
WARM = Maker.warm


class Slow:
    """A load that waits to be let through, and remembers that it was begun."""

    def __init__(self) -> None:
        self.begun, self.let = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.let.wait(30)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The encoders that were asked for."""
    asked: list[str] = []
    monkeypatch.setattr(Maker, "encode", lambda _self, name, _inputs: asked.append(name))
    return asked


def warming(maker: Any) -> Slow:
    maker.language_model = slow = Slow()
    WARM(maker, "text")
    WARM(maker, "text")
    assert len(maker._warming) == 1 and slow.begun.wait(30)
    return slow


def test_closing_a_studio_waits_for_a_load(tmp_path: Path, judged: list[str]) -> None:
    with Studio.open(tmp_path / "data") as studio:
        slow = warming(studio.maker)
        threading.Timer(0.1, slow.let.set).start()
    assert not studio.maker._warming["lm"].is_alive()
    assert judged == [], "a load was begun after closing"


def test_closing_does_not_wait_for_ever(tmp_path: Path, judged: list[str]) -> None:
    maker = Maker(tmp_path)
    slow = warming(maker)
    maker.close(0.01)
    thread = maker._warming["lm"]
    assert thread.is_alive()
    slow.let.set()
    thread.join(30)
    assert not thread.is_alive() and judged == []


def test_what_is_missing_is_no_error_yet(
    tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.starter.drawer.known.ships", lambda *_: False)
    maker = Maker(tmp_path)
    WARM(maker, "text")
    WARM(maker, "picture")
    for thread in maker._warming.values():
        thread.join(30)
    assert judged == ["minilm-l6"]


def test_the_first_answer_about_pictures_brings_what_draws(
    tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.starter.drawer.known.starter", lambda: "the model")
    maker = Maker(tmp_path)
    WARM(maker, "picture")
    maker._warming[DRAWER].join(30)
    assert maker.drawer() == "the model" and judged == ["minilm-l6"]


def test_what_is_loaded_is_there_while_something_else_loads(tmp_path: Path) -> None:
    maker, slow = Maker(tmp_path), Slow()
    maker.part("one", lambda: "here")
    other = threading.Thread(target=lambda: maker.part("two", slow))
    other.start()
    assert slow.begun.wait(30) and maker.part("one", lambda: "again") == "here"
    slow.let.set()
    other.join(30)


def test_spare_work_has_the_slot_only_while_nobody_wants_it(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    with maker.slot(), maker.spare() as wanted:
        assert wanted is None
    with maker.spare() as wanted:
        assert wanted is not None and not wanted() and maker.busy()
        person = threading.Thread(target=lambda: maker.slot().__enter__())
        person.start()
        for _ in range(1000):
            if wanted():
                break
            threading.Event().wait(0.01)
        assert wanted()
    person.join(30)
    assert not person.is_alive()
