"""A recorded run: python -m tests.bench.screens [FOLDER] [--language de] [--phone]

Drives the real page from first paint to results with a fresh data folder, counts clicks and
seconds, and leaves screenshots of every page, light and dark, wide and narrow. `--phone` walks the
same way by touch, 390 px wide, and takes one picture of every step.
"""

import argparse
import io
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from tests.served import ROOT, served

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
DONE = "() => !document.querySelector('.results .waiting, .results .drawing')"
SIZES = {"1280": {"width": 1280, "height": 860}, "390": {"width": 390, "height": 844}}


PHONE = {"viewport": SIZES["390"], "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


class Words:
    """What the page writes for an English text."""

    def __init__(self, language: str) -> None:
        file = ROOT / "app" / "words" / f"{language}.json"
        self.language = language
        self.page = json.loads(file.read_text())["page"] if file.exists() else {}

    def __call__(self, english: str) -> str:
        return str(self.page.get(english, english))


class Recorder:
    """One visitor: counts clicks and takes pictures."""

    def __init__(self, browser: Any, address: str, folder: Path, words: Words, **how: Any) -> None:
        how = how or {"viewport": SIZES["1280"]}
        self.context = browser.new_context(locale=words.language, **how)
        self.page, self.folder, self.clicks = self.context.new_page(), folder, 0
        self.words = words
        self.page.goto(address)
        self.page.locator("#choose").get_by_role("button").first.wait_for()
        self.began = time.monotonic()

    def click(self, what: Any) -> None:
        what.click()
        self.clicks += 1

    def button(self, english: str) -> Any:
        return self.page.get_by_role("button", name=self.words(english))

    def tab(self, english: str) -> None:
        self.page.get_by_role("tab", name=self.words(english)).click()

    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 1)

    def shoot(self, name: str) -> None:
        """The page as it is, in four looks."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for width, size in SIZES.items():
                self.page.set_viewport_size(size)
                self.page.wait_for_timeout(500)
                seen = self.page.screenshot(full_page=width == "390")
                keep(seen, self.folder / f"{name}-{scheme}-{width}.webp")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(SIZES["1280"])


def keep(seen: bytes, file: Path) -> None:
    """A third of the room a PNG takes, and still readable."""
    with Image.open(io.BytesIO(seen)) as picture:
        picture.convert("RGB").save(file, quality=72, method=6)


def first_visit(
    browser: Any, address: str, folder: Path, medium: str, words: Words
) -> dict[str, Any]:
    """From first paint to a named profile with results of this medium."""
    kind = "picture" if medium == "Pictures" else "text"
    visit = Recorder(browser, address, folder, words)
    if kind == "picture":
        visit.shoot("start")
        visit.began = time.monotonic()
    door = visit.page.locator("#choose").get_by_role("button", name=words(medium))
    visit.click(door.first)
    tiles = visit.page.locator(f".grid.{kind} .tile")
    tiles.nth(2).wait_for()
    rounds = ((0, 4, 8),) if kind == "picture" else ((0, 2), (1,))
    for k, picks in enumerate(rounds):
        for pick in picks:
            visit.click(tiles.nth(pick))
        if k < len(rounds) - 1:
            with visit.page.expect_response("**/answers"):
                visit.click(visit.button("Next"))
            visit.page.wait_for_timeout(300)
    visit.click(visit.button("Show me").first)
    visit.page.locator(".side-column.personal").wait_for()
    visit.page.wait_for_function(DONE, timeout=170_000)
    shown = visit.seconds()
    visit.click(visit.button("Keep this taste"))
    visit.page.wait_for_timeout(800)
    made = {"medium": kind, "clicks": visit.clicks, "result_s": shown, "named_s": visit.seconds()}
    # The button lies at the end of the page; what was made stands at its start.
    visit.page.evaluate("window.scrollTo(0, 0)")
    visit.shoot(f"create-{kind}")
    visit.context.close()
    return made


def tour(browser: Any, address: str, folder: Path, words: Words) -> None:
    """The other pages of a profile that has answered for a while."""
    visit = Recorder(browser, address, folder, words)
    page = visit.page
    page.locator(".grid, .pair").first.wait_for()
    for _ in range(14):
        with page.expect_response("**/answers"):
            for key in ("2", "6", "Enter") if page.locator(".grid").count() else ("ArrowLeft",):
                page.keyboard.press(key)
        page.wait_for_timeout(350)
    for form in (".pair", ".grid"):
        for _ in range(4):
            if page.locator(form).count():
                break
            with page.expect_response("**/answers"):
                keys = ("1", "3", "Enter") if page.locator(".grid").count() else ("ArrowRight",)
                for key in keys:
                    page.keyboard.press(key)
            page.wait_for_timeout(350)
        visit.shoot(f"choose-{form[1:]}")
    for name in ("My taste", "Keep"):
        visit.tab(name)
        page.wait_for_timeout(1500)
        visit.shoot(name.lower().replace(" ", "-"))
    visit.button("Settings").last.click()
    page.wait_for_timeout(600)
    visit.shoot("settings")
    visit.context.close()


def by_touch(browser: Any, address: str, folder: Path, words: Words) -> dict[str, Any]:
    """The first path on a phone: a picture of every step."""
    visit = Recorder(browser, address, folder, words, **PHONE)
    page, step = visit.page, iter(range(1, 20))

    def seen(name: str) -> None:
        page.wait_for_timeout(400)
        keep(page.screenshot(), folder / f"phone-{next(step)}-{name}.webp")

    seen("start")
    page.locator("#choose").get_by_role("button", name=words("Pictures")).first.tap()
    page.locator(".grid.picture .tile").nth(8).wait_for()
    seen("grid")
    for tile in (0, 4, 8):
        page.locator(".grid.picture .tile").nth(tile).tap()
    seen("picked")
    visit.button("Show me").first.tap()
    page.locator(".side-column.personal").wait_for()
    page.wait_for_function(DONE, timeout=170_000)
    seen("results")
    visit.button("Keep this taste").tap(timeout=120_000)
    seen("kept")
    visit.tab("Choose")
    for _ in range(12):
        if page.locator(".pair").count():
            break
        with page.expect_response("**/answers"):
            page.locator(".grid .tile").first.tap()
            visit.button("Next").tap()
        page.wait_for_timeout(300)
    seen("pair")
    with page.expect_response("**/answers"):
        visit.button("Both good").tap()
    for name, file in (("My taste", "taste"), ("Keep", "keep")):
        visit.tab(name)
        page.wait_for_timeout(1200)
        seen(file)
    made = {"phone": words.language, "seconds": visit.seconds()}
    visit.context.close()
    return made


def main() -> None:
    from playwright.sync_api import sync_playwright

    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "screens")
    asked.add_argument("--language", default="en", choices=("en", "de", "es"))
    asked.add_argument("--phone", action="store_true")
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    words = Words(given.language)
    found = shutil.which("chromium") or shutil.which("google-chrome")
    rows = []
    with sync_playwright() as play, tempfile.TemporaryDirectory() as temp:
        browser = play.chromium.launch(executable_path=found, args=ARGS)
        for medium in ("Pictures",) if given.phone else ("Pictures", "Words"):
            with served(Path(temp) / medium / "data", "--offline") as address:
                if given.phone:
                    rows.append(by_touch(browser, address, given.folder, words))
                    break
                rows.append(first_visit(browser, address, given.folder, medium, words))
                if medium == "Pictures":
                    tour(browser, address, given.folder, words)
        browser.close()
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
