"""The compass in a real browser: turned by mouse, finger and keyboard, kept, and taken back."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.served import call, served


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("compass") / "data", "--offline") as made:
        yield made


def answered(address: str, n: int = 6, medium: str = "picture") -> int:
    profile = int(call(address, "profiles", {"name": "Ada"})["id"])
    question = call(address, f"profiles/{profile}/question?medium={medium}")
    for k in range(n):
        body = {"question_id": question["id"], "outcome": {"picks": [question["items"][0]["id"]]},
                "idempotency_key": f"compass-{profile}-{k:03d}"}  # fmt: skip
        question = call(address, "answers", body)["next"]
    return profile


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Any]:
    """Opens My taste of a profile at a width; any error of the page fails the test."""
    opened: list[Any] = []
    wrong: list[str] = []

    def go(profile: int, width: int = 1280, medium: str = "picture") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, has_touch=width < 720
        )
        opened.append(context)
        context.add_init_script(
            f"localStorage.setItem('penchant.profile', '{profile}');"
            f"localStorage.setItem('penchant.medium', '{medium}')"
        )
        page = context.new_page()
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.goto(address)
        page.get_by_role("tab", name="My taste").click()
        page.locator(".compass .handle").wait_for(timeout=30_000)
        return page

    yield go
    for context in opened:
        context.close()
    assert wrong == []


def shown(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".compass-fits img", "all => all.map(i => i.src)")
    return found


def bearing(page: Any) -> int:
    return int(page.locator(".compass .handle").get_attribute("aria-valuenow"))


def middle(page: Any) -> tuple[float, float]:
    page.locator(".dial").scroll_into_view_if_needed()
    box = page.locator(".dial").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_handle_turns_by_mouse_and_the_things_beside_it_follow(
    visit: Any, address: str
) -> None:
    profile = answered(address)
    page = visit(profile)
    handle, back = page.locator(".compass .handle"), page.get_by_role("button", name="Back to what")
    answers, before = bearing(page), shown(page)
    assert len(before) == 6 and back.get_attribute("aria-disabled") == "true"
    x, y = middle(page)
    knob = page.locator(".compass .knob").bounding_box()
    page.mouse.move(knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
    page.mouse.down()
    away = -1 if knob["x"] > x else 1
    page.mouse.move(x, y - 90, steps=4)
    page.mouse.move(x + away * 90, y, steps=4)
    during = shown(page)
    assert during != before, "before the button is let go"
    with page.expect_response("**/compass") as kept:
        page.mouse.up()
    assert kept.value.ok and bearing(page) == (270 if away < 0 else 90)
    assert "set by hand" in handle.get_attribute("aria-valuetext")
    told = call(address, f"profiles/{profile}/compass?medium=picture")
    assert abs(abs(told["hand"]["angle"]) - (180 if away < 0 else 0)) <= 2
    page = visit(profile)
    assert bearing(page) == (270 if away < 0 else 90) and shown(page) == during
    with page.expect_response("**/compass/release"):
        page.get_by_role("button", name="Back to what my answers say").click()
    assert bearing(page) == answers and shown(page) == before
    assert call(address, f"profiles/{profile}/compass?medium=picture")["hand"] is None


def test_the_arrow_keys_turn_it_and_the_axes_can_be_chosen(visit: Any, address: str) -> None:
    profile = answered(address)
    page = visit(profile)
    page.locator("select").and_(page.get_by_label("Across")).select_option("detail")
    page.locator(".compass .east", has_text="detailed").wait_for()
    page.locator("select").and_(page.get_by_label("Up")).select_option("detail")
    page.locator(".compass .north", has_text="detailed").wait_for()
    page.locator("select").and_(page.get_by_label("Across")).select_option("lightness")
    page.locator(".compass .east", has_text="light").wait_for()
    start = bearing(page)
    page.locator(".compass .handle").focus()
    with page.expect_response("**/compass"):
        for key in ("ArrowRight", "ArrowRight", "PageUp", "Shift+ArrowLeft"):
            page.keyboard.press(key)
    assert (bearing(page) - start) % 360 == 39
    told = call(address, f"profiles/{profile}/compass?medium=picture")
    assert told["plane"] == ["lightness", "detail"] == told["hand"]["plane"]


def test_it_says_what_follows_the_hand(visit: Any, address: str) -> None:
    profile = answered(address)
    call(address, f"profiles/{profile}/compass",
         {"medium": "picture", "plane": ["detail", "lightness"], "angle": 45})  # fmt: skip
    page = visit(profile)
    hint = page.locator(".compass-left .status")
    assert "finds and draws follows it; a tuned model does not" in hint.inner_text()
    profile = answered(address, medium="text")
    for plane, said in ((["length", "warmth"], True), (["length", "questions"], False)):
        call(address, f"profiles/{profile}/compass",
             {"medium": "text", "plane": plane, "angle": 45})  # fmt: skip
        page = visit(profile, medium="text")
        hint = page.locator(".compass-left .status")
        assert "What Create writes follows it." in hint.inner_text()
        assert ("Warmth hardly moves" in hint.inner_text()) is said


def test_on_a_phone_a_tap_points_and_a_finger_turns_without_scrolling(
    visit: Any, address: str
) -> None:
    page = visit(answered(address), 390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    x, y = middle(page)
    with page.expect_response("**/compass"):
        page.touchscreen.tap(x, y + 60)
    assert bearing(page) == 180
    knob, scrolled = page.locator(".compass .knob").bounding_box(), page.evaluate("scrollY")
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *place: float) -> None:
        points = [{"x": place[0], "y": place[1]}] if place else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
    for step in range(1, 9):
        touch("touchMove", x + 8 * step, y + 70 - 9 * step)
    with page.expect_response("**/compass"):
        touch("touchEnd")
    assert abs(bearing(page) - 90) <= 6 and page.evaluate("scrollY") == scrolled


def test_on_a_phone_every_answer_button_is_within_reach(visit: Any, address: str) -> None:
    """Also once "something different" is offered, which makes the row of small ones longer."""
    page = visit(answered(address), 390)
    page.get_by_role("tab", name="Choose").click()
    page.locator(".answers .show").wait_for()
    page.get_by_role("button", name="different").wait_for()
    boxes = page.locator(".answers .button:visible").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((r) => [r.left, r.right])"
    )
    assert len(boxes) >= 6
    assert all(left >= 0 and right <= 390 for left, right in boxes), boxes
