"""Two people on one studio, in a real browser: a first token, an invitation, a lock."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.served import served


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(address, first token) of a studio that asks for a login."""
    with served(tmp_path / "data", "--offline", "--token", page=False) as address:
        log = (tmp_path / "server.log").read_text()
        found = re.search(r"One-time token: (\S+)", log)
        assert found, log
        yield address, found[1]


def arrive(browser: Any, where: str) -> Any:
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    page.goto(where)
    return page


def join(page: Any, name: str) -> None:
    page.get_by_role("heading", name="Set your account up").wait_for()
    assert "#" not in page.url  # the token leaves the address at once
    page.get_by_label("Name").fill(name)
    page.get_by_label("A password, at least 8 characters").fill("a long secret")
    page.get_by_role("button", name="Set it up").click()
    page.get_by_role("button", name="Settings").first.click()
    page.get_by_text(f"You are {name}").wait_for()


def test_the_first_person_lets_a_second_in_and_out(browser: Any, place: tuple[str, str]) -> None:
    address, token = place
    stranger = arrive(browser, address)
    stranger.get_by_role("heading", name="Log in").wait_for()
    ann = arrive(browser, f"{address}/login#{token}")
    join(ann, "ann")
    ann.get_by_text("you keep this studio").wait_for()
    ann.get_by_role("button", name="Let somebody in").click()
    link = ann.locator("dialog code.secret").inner_text()
    ann.keyboard.press("Escape")
    bob = arrive(browser, link)
    join(bob, "bob")
    assert bob.get_by_text("People of this studio").is_hidden()
    folder = bob.evaluate("fetch('api/v1/system').then((r) => r.json())")
    assert "data_folder" not in folder and folder["login"]
    ann.reload()
    ann.get_by_role("button", name="Settings").first.click()
    ann.locator(".people article", has_text="bob").get_by_role("button", name="Lock").click()
    ann.locator("dialog").get_by_role("button", name="Lock").click()
    ann.get_by_text("bob (locked)").wait_for()
    bob.reload()
    bob.get_by_role("heading", name="Log in").wait_for()
    ann.get_by_role("button", name="The log").click()
    ann.get_by_text(re.compile(r"\d+ rows, none changed")).wait_for()
    told = " ".join(ann.locator("dialog tr").all_inner_texts())
    assert "locked" in told and told.count("set an account up") == 2


def test_a_vote_that_met_the_end_of_a_session_goes_out_after_the_login(
    browser: Any, place: tuple[str, str]
) -> None:
    address, token = place
    ann = arrive(browser, f"{address}/login#{token}")
    join(ann, "ann")
    ann.reload()
    ann.locator("#choose").get_by_role("button", name="Pictures").first.click()
    ann.locator(".grid.picture .tile").nth(2).wait_for()
    ann.context.clear_cookies()
    ann.keyboard.press("1")
    ann.keyboard.press("Enter")
    ann.get_by_role("heading", name="Log in").wait_for()
    ann.get_by_label("Name").fill("ann")
    ann.get_by_label("Password").fill("a long secret")
    ann.get_by_role("button", name="Log in").click()
    ann.get_by_text("Your last answer is saved.").wait_for()
    made = ann.evaluate("fetch('api/v1/profiles').then((r) => r.json())")["profiles"]
    assert [p["answers"]["picture"] for p in made if p["answers"]["picture"]] == [1]
