"""In a real browser: somebody who has answered nothing looks at an example, and then begins."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.served import call, served

PATIENCE = 90_000
MARK = "simulated person"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("examples") / "data", "--offline") as made:
        yield made


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page; any error of it fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, wrong = context.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.goto(address)
    yield page
    context.close()
    assert not wrong


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def test_help_needs_no_network_and_a_report_is_copied(page: Any, address: str) -> None:
    asked: list[str] = []
    page.context.on("request", lambda r: asked.append(r.url))
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("button", name="Copy a report").click()
    text = page.locator("textarea.report").input_value()
    assert text.startswith("## Penchant") and "quick check now: ok" in text
    page.keyboard.press("Escape")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Help", exact=True).click()
    helped = opened.value
    helped.get_by_role("heading", name="Five minutes, in short").wait_for()
    for part in ("Keys", "What stays with you", "When something is wrong"):
        assert helped.get_by_role("heading", name=part, exact=True).is_visible()
    assert asked and all(url.startswith((address, "data:", "blob:")) for url in asked), asked


def test_an_example_is_opened_told_and_left(page: Any, address: str) -> None:
    page.locator(".choose .example-link").wait_for()
    for name, place in (("My taste", ".taste"), ("Create", ".create")):
        tab(page, name)
        page.locator(f"{place} .example-link").wait_for()
    page.locator(".create .example-link").click()
    page.get_by_role("button", name="Example: calm blue drawings, plain words").click()
    page.locator(".examples").wait_for(state="detached")

    # My taste is full, and every page says whose it is.
    page.locator(".taste h1.sentence").filter(has_text=MARK).wait_for()
    assert "blue" in page.locator(".taste h1.sentence").inner_text()
    assert MARK in page.locator(".whose").inner_text()
    for name, place in (("Choose", ".choose"), ("Create", ".create"), ("Keep", ".keep")):
        tab(page, name)
        bar = page.locator(f"{place} .example-bar")
        bar.wait_for()
        assert "Answers here teach the example" in bar.inner_text()
    (row,) = call(address, "profiles")["profiles"]
    assert row["simulated"] and row["answers"] == {"picture": 30, "text": 30}

    # Begin one's own: nobody slides into an example, not after a reload either.
    page.locator(".keep .example-bar").get_by_role("button", name="Begin my own").click()
    page.locator(".choose .stage .tile, .choose .doors button").first.wait_for()
    assert MARK not in page.locator(".whose").inner_text()
    own = next(r for r in call(address, "profiles")["profiles"] if not r["simulated"])
    assert own["answers"] == {"picture": 0, "text": 0}

    # One click removes all examples.
    page.locator(".whose").click()
    page.get_by_role("menuitemradio").filter(has_text=MARK).click()
    tab(page, "Choose")
    page.locator(".choose .example-bar").get_by_role("button", name="Remove all examples").click()
    page.get_by_text("The examples are gone.").wait_for()
    assert [r["id"] for r in call(address, "profiles")["profiles"]] == [own["id"]]
    assert not page.locator(".choose .example-bar").is_visible()
