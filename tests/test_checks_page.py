"""A second look in a real browser: the answers that do not fit are kept, flipped, dropped and taken
back, all of it survives a reload, and a thing of the lists says why it is there.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.served import call, served

PATIENCE = 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("checks") / "data", "--offline") as made:
        yield made


@pytest.fixture(scope="module")
def brief(address: str) -> int:
    """Somebody simulated who picks the shorter of two passages, and three times the longer."""
    profile = int(call(address, "profiles", {"name": "Ada"})["id"])
    for k in range(30):
        question = call(address, f"profiles/{profile}/question?medium=text&kind=pair")
        ordered = sorted(question["items"], key=lambda i: len(i["text"].split()))
        picked = ordered[-1 if k in (15, 20, 25) else 0]["id"]
        body = {"question_id": question["id"], "outcome": {"picks": [picked]},
                "idempotency_key": f"checks-{profile}-{k:03d}"}  # fmt: skip
        call(address, "answers", body)
    return profile


@pytest.fixture
def visit(browser: Any, address: str, brief: int) -> Iterator[Any]:
    """Opens My taste at a width; any error of the page fails the test."""
    opened: list[Any] = []
    wrong: list[str] = []

    def go(width: int = 1280) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900})
        opened.append(context)
        context.add_init_script(
            f"localStorage.setItem('penchant.profile', '{brief}');"
            "localStorage.setItem('penchant.medium', 'text')"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.goto(address)
        page.get_by_role("tab", name="My taste").click()
        page.locator(".checks > ol > .check").first.wait_for()
        return page

    yield go
    for context in opened:
        context.close()
    assert wrong == []


def verdicts(address: str, profile: int) -> dict[int, str]:
    told = call(address, f"profiles/{profile}/checks?medium=text")
    return {row["seq"]: row["act"] for row in told["judged"]}


def give(card: Any, page: Any, word: str) -> None:
    with page.expect_response("**/verdict"):
        card.get_by_role("button", name=word).click()


def test_picks_are_flipped_dropped_and_taken_back(visit: Any, address: str, brief: int) -> None:
    page = visit()
    cards = page.locator(".checks > ol > .check")
    assert 1 <= cards.count() <= 10 and page.locator(".checks .picked").count() >= cards.count()
    first = int(cards.nth(0).get_attribute("data-seq"))
    card = page.locator(f".checks .check[data-seq='{first}']")
    give(card, page, "Flip")
    card.get_by_text("Turned around").wait_for()
    assert verdicts(address, brief) == {first: "flip"}
    # The page is drawn again with what was learned, and the card keeps its place in the list.
    page.wait_for_timeout(2500)
    assert card.get_by_text("Turned around").is_visible()
    give(card, page, "Take back")
    card.get_by_role("button", name="Drop").wait_for()
    assert verdicts(address, brief) == {}
    give(card, page, "Drop")
    card.get_by_text("Dropped").wait_for()
    page.reload()
    page.get_by_role("tab", name="My taste").click()
    page.locator(".checks > ol > .check, .checks summary").first.wait_for()
    assert page.locator(f".checks > ol > .check[data-seq='{first}']").count() == 0
    page.get_by_text("Looked at already: 1").click()
    card = page.locator(f".checks details .check[data-seq='{first}']")
    card.get_by_text("Dropped").wait_for()
    give(card, page, "Take back")
    assert verdicts(address, brief) == {}


def test_it_works_by_keyboard_on_a_narrow_page(visit: Any, address: str, brief: int) -> None:
    page = visit(390)
    card = page.locator(".checks > ol > .check").first
    seq = int(card.get_attribute("data-seq"))
    card.get_by_role("button", name="Keep").focus()
    with page.expect_response("**/verdict"):
        page.keyboard.press("Enter")
    card.get_by_text("Kept").wait_for()
    page.wait_for_function("() => document.activeElement?.textContent.startsWith('Take back')")
    with page.expect_response("**/verdict"):
        page.keyboard.press("Enter")
    assert seq not in verdicts(address, brief)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_thing_of_the_lists_says_why(visit: Any) -> None:
    page = visit()
    page.locator(".strip").first.get_by_role("button", name="Why?").first.click()
    told = page.get_by_role("dialog", name="Why this?")
    told.get_by_text("It is rated above an average passage").wait_for()
    assert told.locator(".check").count() == 3
    page.keyboard.press("Escape")
    told.wait_for(state="detached")


def test_drivers_and_reliability_are_drawn_with_their_counts(visit: Any) -> None:
    page = visit()
    assert page.locator(".drivers .axis").count() >= 3
    chart = page.locator(".reliability .curve")
    words = chart.get_attribute("aria-label")
    assert "came true, between" in words and "guess" in words
    chart.locator("circle").first.wait_for(state="attached")
