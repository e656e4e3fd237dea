"""A visit in a real browser: consent, slider, a pause, another device, the end; the Settings."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.app.study.files import SECRET, study
from tests.served import call, served

PATIENCE = 60_000
BLOCKS = """
[[blocks]]
name = "Pairs"
instructions = "Two texts. Pick the one you like more."
questions = 4
texts = ["Rain on the roof.", "A dry day.", "Fog, then sun.", "Wind from the sea."]
[[blocks.attention]]
pair = ["text 1", "Please pick this one."]
right = "Please pick this one."
ask = "Follow the words."
[[blocks]]
name = "Three"
form = "grid"
shown = 3
questions = 1
instructions = "Pick all that you like."
texts = ["Tea.", "Coffee.", "Water."]
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("study")
    path = study(
        folder, 'confidence = "1-100"\n', BLOCKS, codes=f"{SECRET} OTHER123 AXE-light AXE-dark"
    )
    with served(folder / "run" / "data", "--offline", "--study", str(path)) as made:
        yield made


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Any]:
    """Another device at the door; any error of the page or of its policy fails the test."""
    opened: list[Any] = []
    wrong: list[str] = []

    def go(path: str, **how: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **how})
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on("console", lambda m: wrong.append(m.text) if "Content Security" in m.text else None)
        page.goto(f"{address}/{path}")
        return page

    yield go
    for context in opened:
        context.close()
    assert not wrong


def answer_one(page: Any, sure: str) -> None:
    """A pair by keyboard: the side, then how sure."""
    before = page.locator(".study-bars").get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    page.locator(".sure").wait_for()
    assert page.get_by_role("button", name="Continue").get_attribute("aria-disabled") == "true"
    page.keyboard.press(sure)
    page.locator(".sure.touched").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "before => document.querySelector('.study-bars')?.ariaLabel !== before", arg=before
    )


def grave(page: Any) -> list[str]:
    """What axe finds serious or critical on the page as it is."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found
            if v["impact"] in ("serious", "critical")]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_grave(visit: Any, address: str, theme: str) -> None:
    """On a visit of somebody who does not agree, and of somebody who answers one pair."""
    page = visit(f"study?code=AXE-{theme}", color_scheme=theme, bypass_csp=True)
    page.get_by_role("button", name="I agree and take part").wait_for()
    found = grave(page)
    page.get_by_role("button", name="I agree and take part").click()
    page.get_by_role("button", name="Begin").wait_for()
    found += grave(page)
    page.get_by_role("button", name="Begin").click()
    page.locator(".pair").wait_for()
    found += grave(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    page.locator(".sure.touched").wait_for()
    assert found + grave(page) == []
    call_out(address)


def call_out(address: str) -> None:
    """Take the participants of a look at the page out again."""
    told = call(address, "studies")["studies"][0]
    for one in told["participants"]:
        path = f"{address}/api/v1/studies/{told['id']}?participant={one['participant']}"
        with urllib.request.urlopen(urllib.request.Request(path, method="DELETE")) as reply:
            assert json.loads(reply.read())["left"] == 0


def test_a_whole_study_with_a_pause(visit: Any, address: str) -> None:
    page = visit(f"study?code={SECRET}")
    page.get_by_role("heading", name="Short texts").wait_for()
    assert page.get_by_text("You may stop at any time.").is_visible()
    page.get_by_role("button", name="I agree and take part").click()
    page.get_by_text("Two texts. Pick the one you like more.").wait_for()
    page.get_by_role("button", name="Begin").click()
    page.locator(".pair").wait_for()
    answer_one(page, "End")
    page.context.clear_cookies()
    answer_one(page, "Home")
    shown = page.locator(".pair .passage").all_inner_texts()

    phone = visit(f"study?code={SECRET}", viewport={"width": 390, "height": 844}, has_touch=True)
    phone.locator(".pair").wait_for()
    assert phone.locator(".pair .passage").all_inner_texts() == shown, "the same question again"
    assert phone.locator(".study-bars").get_attribute("aria-label") == "2 of 5 in this part"
    phone.get_by_role("button", name="Lower").click()
    phone.get_by_role("button", name="Change my answer").click()
    phone.get_by_role("button", name="Upper").click()
    phone.get_by_role("slider").fill("71")
    phone.get_by_role("button", name="Continue").click()
    phone.locator('.study-bars[aria-label="3 of 5 in this part"]').wait_for()
    for _ in range(2):
        answer_one(phone, "End")

    phone.get_by_role("button", name="Begin").click()
    phone.get_by_role("button", name="Tea.").click()
    phone.get_by_role("button", name="Next, 1 picked").click()
    phone.get_by_role("slider").fill("50")
    phone.get_by_role("button", name="Continue").click()
    phone.get_by_text("DONE-42").wait_for()
    page.reload()
    page.get_by_text("DONE-42").wait_for()

    told = call(address, "studies")["studies"][0]
    assert (told["started"], told["completed"], told["participants"][0]["answered"]) == (1, 1, 6)
    assert call(address, "profiles") == {"profiles": []}
    in_settings(visit(""))


def test_a_wrong_code_is_asked_again_and_declining_leaves_nothing(visit: Any, address: str) -> None:
    page = visit("study?code=WRONG-ONE")
    page.get_by_text("This code is not known here").wait_for()
    page.get_by_label("The code of your invitation").fill("OTHER123")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="I do not take part").click()
    page.get_by_text("nothing of your visit was kept").wait_for()
    assert call(address, "studies")["studies"][0]["started"] <= 1
    assert page.context.cookies() == []


def in_settings(page: Any) -> None:
    """What the researcher sees of it, and takes home."""
    page.get_by_role("button", name="Settings", exact=True).click()
    row = page.locator(".study-row")
    row.get_by_text("1 began, 1 finished").wait_for()
    assert "study?study=tests-study&code=" in row.inner_text()
    with page.expect_download() as held:
        row.get_by_role("link", name="Data with codebook").click()
    assert held.value.suggested_filename == "tests-study.zip"
