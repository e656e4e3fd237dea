"""The real page in a real browser: from the first click to a named profile with results."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.served import served


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with served(tmp_path / "data", "--offline") as made:
        yield made


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A fresh visitor. Any error of the page or request to elsewhere fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    found = context.new_page()
    wrong: list[str] = []
    found.on("pageerror", lambda e: wrong.append(f"page error: {e}"))
    found.on("request", lambda r: wrong.append(r.url) if _foreign(r.url, address) else None)
    found.goto(address)
    yield found
    context.close()
    assert wrong == []


def _foreign(url: str, address: str) -> bool:
    return not url.startswith((address, "data:", "blob:"))


def test_eight_clicks_to_a_named_profile_with_pictures(page: Any) -> None:
    started, clicks = time.monotonic(), 0

    def click(what: Any) -> None:
        nonlocal clicks
        what.click()
        clicks += 1

    click(page.locator("#choose").get_by_role("button", name="Pictures").first)
    tiles = page.locator(".grid.picture .tile")
    tiles.nth(8).wait_for()
    for k in (0, 3, 6):
        click(tiles.nth(k))
    click(page.get_by_role("button", name="Show me").first)
    page.locator("#create .side-column.personal img").nth(3).wait_for(timeout=60_000)
    click(page.get_by_role("button", name="Keep this taste"))
    page.get_by_text("My taste", exact=True).first.wait_for()
    page.wait_for_function(
        "() => fetch('api/v1/profiles').then(r => r.json()).then(p => p.profiles[0].named)"
    )
    assert clicks <= 8 and time.monotonic() - started < 120


def test_the_loop_works_by_keyboard_and_survives_a_reload(page: Any) -> None:
    page.locator("#choose").get_by_role("button", name="Pictures").first.press("Enter")
    page.locator(".grid.picture .tile").nth(8).wait_for()
    for _ in range(2):
        _answer(page, ["1", "5", "Enter"])
    page.locator(".pair").wait_for()
    _answer(page, ["ArrowRight"])
    count = _answers(page)
    assert count == 3
    shown = page.locator(".stage img").first.get_attribute("src")
    with page.expect_response("**/undo"):
        page.keyboard.press("z")
    page.wait_for_function("old => document.querySelector('.stage img')?.src !== old", arg=shown)
    page.locator(".pair").wait_for()
    before = _shown(page)
    page.reload()
    page.locator(".pair img").nth(1).wait_for()
    assert _shown(page) == before and _answers(page) == 2


def _answer(page: Any, keys: list[str]) -> None:
    """Press the keys and wait until the next question is painted."""
    before = page.locator(".stage img").first.get_attribute("src")
    with page.expect_response("**/api/v1/answers"):
        for key in keys:
            page.keyboard.press(key)
    page.wait_for_function("old => document.querySelector('.stage img')?.src !== old", arg=before)


def _answers(page: Any) -> int:
    found = page.evaluate("() => fetch('api/v1/profiles').then(r => r.json())")
    return max(int(p["answers"]["picture"]) for p in found["profiles"] if not p["named"])


def _shown(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".pair img", "all => all.map(i => i.src)")
    return found


def test_words_are_asked_three_at_a_time(page: Any) -> None:
    page.locator("#choose").get_by_role("button", name="Words").first.click()
    page.locator(".grid.text .tile").nth(2).wait_for()
    assert page.locator(".grid.text .tile").count() == 3


def test_every_page_has_something_to_show(page: Any, tmp_path: Path) -> None:
    for name in ("My taste", "Create", "Keep", "Choose"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(300)
        page.screenshot(path=str(tmp_path / f"{name}.png"))
        assert len(page.locator("[role=tabpanel]:visible").first.inner_text()) > 40


def test_a_pick_about_words_can_be_told_why_without_waiting(page: Any, address: str) -> None:
    page.locator("#choose").get_by_role("button", name="Words").first.click()
    tiles = page.locator(".grid.text .tile")
    tiles.first.wait_for(timeout=20_000)
    why = page.locator(".why")
    assert not why.is_visible()
    stored: list[str] = []
    page.on("request", lambda r: stored.append(r.url) if r.method == "POST" else None)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    why.get_by_role("button", name="shorter").wait_for(timeout=20_000)
    assert [u.rsplit("/", 1)[1] for u in stored][-1] == "answers", "the answer went out alone"
    page.keyboard.press("c")
    page.keyboard.press("Enter")
    page.get_by_text("Reason saved.").wait_for()
    assert why.get_by_role("button", name="shorter").get_attribute("aria-pressed") == "true"
    why.get_by_label("The reason in your own words").fill("it breathes")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    page.get_by_text("Reason saved.").wait_for()
    told = page.evaluate("fetch('api/v1/profiles').then((r) => r.json())")["profiles"][-1]["id"]
    kept = page.evaluate(
        f"fetch('api/v1/profiles/{told}/belief?medium=text').then((r) => r.json())"
    )["reasons"]
    assert kept == {"of": 1, "taps": [{"word": "shorter", "times": 1}], "words": ["it breathes"]}
    page.keyboard.press("z")
    page.get_by_text("Taken back.").wait_for()
    assert not why.is_visible()
