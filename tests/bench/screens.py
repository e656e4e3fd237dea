"""A recorded run: python -m tests.bench.screens [FOLDER]

Drives the real page from first paint to results with a fresh data folder, counts clicks and
seconds, and leaves screenshots of every page, light and dark, wide and narrow.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.served import ROOT, served

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
DONE = "() => !document.querySelector('.results .waiting, .results .drawing')"
SIZES = {"1280": {"width": 1280, "height": 860}, "390": {"width": 390, "height": 844}}


class Recorder:
    """One visitor: counts clicks and takes pictures."""

    def __init__(self, browser: Any, address: str, folder: Path, state: Any = None) -> None:
        self.context = browser.new_context(viewport=SIZES["1280"], storage_state=state)
        self.page, self.folder, self.clicks = self.context.new_page(), folder, 0
        self.page.goto(address)
        self.page.locator("#choose").get_by_role("button").first.wait_for()
        self.began = time.monotonic()

    def click(self, what: Any) -> None:
        what.click()
        self.clicks += 1

    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 1)

    def shoot(self, name: str) -> None:
        """The page as it is, in four looks."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for width, size in SIZES.items():
                self.page.set_viewport_size(size)
                self.page.wait_for_timeout(500)
                file = self.folder / f"{name}-{scheme}-{width}.png"
                self.page.screenshot(path=str(file), full_page=width == "390")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(SIZES["1280"])


def first_visit(browser: Any, address: str, folder: Path, medium: str) -> dict[str, Any]:
    """From first paint to a named profile with results of this medium."""
    kind = "picture" if medium == "Pictures" else "text"
    visit = Recorder(browser, address, folder)
    if kind == "picture":
        visit.shoot("start")
        visit.began = time.monotonic()
    visit.click(visit.page.locator("#choose").get_by_role("button", name=medium).first)
    tiles = visit.page.locator(f".grid.{kind} .tile")
    tiles.nth(2).wait_for()
    rounds = ((0, 4, 8),) if kind == "picture" else ((0, 2), (1,))
    for k, picks in enumerate(rounds):
        for pick in picks:
            visit.click(tiles.nth(pick))
        if k < len(rounds) - 1:
            with visit.page.expect_response("**/answers"):
                visit.click(visit.page.get_by_role("button", name="Next"))
            visit.page.wait_for_timeout(300)
    visit.click(visit.page.get_by_role("button", name="Show me").first)
    visit.page.locator(".side-column.personal").wait_for()
    visit.page.wait_for_function(DONE, timeout=170_000)
    shown = visit.seconds()
    visit.click(visit.page.get_by_role("button", name="Keep this taste"))
    visit.page.wait_for_timeout(800)
    made = {"medium": kind, "clicks": visit.clicks, "result_s": shown, "named_s": visit.seconds()}
    # The button lies at the end of the page; what was made stands at its start.
    visit.page.evaluate("window.scrollTo(0, 0)")
    visit.shoot(f"create-{kind}")
    visit.context.close()
    return made


def tour(browser: Any, address: str, folder: Path) -> None:
    """The other pages of a profile that has answered for a while."""
    visit = Recorder(browser, address, folder)
    page = visit.page
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
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(1500)
        visit.shoot(name.lower().replace(" ", "-"))
    visit.context.close()


def main() -> None:
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    found = shutil.which("chromium") or shutil.which("google-chrome")
    rows = []
    with sync_playwright() as play, tempfile.TemporaryDirectory() as temp:
        browser = play.chromium.launch(executable_path=found, args=ARGS)
        for medium in ("Pictures", "Words"):
            with served(Path(temp) / medium / "data", "--offline") as address:
                rows.append(first_visit(browser, address, folder, medium))
                if medium == "Pictures":
                    tour(browser, address, folder)
        browser.close()
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
