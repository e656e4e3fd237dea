"""The Create page in a real browser, with the model that ships: twins, strip, gallery, settings."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app import drawing
from app.picture_models import Starter
from engine.data import Request
from tests.served import call, served

WAIT = 150_000
DRAWN = "() => document.querySelectorAll('.twin .tools .button:not([disabled])').length === 16"
# The last line of a run waits for the page to name it, or for Stop; "error" takes its place.
HELD = """() => {
  const real = window.fetch;
  window.fetch = async (address, options) => {
    const reply = await real(address, options);
    if (!String(address).endsWith("/generate")) return reply;
    const last = new Promise((tell, no) => {
      window.last = tell;
      options.signal.addEventListener("abort", () => no(options.signal.reason));
    });
    const lines = (await reply.text()).trim().split("\\n");
    const write = (text) => new TextEncoder().encode(text + "\\n");
    return new Response(new ReadableStream({
      start: (out) => out.enqueue(write(lines.slice(0, -1).join("\\n"))),
      pull: async (out) => {
        const wrong = '{"type": "error", "error": "no more"}';
        out.enqueue(write((await last) === "done" ? lines.at(-1) : wrong));
        out.close();
      },
    }));
  };
}"""
STRIP = "() => document.querySelectorAll('.strength-tile:not([disabled])').length === 5"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("create") / "data", "--offline", "--cpu") as made:
        answered(made)
        yield made


def answered(address: str) -> None:
    profile = call(address, "profiles", {"name": "Ada"})["id"]
    question = call(address, f"profiles/{profile}/question?medium=picture")
    for k in range(6):
        picks = [i["id"] for i in question["items"]][: 3 if question["kind"] == "grid" else 1]
        body = {"question_id": question["id"], "outcome": {"picks": picks},
                "idempotency_key": f"create-page-{k:03d}"}  # fmt: skip
        question = call(address, "answers", body)["next"]


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The Create page; any error of the page fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    wrong: list[str] = []
    found = context.new_page()
    found.set_default_timeout(WAIT)
    found.on("pageerror", lambda e: wrong.append(f"page error: {e}"))
    found.goto(address)
    found.locator("#create-button").click()
    yield found
    context.close()
    assert wrong == []


def test_from_nothing_made_to_twins_a_strip_and_use_again(page: Any, tmp_path: Path) -> None:
    page.get_by_text("Nothing made yet").wait_for()
    page.get_by_role("button", name="Make the first one").click()
    page.wait_for_function(DRAWN)
    assert page.locator(".results > section").first.get_attribute("aria-label") == "Drawn for you"

    handle = page.locator(".twin-body input").nth(1)
    handle.focus()
    handle.press("End")
    body = page.locator(".twin-body").nth(1)
    assert body.evaluate("b => b.style.getPropertyValue('--cut')") == "1"
    assert handle.get_attribute("aria-valuetext") == "100 % plain"

    page.get_by_role("button", name="Five strengths of it").nth(1).click()
    page.wait_for_function(STRIP)
    page.locator(".strength-tile").nth(1).click()
    assert page.locator("#strength").input_value() == "25"
    page.wait_for_function("() => document.querySelectorAll('.gallery-card').length === 2")
    assert page.locator(".strength-tile[aria-pressed=true] .note").inner_text() == "a quarter"

    page.get_by_label("What should it be?").fill("something else")
    page.get_by_role("button", name="Use again").nth(1).click()
    assert page.get_by_label("What should it be?").input_value() == "a sleepy cat"
    assert page.locator("#strength").input_value() == "100"
    assert page.locator("#seed").input_value() == "1"

    page.get_by_role("button", name="Large view", exact=True).first.click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Save").nth(1).click()
    page.keyboard.press("Escape")
    file = tmp_path / taken.value.suggested_filename
    taken.value.save_as(file)
    page.get_by_label("What should it be?").fill("something else")
    page.locator("#seed").fill("99")
    page.locator("form.ask input[type=file]").set_input_files(file)
    page.wait_for_function("() => document.querySelector('#seed').value === '1'")
    assert page.get_by_label("What should it be?").input_value() == "a sleepy cat"
    assert page.locator("#strength").input_value() == "25"

    page.get_by_role("button", name="Delete: a sleepy cat").first.click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_function("() => document.querySelectorAll('.gallery-card').length === 1")


def test_stop_stops_and_what_it_does_not_know_is_said(page: Any) -> None:
    page.get_by_label("What should it be?").fill("the theory of numbers")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Nearest to it").wait_for()
    assert page.locator(".twin").count() == 0
    page.locator(".side-column.personal img").nth(3).wait_for()
    page.get_by_label("What should it be?").fill("a frog")
    page.keyboard.press("Control+Enter")
    page.locator(".twin-body.drawing").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Stopped.").wait_for()
    assert page.locator(".twin-body.drawing").count() == 0
    page.get_by_role("button", name="Stop").wait_for(state="hidden")


def test_a_like_is_sent_when_its_run_is_stored_and_given_back_when_it_is_not(
    page: Any, address: str
) -> None:
    def answers() -> int:
        return int(call(address, "profiles")["profiles"][0]["answers"]["picture"])

    def hide() -> None:
        page.evaluate("document.querySelector('.toast')?.classList.remove('shown')")

    def make_and_like() -> Any:
        hide()
        page.get_by_role("button", name="Make it mine").click()
        result = page.locator(".side-column.personal .result").first
        like = result.get_by_role("button", name="Like", exact=True)
        like.click()
        assert like.get_attribute("aria-pressed") == "true" and like.is_disabled()
        return like

    lost = page.locator(".toast.shown", has_text="likes of it are not kept")
    page.evaluate(HELD)
    page.get_by_text("More", exact=True).click()
    page.locator("#depth").select_option("instant")
    before = answers()
    for end, said in (("stop", "Stopped."), ("error", "no more")):
        like = make_and_like()
        page.keyboard.press("Escape") if end == "stop" else page.evaluate("last('error')")
        lost.wait_for()
        page.locator(".create > .status", has_text=said).wait_for()
        assert like.get_attribute("aria-pressed") == "false" and like.is_enabled()
        hide()
        like.click()
        lost.wait_for()
        assert like.get_attribute("aria-pressed") == "false"
    assert answers() == before

    like = make_and_like()
    page.evaluate("last('done')")
    page.locator(".toast.shown", has_text="Liked.").wait_for()
    assert like.get_attribute("aria-pressed") == "true" and answers() == before + 1


def test_a_prompt_may_speak_of_seeds_itself(page: Any) -> None:
    taste: Any = SimpleNamespace(answers=3)
    told = drawing.settings(
        Starter(), Request("a cat, Seed: 5, Taste: 3", 4, 9),
        drawing.Wish(taste, 0.25, "guided"), "personal", 5,
    )  # fmt: skip
    body = drawing.from_url(drawing.as_url(np.zeros((8, 8, 3), np.uint8), told))
    page.locator("form.ask input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": body}
    )
    page.wait_for_function("() => document.querySelector('#seed').value !== '1'")
    assert page.locator("#seed").input_value() == "9"
    assert page.locator("#strength").input_value() == "25"
    assert page.locator("#depth").input_value() == "guided"
    assert page.get_by_label("What should it be?").input_value() == "a cat, Seed: 5, Taste: 3"


def test_the_longest_depth_stays_on_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#create summary").first.click()
    page.locator("#depth").wait_for()
    assert page.evaluate("document.querySelector('#depth').getBoundingClientRect().right") <= 390
