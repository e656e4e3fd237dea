"""Stored XSS where several people meet: names, labels, the log, and all that a study file says.

`python -m tests.hostile.test_doors_pages` puts every payload through both, not a sample.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.accounts import Accounts, checked_name
from app.wire import Bad
from profiles.store import Store
from tests.hostile.pages import WAIT, Watch, payloads
from tests.served import CHROMIUM, served

PASSWORD = "the password of all"
WRONG = "Please pick this one."


def names() -> list[str]:
    """Payloads that may be the name of somebody."""
    found = []
    for text in payloads():
        try:
            found.append(checked_name(text.strip()))
        except Bad:
            pass
    return found


def people(data: Path, given: Sequence[str]) -> None:
    """A studio whose keeper, people and programs are called so."""
    with Store.open(data) as store:
        accounts = Accounts(store, None, first="first")
        accounts.join("first", given[0], PASSWORD, {"address": "127.0.0.1", "agent": given[0]})
        keeper = int(store.user(given[0]).id)  # type: ignore[union-attr]
        for name in given[1:]:
            accounts.join(accounts.invite(keeper), name, PASSWORD, {"agent": name})
            if len(accounts.held(keeper)) < 20:
                accounts.token(keeper, name)
        accounts.lock(keeper, int(store.user(given[-1]).id), True)  # type: ignore[union-attr]


def visit_people(browser: Any, address: str, given: Sequence[str]) -> Watch:
    """What the keeper sees of all of them."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    watch = Watch(page, address)
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill(given[0])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Settings", exact=True).click(timeout=WAIT)
    page.locator(".people article").nth(len(given) - 1).wait_for(timeout=WAIT)
    watch.look(given)
    for button in ("Lock", "Limits"):
        page.locator(".people article").nth(1).get_by_role("button", name=button).click()
        page.locator("dialog[open]").wait_for(timeout=WAIT)
        watch.look(given)
        page.keyboard.press("Escape")
    page.get_by_role("button", name="The log").click()
    page.locator("dialog[open] tr").first.wait_for(timeout=WAIT)
    watch.look(given)
    page.context.close()
    return watch


def study(folder: Path, texts: Sequence[str]) -> Path:
    """A study file whose every text is one of these; a pair a text, and one code."""
    said = lambda text: json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # noqa: E731
    short = next(t for t in texts if len(t.strip()) <= 80)
    file = folder / "hostile.toml"
    file.write_text(f"""
title = {said(texts[0])}
medium = "text"
seed = 3
completion_code = {said(short)}
consent = {said(chr(10).join(f"{t}{chr(10)}" for t in texts))}
[[blocks]]
name = {said(short)}
instructions = {said(chr(10).join(f"{t}{chr(10)}" for t in texts)[:5000])}
ask = {said(texts[-1])}
questions = {len(texts) // 2}
texts = [{", ".join(said(t) for t in texts)}]
[[blocks.attention]]
pair = ["text 1", {said(WRONG)}]
right = {said(WRONG)}
ask = {said(texts[1])}
""")
    file.with_name("hostile.codes.txt").write_text("AHEM4711")
    return file


def visit_study(browser: Any, address: str, texts: Sequence[str]) -> Watch:
    """The whole way of a participant, and what the researcher has of it."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    watch = Watch(page, address)
    page.goto(f"{address}/study?code=AHEM4711")
    for label in ("I agree and take part", "Begin"):
        page.get_by_role("button", name=label).wait_for(timeout=WAIT)
        watch.look(texts)
        page.get_by_role("button", name=label).click()
    page.locator(".pair").wait_for(timeout=WAIT)
    bars = page.locator(".study-bars")
    while bars.count():
        watch.look(texts)
        before = bars.get_attribute("aria-label")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "old => document.querySelector('.study-bars')?.ariaLabel !== old", arg=before
        )
    watch.look(texts)
    page.goto(address)
    page.get_by_role("button", name="Settings", exact=True).click(timeout=WAIT)
    row = page.locator(".study-row")
    row.wait_for(timeout=WAIT)
    watch.look(texts)
    row.get_by_role("button", name="Delete").first.click()
    page.locator("dialog[open]").wait_for(timeout=WAIT)
    watch.look(texts)
    page.context.close()
    return watch


@pytest.mark.parametrize("count", [8])
def test_no_name_and_no_label_becomes_a_part_of_a_page(
    browser: Any, tmp_path: Path, count: int
) -> None:
    given = names()[:: len(names()) // count][:count]
    people(tmp_path / "data", given)
    with served(tmp_path / "data", "--offline", page=False) as address:
        watch = visit_people(browser, address, given)
    assert watch.wrong() == {}
    assert watch.shown == set(given), "all of them were there to be seen"


@pytest.mark.parametrize("count", [12])
def test_no_text_of_a_study_becomes_a_part_of_a_page(
    browser: Any, tmp_path: Path, count: int
) -> None:
    texts = payloads()[::17][:count]
    with served(tmp_path / "data", "--offline", "--study", str(study(tmp_path, texts))) as address:
        watch = visit_study(browser, address, texts)
    assert watch.wrong() == {}
    assert len(watch.shown) == len(texts), "all of them were there to be seen"


def main() -> int:
    """Every payload, in portions; how many things went wrong."""
    import tempfile

    from playwright.sync_api import sync_playwright

    wrong: list[Any] = []
    with sync_playwright() as play, tempfile.TemporaryDirectory() as temp:
        found = play.chromium.launch(executable_path=sys.argv[1], args=CHROMIUM)
        every, who = payloads(), names()
        for k in range(0, len(every), 36):
            folder = Path(temp) / f"study-{k}"
            folder.mkdir()
            file = study(folder, every[k : k + 36])
            with served(folder / "run" / "data", "--offline", "--study", str(file)) as address:
                wrong.append(visit_study(found, address, every[k : k + 36]).wrong())
        for k in range(0, len(who), 60):
            people(Path(temp) / f"people-{k}" / "data", who[k : k + 60])
            with served(Path(temp) / f"people-{k}" / "data", "--offline", page=False) as address:
                wrong.append(visit_people(found, address, who[k : k + 60]).wrong())
        found.close()
    print(f"{len(every)} texts in a study, {len(who)} names: {[w for w in wrong if w]}")
    return sum(bool(w) for w in wrong)


if __name__ == "__main__":
    sys.exit(main())
