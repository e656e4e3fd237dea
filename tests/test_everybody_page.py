"""The page for everybody: three languages, by keyboard alone, by touch, read aloud, first met.

One studio and one browser for the whole file; what comes later builds on what came before.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.served import ROOT, call, served

WIDE = {"width": 1280, "height": 860}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
GRAVE = ("serious", "critical")
# Every text that can be seen and is not marked as English.
SEEN = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const skip = node.parentElement.closest('[lang=en], code, script, style, .menu, textarea');
    if (!skip && node.parentElement.checkVisibility()) found.push(node.data.trim());
  }
  return found.filter(Boolean);
}"""
# Sentences of the studio, found again by their templates.
SAID = {
    "You like pictures that are muted, calm and flat. What you think of their outline is still "
    "open.": "Du magst Bilder mit diesem Zug: gedämpft, ruhig und flächig. Was du von dieser "
    "Eigenschaft hältst, ist noch offen: Umriss.",
    "needs 3.2 GB of memory, 1.0 GB are free": "braucht 3,2 GB Speicher, frei sind 1,0 GB",
    "somebody is called cat already; choose another name": "Schon jemand heißt cat; wähle einen "
    "anderen Namen.",
    "nobody knows this sentence": "nobody knows this sentence",
}
# What lies beyond the right edge of the screen, or is cut off in its own button.
CUT = """() => [...document.querySelectorAll('.page *, .bar *')]
  .filter((node) => node.checkVisibility() && node.closest('.page, .bar').checkVisibility())
  .filter((node) => !node.closest('.unseen, .map-figure, canvas, svg, pre'))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1
    || (node.matches('button, .field') && node.scrollWidth > node.clientWidth + 2))
  .map((node) => `${node.className} ${node.innerText ?? ''}`.slice(0, 60))"""
# Gradio's own, none of them ours to draw: docs/accessibility.md says what each is.
GRADIO: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("people") / "data", "--offline") as found:
        yield found


@pytest.fixture(scope="module")
def answered(address: str) -> str:
    """The same studio once somebody has answered for a while."""
    found = call(address, "profiles")["profiles"] or [call(address, "profiles", {})]
    answer(address, found[0]["id"], "picture", 14)
    answer(address, found[0]["id"], "text", 3)
    return address


def words(language: str) -> dict[str, Any]:
    return json.loads((ROOT / "app" / "words" / f"{language}.json").read_text())


def visit(browser: Any, address: str, **how: Any) -> Any:
    page = browser.new_context(**{"viewport": WIDE, **how}).new_page()
    page.goto(address)
    page.locator("#choose").get_by_role("button").first.wait_for()
    return page


def answer(address: str, profile: int, medium: str, count: int) -> None:
    """Always the first thing that is shown."""
    question = call(address, f"profiles/{profile}/question?medium={medium}")
    for number in range(count):
        sent = {
            "question_id": question["id"],
            "outcome": {"picks": [question["items"][0]["id"]]},
            "idempotency_key": f"people-{profile}-{medium}-{number}",
        }
        question = call(address, "answers", sent)["next"]


def focused(page: Any) -> str:
    return str(
        page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel")
    )


def tab_to(page: Any, name: str) -> None:
    """Go on with Tab until this is focused; a ring must be seen on it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if name in focused(page).split("\n")[0]:
            ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert ring != "none", f"{name} is focused and nothing shows it"
            return
    raise AssertionError(f"{name} cannot be reached with Tab")


def test_a_newcomer_walks_by_keyboard_and_is_guided_once(browser: Any, address: str) -> None:
    page = visit(browser, address)
    assert page.locator(".hint:visible").count() == 0
    tab_to(page, "Pictures")
    page.keyboard.press("Enter")
    page.locator(".grid .tile").nth(8).wait_for()
    hint = page.locator("#choose .hint")
    hint.wait_for()
    assert "Three are enough" in hint.inner_text()
    below, above = page.locator(".grid").bounding_box(), hint.bounding_box()
    assert above["y"] + above["height"] <= below["y"], "the hint covers what it explains"
    for key in "159":
        page.keyboard.press(key)
    assert page.locator(".tile[aria-pressed=true]").count() == 3
    assert "Show me" in hint.inner_text()
    with page.expect_response("**/answers"):
        page.keyboard.press("Enter")
    tab_to(page, "Put this hint away")
    page.keyboard.press("Enter")
    hint.wait_for(state="hidden")
    page.reload()
    page.locator(".grid .tile, .pair .card").first.wait_for()
    assert page.locator("#choose .hint:visible").count() == 0
    page.context.close()


def test_dialogs_and_settings_give_the_focus_back(browser: Any, answered: str) -> None:
    page = visit(browser, answered)
    page.locator(".grid .tile, .pair .card").first.wait_for()
    tab_to(page, "local")
    page.keyboard.press("Enter")
    page.locator("dialog[open]").wait_for()
    for _ in range(6):
        page.keyboard.press("Tab")
        # The address bar of the browser counts as inside: it comes after the last element.
        inside = page.evaluate(
            "(document.activeElement ?? document.body).matches('body, dialog *')"
        )
        assert inside, "Tab left an open dialog"
    page.keyboard.press("Escape")
    assert "local" in focused(page)
    tab_to(page, "Settings")
    page.keyboard.press("Enter")
    page.locator(".settings:not([inert])").wait_for()
    page.wait_for_timeout(200)
    assert page.evaluate("Boolean(document.activeElement.closest('.settings'))")
    page.get_by_role("button", name="Show the guide again").press("Enter")
    page.keyboard.press("Escape")
    assert focused(page) == "Settings"
    page.locator("#choose .hint").wait_for()
    page.context.close()


def test_the_page_speaks_the_language_of_the_browser_and_the_chosen_one(
    browser: Any, answered: str
) -> None:
    page = visit(browser, answered, locale="de-AT")
    assert page.evaluate("document.documentElement.lang") == "de"
    tabs = ["Auswählen", "Mein Geschmack", "Gestalten", "Behalten"]
    assert [name.strip() for name in page.locator("#pages [role=tab]").all_inner_texts()] == tabs
    page.locator(".grid .tile, .pair .card").first.wait_for()
    assert english(page, "de") == []
    alt = page.locator(".stage img").first.get_attribute("alt")
    assert alt.startswith("Bild 1 von ")
    for tab, shown in (
        ("Mein Geschmack", ".sentence"),
        ("Gestalten", ".ask"),
        ("Behalten", ".preset"),
    ):
        page.get_by_role("tab", name=tab).click()
        page.locator(shown).first.wait_for()
        page.wait_for_timeout(700)
        assert english(page, "de") == []
    wrong = "import('./static/api.js').then((m) => m.get('profiles/999')).catch((e) => e.message)"
    assert page.evaluate(wrong).startswith("Diesen Geschmack (999) gibt es hier nicht mehr")
    for said, told in SAID.items():
        found = f"import('./static/words.js').then((m) => m.said({json.dumps(said)}))"
        assert page.evaluate(found) == told
    page.get_by_role("button", name="Einstellungen").last.click()
    with page.expect_navigation():
        page.locator("#language").select_option("es")
    page.locator(".grid .tile, .pair .card").first.wait_for()
    page.reload()
    page.locator(".grid .tile, .pair .card").first.wait_for()
    assert page.evaluate("document.documentElement.lang") == "es"
    assert page.locator("#choose-button").inner_text().strip() == "Elegir"
    assert english(page, "es") == []
    page.context.close()


PLACES = {"choose": ".tile, .card", "taste": ".sentence", "create": ".ask", "keep": ".preset"}


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_nothing_is_cut_off_on_a_phone(browser: Any, answered: str, language: str) -> None:
    page = visit(browser, answered, locale=language, **PHONE)
    for tab, shown in PLACES.items():
        page.locator(f"#{tab}-button").tap()
        page.locator(f"#{tab}-mount").locator(shown).first.wait_for()
        page.wait_for_timeout(500)
        assert page.evaluate(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


def english(page: Any, language: str) -> list[str]:
    """Visible texts that are English keys with a translation, and sentences that fit none."""
    told = words(language)
    known = {k for part in told.values() for k, v in part.items() if v != k}
    shown = page.evaluate(SEEN)
    return sorted({text for text in shown if text in known or " the " in f" {text} "})


def test_axe_finds_nothing_grave(browser: Any, answered: str) -> None:
    found = []
    for scheme in ("light", "dark"):
        page = visit(browser, answered, color_scheme=scheme)
        page.locator(".grid .tile, .pair .card").first.wait_for()
        found += grave(page, f"{scheme} choose")
        for tab, shown in (("My taste", ".sentence"), ("Create", ".ask"), ("Keep", ".preset")):
            page.get_by_role("tab", name=tab).click()
            page.locator(shown).first.wait_for()
            if tab == "My taste":
                page.locator(".second-look h2").first.wait_for()
            for drawer in page.locator("details:visible:not([open]) > summary").all():
                drawer.click()
            found += grave(page, f"{scheme} {tab}")
        for opens in ("?", None):
            if opens:
                page.keyboard.press(opens)
            else:
                page.get_by_role("button", name="Delete...").click()
            page.locator("dialog[open]").wait_for()
            found += grave(page, f"{scheme} dialog {opens}")
            page.keyboard.press("Escape")
        page.locator(".whose").click()
        found += grave(page, f"{scheme} menu")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Settings").last.click()
        page.wait_for_timeout(400)
        found += grave(page, f"{scheme} settings")
        page.goto(f"{answered}/help")
        page.locator("#help h1").wait_for()
        found += grave(page, f"{scheme} help")
        page.context.close()
    assert found == []


# What Keep would be told with something tuned and something at work: its looks are checked.
TUNED = {
    "id": 1, "name": "A first one", "kind": "picture", "chosen": True, "fits": True, "base": "b",
    "created": 1.7e9, "card": {"answers": 20, "steps": 80, "measured": {"win": 0.8, "held": 4},
                               "verdict": "learning you", "blind": {"mine": 3, "other": 1}},
}  # fmt: skip
TARGET = {
    "name": "peft", "label": "PEFT folder", "state": "made", "tick": "loaded there", "matched": 8,
    "total": 8, "privacy": "vector only", "why": "", "words": False, "snippet": "`a` or `b`",
}  # fmt: skip
JOB = {
    "id": 1, "name": "My taste quick", "state": "running", "message": "learning", "done": 40,
    "total": 80, "eta": 70, "can": ["pause", "stop", "discard"], "wish": None, "samples": [],
    "curve": [{"step": k, "loss": 1 - k / 100, "win": 0.5 + k / 200} for k in (0, 20, 40)],
}  # fmt: skip


def test_axe_finds_nothing_grave_in_what_tuning_brings(browser: Any, answered: str) -> None:
    page = visit(browser, answered)
    page.route("**/profiles/*/adapters", lambda route: route.fulfill(json={"adapters": [TUNED]}))
    page.route(
        "**/adapters/1/exports",
        lambda route: route.fulfill(json={"targets": [TARGET], "unfit": [{"why": "Not here."}]}),
    )
    page.route("**/jobs/1", lambda route: route.fulfill(json=JOB))
    page.get_by_role("tab", name="Keep").click()
    found = []
    for opens, shown in (("Try it", ".blind"), ("Compare blind", ".blind"), ("Take it", ".target")):
        page.get_by_role("button", name=opens).click()
        page.locator(f"dialog[open] {shown}").first.wait_for()
        found += grave(page, opens)
        page.keyboard.press("Escape")
    told = (
        f"import('./static/state.js').then((m) => m.tell('job', m.state.job = {json.dumps(JOB)}))"
    )
    page.evaluate(told)
    page.locator(".job .plot").first.wait_for()
    found += grave(page, "a tuning at work")
    page.context.close()
    assert found == []


def grave(page: Any, where: str) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    # Dark differs in its colours only.
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if where.startswith("dark"):
        options["runOnly"] = ["color-contrast"]
    rows = []
    for broken in Axe().run(page, options=options).response["violations"]:
        for node in broken["nodes"]:
            target = str(node["target"][0])
            if broken["impact"] in GRAVE and (broken["id"], target) not in GRADIO:
                rows.append(f"{where}: {broken['id']} {target} {node['html'][:120]}")
    return rows


def test_the_whole_path_by_touch(browser: Any, address: str, tmp_path: Path) -> None:
    page = visit(browser, address, **PHONE, reduced_motion="reduce")
    page.locator(".whose").tap()
    page.get_by_role("menuitem", name="New taste...").tap()
    page.locator("dialog .field").fill("By touch")
    with page.expect_response("**/question?*"):
        page.get_by_role("button", name="Begin").tap()
    tiles = page.locator(".grid.picture .tile")
    page.wait_for_timeout(500)
    tiles.nth(8).wait_for()
    for tile in (0, 4, 8):
        tiles.nth(tile).tap()
    show = page.get_by_role("button", name="Show me").first
    box = show.bounding_box()
    assert box["y"] + box["height"] <= 844, "Show me is out of reach of a thumb"
    show.tap()
    page.locator(".side-column.personal img").first.wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('.results .waiting')", timeout=90_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert grave(page, "results") == []
    page.locator(".side-column .look").first.tap()
    page.locator("dialog.zoom[open]").wait_for()
    assert grave(page, "large view") == []
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Choose").tap()
    for _ in range(10):
        if page.locator(".pair").count():
            break
        page.locator(".grid .tile").first.tap()
        with page.expect_response("**/answers"):
            page.get_by_role("button", name="Next").tap()
        page.wait_for_timeout(300)
    with page.expect_response("**/answers"):
        page.locator(".pair .card").first.tap()
    moving = "getComputedStyle(document.querySelector('.button')).transitionDuration"
    assert page.evaluate(moving) in ("0s", "")
    page.context.close()
