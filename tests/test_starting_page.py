"""In a real browser: a taste is allowed to help in Settings, and the sixth may start from five."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.starting import ENOUGH
from tests.served import call, served

PATIENCE = 60_000
OFFER = "Start from people like you"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("starting") / "data", "--offline") as made:
        yield made


@pytest.fixture(scope="module")
def known(address: str) -> list[int]:
    """Five tastes of simulated people who pick the shortest passage; four of them may help."""
    made = []
    for n in range(5):
        profile = int(call(address, "profiles", {"name": f"Taste {n}"})["id"])
        for k in range(ENOUGH):
            question = call(address, f"profiles/{profile}/question?medium=text&kind=grid")
            picked = min(question["items"], key=lambda i: len(i["text"].split()))["id"]
            body = {"question_id": question["id"], "outcome": {"picks": [picked]},
                    "idempotency_key": f"start-{profile}-{k:03d}"}  # fmt: skip
            call(address, "answers", body)
        made.append(profile)
        if n:
            call(address, f"profiles/{profile}/helps", {"on": True})
    settled(address, made[0], 4)
    return made


def settled(address: str, profile: int, others: int) -> None:
    """What was learned is stored a moment after the answers."""
    until = time.monotonic() + 60
    while call(address, f"profiles/{profile}/start")["media"]["text"]["others"] < others:
        assert time.monotonic() < until, "the tastes that may help were not stored"
        time.sleep(0.2)


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Any]:
    """The page for one profile; any error of the page fails the test."""
    opened: list[Any] = []
    wrong: list[str] = []

    def go(profile: int) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        opened.append(context)
        context.add_init_script(
            f"localStorage.setItem('penchant.profile', '{profile}');"
            "localStorage.setItem('penchant.medium', 'text')"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.goto(address)
        page.locator(".choose .stage .tile, .choose .stage button").first.wait_for()
        return page

    yield go
    for context in opened:
        context.close()
    assert not wrong


def test_five_who_help_start_the_sixth(visit: Any, address: str, known: list[int]) -> None:
    new = int(call(address, "profiles", {"name": "New"})["id"])
    assert not visit(new).get_by_role("button", name=OFFER).is_visible()

    page = visit(known[0])
    page.get_by_role("button", name="Settings", exact=True).click()
    helps = page.get_by_role("group", name="Let this taste help other profiles here start")
    off, on = (helps.get_by_role("button", name=word, exact=True) for word in ("Off", "On"))
    assert off.get_attribute("aria-pressed") == "true"
    on.click()
    page.wait_for_function(
        "() => document.querySelector('[aria-label^=\"Let this\"] button').ariaPressed === 'true'"
    )

    settled(address, new, 5)
    page = visit(new)
    page.get_by_role("button", name=OFFER).click()
    page.get_by_text("Started from what 5 tastes here have in common").wait_for()
    assert call(address, f"profiles/{new}/start")["media"]["text"]["on"]
    page.reload()
    page.get_by_role("button", name="Start from nothing").wait_for()
    question = call(address, f"profiles/{new}/question?medium=text")
    body = {"question_id": question["id"], "outcome": {"picks": [question["items"][0]["id"]]},
            "idempotency_key": "start-new-0001"}  # fmt: skip
    call(address, "answers", body)
    page.locator(".start-offer").wait_for(state="hidden")
