"""The Keep page in a real browser, on a tiny model: tune, reload, pause, keep, compare, carry."""

import io
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.kill_worker import save_tiny
from tests.served import served

WAIT = 60_000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def address(tmp_path: Path, model: Path) -> Iterator[str]:
    with served(tmp_path / "data", "--offline", "--cpu", "--lm", str(model)) as made:
        yield made


def call(address: str, path: str, body: Any = None, raw: bytes | None = None) -> Any:
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    kind = "application/zip" if raw is not None else "application/json"
    request = urllib.request.Request(f"{address}/api/v1/{path}", data, {"content-type": kind})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.loads(reply.read())


def answered(address: str, n: int = 10) -> int:
    """A profile with n answers about words: the shorter the better."""
    profile = int(call(address, "profiles", {"name": "Ada"})["id"])
    question = call(address, f"profiles/{profile}/question?medium=text")
    for k in range(n):
        best = min(question["items"], key=lambda i: len(i["text"]))
        body = {"question_id": question["id"], "outcome": {"picks": [best["id"]]},
                "idempotency_key": f"keep-page-{k:03d}"}  # fmt: skip
        question = call(address, "answers", body)["next"]
    return profile


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The Keep page of somebody who has answered; any error of the page fails the test."""
    answered(address)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    wrong: list[str] = []
    found = opened(context, address, wrong)
    yield found
    context.close()
    assert wrong == []


def opened(context: Any, address: str, wrong: list[str] | None = None) -> Any:
    found = context.new_page()
    if wrong is not None:
        found.on("pageerror", lambda e: wrong.append(f"page error: {e}"))
    found.goto(address)
    found.locator("#keep-button").click()
    return found


def begin(page: Any, steps: int) -> None:
    page.get_by_text("All settings").click(timeout=WAIT)
    page.get_by_label("Steps", exact=True).fill(str(steps))
    page.get_by_label("Learning rate").fill("0.000001")
    assert f"--steps {steps}" in page.locator(".tune .command").inner_text()
    page.get_by_role("button", name="Tune: Quick").click()


def test_a_tuning_is_the_same_in_every_tab_and_ends_in_an_adapter(page: Any, address: str) -> None:
    begin(page, 3000)
    box = page.locator(".job")
    box.get_by_text("Step").first.wait_for(timeout=WAIT)
    page.locator(".chip.tuning").wait_for()

    page.reload()
    page.locator("#keep-button").click()
    box.get_by_text("Step").first.wait_for(timeout=WAIT)
    second = opened(page.context, address)
    second.locator(".job").get_by_text("Step").first.wait_for(timeout=WAIT)

    box.get_by_role("button", name="Pause").click()
    box.get_by_text("Paused: ").wait_for(timeout=WAIT)
    second.locator(".job").get_by_text("Paused: ").wait_for(timeout=WAIT)
    second.close()
    box.get_by_role("button", name="Go on").click()
    box.get_by_text("Tuning: ").wait_for(timeout=WAIT)
    box.get_by_text("Step").first.wait_for(timeout=WAIT)
    box.get_by_role("button", name="Stop and keep").click()
    adapter = page.locator(".adapter")
    adapter.first.wait_for(timeout=WAIT)
    assert "from 10 answers" in adapter.first.inner_text()
    page.locator(".tune").get_by_role("button", name="Tune: Quick").wait_for(timeout=WAIT)


def test_a_finished_one_is_tried_compared_carried_and_brought_in(
    page: Any, address: str, tmp_path: Path, model: Path, browser: Any
) -> None:
    begin(page, 2)
    adapter = page.locator(".adapter").first
    adapter.wait_for(timeout=WAIT)

    adapter.get_by_role("button", name="Compare blind").click()
    sheet = page.locator("dialog")
    sheet.get_by_role("button", name="Write two").click()
    # An untrained tiny model may write both alike; then it says so and nothing is counted.
    sheet.locator(".stage .sample, .stage .bad").first.wait_for(timeout=WAIT)
    if sheet.locator(".sample").count():
        page.keyboard.press("1")
        sheet.get_by_text("So far you chose").wait_for(timeout=WAIT)
    page.keyboard.press("Escape")

    adapter.get_by_role("button", name="Take it away...").click()
    peft = sheet.locator(".target", has_text="PEFT folder")
    peft.get_by_role("button", name="Make it").click()
    peft.get_by_text("refused").or_(peft.get_by_text("loaded there")).wait_for(timeout=WAIT)
    lines = sheet.locator(".target", has_text="Answers as JSON lines")
    for privacy in ("pseudonymous", "full"):
        sheet.get_by_label("Which answers may leave").select_option(privacy)
        lines.get_by_role("button", name="Make it").click()
        lines.get_by_role("link", name="Download").wait_for(timeout=WAIT)
    page.keyboard.press("Escape")

    number = call(address, "profiles/1/adapters")["adapters"][0]["id"]
    with urllib.request.urlopen(f"{address}/api/v1/adapters/{number}/file") as reply:
        file = tmp_path / "mine.zip"
        file.write_bytes(reply.read())
    with served(tmp_path / "other", "--offline", "--cpu", "--lm", str(model)) as other:
        answered(other, 1)
        elsewhere = opened(browser.new_context(), other)
        elsewhere.locator(".adapters").get_by_text("Nothing yet").wait_for(timeout=WAIT)
        elsewhere.locator(".adapters input[type=file]").set_input_files(file)
        elsewhere.locator(".adapter").first.wait_for(timeout=WAIT)
        assert words(other) == words(address)
        elsewhere.context.close()

    adapter.get_by_role("button", name="Try it").click()
    page.locator("#create .side-column.personal .result").first.wait_for(timeout=WAIT)


def words(address: str) -> list[str]:
    """What the tuned model writes for one prompt and seed, without the belief's choice."""
    import torch

    from engine.adapter_check import read_adapter
    from engine.backbones.causal_lm import CausalLM
    from engine.data import Request
    from engine.lora import targets
    from engine.steering.lora import lora

    number = call(address, "profiles/1/adapters")["adapters"][0]["id"]
    with urllib.request.urlopen(f"{address}/api/v1/adapters/{number}/file") as reply:
        data = reply.read()
    assert io.BytesIO(data).read(2) == b"PK"
    from tests.tiny import tiny_lm

    backbone = tiny_lm(layers=2)
    assert isinstance(backbone, CausalLM) and torch.is_tensor(backbone.model.lm_head.weight)
    shapes = {k: (v.out_features, v.in_features) for k, v in targets(backbone.model).items()}
    from engine.adapter import Base

    name = call(address, "profiles/1/adapters")["adapters"][0]["base"]
    backbone.name = name
    made = read_adapter(data, Base(name), shapes)
    with lora(backbone, made, 1.0):
        return list(backbone.write([Request("say hi", seed=5, max_tokens=24)]))


def picked(address: str, n: int = 9) -> int:
    """A profile with n answers about pictures: the first shown, whatever it is."""
    profile = int(call(address, "profiles", {"name": "Bo"})["id"])
    question = call(address, f"profiles/{profile}/question?medium=picture")
    for k in range(n):
        best = min(question["items"], key=lambda i: i["id"])
        body = {"question_id": question["id"], "outcome": {"picks": [best["id"]]},
                "idempotency_key": f"keep-picture-{k:03d}"}  # fmt: skip
        question = call(address, "answers", body)["next"]
    return profile


@pytest.mark.slow
def test_pictures_are_tuned_seen_tried_and_compared(browser: Any, address: str) -> None:
    """The answers say pictures; the job draws beside the plain model; the adapter is tried."""
    picked(address)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    wrong: list[str] = []
    page = opened(context, address, wrong)
    tune = page.locator(".tune")
    chosen = tune.locator('.switch [aria-pressed="true"]')
    chosen.get_by_text("Pictures").wait_for(timeout=3 * WAIT)
    tune.get_by_role("button", name="Words").click()
    tune.get_by_text("Answer 8 more questions about words first.").wait_for(timeout=3 * WAIT)
    tune.get_by_role("button", name="Pictures", exact=True).click()
    tune.get_by_text("All settings").click(timeout=3 * WAIT)
    assert tune.get_by_label("Method").input_value() == "diffusion_dpo"
    page.get_by_label("Steps", exact=True).fill("1")
    page.get_by_role("button", name="Tune: Quick").click()

    rows = page.locator(".job .drawn")
    rows.get_by_text("The plain model").wait_for(timeout=10 * WAIT)
    loaded = "img => img.complete && img.naturalWidth === 96"
    page.locator(".job .drawn img").first.scroll_into_view_if_needed()
    page.wait_for_function(f"[...document.querySelectorAll('.job .drawn img')].some({loaded})")
    adapter = page.locator(".adapter").first
    adapter.wait_for(timeout=10 * WAIT)
    assert adapter.inner_text().count("pictures") and "from 9 answers" in adapter.inner_text()

    adapter.get_by_role("button", name="Try it").click()
    sheet = page.locator("dialog")
    sheet.get_by_role("button", name="Draw", exact=True).click()
    sheet.locator(".drawn img").nth(7).wait_for(timeout=4 * WAIT)
    page.keyboard.press("Escape")
    adapter.get_by_role("button", name="Compare blind").click()
    sheet.get_by_role("button", name="Draw two").click()
    sheet.locator(".stage img.drawing").nth(1).wait_for(timeout=4 * WAIT)
    page.keyboard.press("1")
    sheet.get_by_text("So far you chose").or_(sheet.get_by_text("No choice yet")).wait_for(
        timeout=3 * WAIT
    )
    page.keyboard.press("Escape")
    adapter.get_by_role("button", name="Take it away...").click()
    sheet.locator(".target", has_text="diffusers").first.wait_for(timeout=3 * WAIT)
    assert sheet.get_by_text("cannot run this picture model").count() == 1
    assert sheet.locator(".target", has_text="PEFT folder").count() == 0
    context.close()
    assert wrong == []
