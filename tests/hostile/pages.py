"""Text that would like to be a page: stored wherever text is stored, then every page is looked at.

Each line of payloads.txt wants to open a dialog, to fetch something from elsewhere, or to stand in
the page as an element. What the browser does is watched, and the page is searched for elements
that came out of a text.
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.hostile.world import World, _picture, adapter_file
from tests.served import free_port

FILE = Path(__file__).with_name("payloads.txt")
WAIT = 30_000
# Elements that none of our pages has, and attributes that none of our elements has.
FOUND = """() => [...document.querySelectorAll('*')].filter((node) =>
  [...node.attributes].some((a) => /^on/i.test(a.name) && /alert|fetch|evil/.test(a.value)
    || ['src', 'href', 'action', 'formaction', 'data', 'srcdoc', 'srcset', 'poster', 'style',
      'ping'].includes(a.name.toLowerCase())
    && /evil\\.example|javascript:|vbscript:/i.test(a.value))
  || node.localName === 'script' && /alert|evil/.test(node.textContent)
  || node.localName === 'style' && /evil\\.example/.test(node.textContent))
  .map((node) => node.outerHTML.slice(0, 200))"""
MORE = """() => { const found = [...document.querySelectorAll('button')].filter(
  (b) => b.textContent.trim() === 'Show more' && b.offsetParent);
  found.forEach((b) => b.click()); return found.length; }"""
# How many of the planted texts a person sees just now, as text or in a field.
SHOWN = """(texts) => { const page = document.body.innerText + ' ' + [...document.querySelectorAll(
  'input, textarea')].map((f) => f.value).join(' ') + ' ' + [...document.querySelectorAll(
  '[title], [aria-label], [alt]')].map((n) => `${n.title} ${n.alt} ${n.ariaLabel}`).join(' ');
  const flat = (s) => s.replace(/\\s+/g, ' ').trim();
  const all = flat(page); return texts.filter((t) => all.includes(flat(t).slice(0, 60))); }"""


def payloads() -> list[str]:
    return FILE.read_text().rstrip("\n").split("\n")


def plant(world: World, texts: Sequence[str]) -> int:
    """Every text into every place of a new profile that takes one; its number."""
    studio, user = world.studio, world.user
    profile = int(studio.new_profile(user, texts[0][:80], texts[0])["id"])
    _answers(world, profile, texts)
    items = [int(i) for i in studio.shelves.starter("picture").features.ids[: len(texts)]]
    for k, text in enumerate(texts):
        room = 190 - len(studio.profiles(user))
        if k and room > 0:
            made = studio.new_profile(user, text[:80], text)
            studio.change_profile(user, made["id"], {"name": text[:80]})
        studio.captions.put(user, profile, items[k], text)
        wanted = {"medium": ("text", "picture")[k % 2], "prompt": text, "n": 1, "strength": 1.0,
                  "seed": k, "depth": "instant", "max_tokens": 8}  # fmt: skip
        list(studio.generate(user, profile, wanted, lambda: False))
    for k in range(0, len(texts), 25):
        studio.add_texts(user, profile, list(texts[k : k + 25]), texts[k])
    studio.add_pictures(user, profile, [(f"{t}.png", _picture()) for t in texts[:50]])
    _adapters(world, profile, texts)
    for kind in ("text", "picture"):
        world.json("POST", f"profiles/{profile}/description", {"medium": kind, "text": texts[-1]})
    return profile


def _answers(world: World, profile: int, texts: Sequence[str]) -> None:
    """Enough of them for My taste; those about words with a reason each."""
    studio, user = world.studio, world.user
    for kind in ("picture", "text"):
        question = studio.question(user, profile, kind)
        for k in range(9):
            picks = {"picks": [question["items"][0]["id"]]}
            key = f"plant-{profile}-{kind}-{k}"
            made = studio.answer(user, question["id"], picks, key=key)
            if kind == "text":
                studio.reasons.give(user, profile, made["seq"], ([], texts[k % len(texts)]), key)
            question = made["next"]


def _adapters(world: World, profile: int, texts: Sequence[str]) -> None:
    path = f"/api/v1/profiles/{profile}/adapters/import"
    first = json.loads(world.send("POST", path, adapter_file(world)).body)["id"]
    made = world.studio.keeping.load(first)
    for text in texts:
        world.studio.keeping.put(profile, None, made, text[:80])


@contextmanager
def running(world: World) -> Iterator[str]:
    """The same studio on a port, with Gradio's frame; it stays open afterwards."""
    import uvicorn

    from app.accounts import Accounts
    from app.main import _mount, build
    from app.security import Gate

    accounts = Accounts(world.studio.store, None)
    app = build(world.studio, accounts)
    _mount(app, SimpleNamespace(offline=True, theme="light", language="en"))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(
        Gate(app, accounts), port=port, lifespan="off", log_level="warning"))  # fmt: skip
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


class Watch:
    """What a page did that it must not."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.dialogs: list[str] = []
        self.foreign: list[str] = []
        self.errors: list[str] = []
        self.elements: list[str] = []
        self.shown: set[str] = set()
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("pageerror", lambda e: self.errors.append(str(e)[:300]))
        page.on("console", self._console)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.foreign.append(request.url)

    def _console(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.errors.append(message.text[:300])

    def look(self, texts: Sequence[str]) -> None:
        """Search the page as it is now."""
        self.page.wait_for_timeout(250)
        self.elements += self.page.evaluate(FOUND)
        self.shown |= set(self.page.evaluate(SHOWN, list(texts)))

    def wrong(self) -> dict[str, list[str]]:
        found = {"dialogs": self.dialogs, "foreign": self.foreign, "errors": self.errors,
                 "elements": self.elements}  # fmt: skip
        return {k: v for k, v in found.items() if v}


def visit(browser: Any, address: str, profile: int, texts: Sequence[str]) -> Watch:
    """Every page, drawer and list of one person, as they stand after `plant`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(f"localStorage.setItem('penchant.profile', {profile})")
    page = context.new_page()
    watch = Watch(page, address)
    page.goto(address)
    page.locator("#choose-mount").wait_for(timeout=WAIT)
    page.locator(".whose").click(timeout=WAIT)
    watch.look(texts)
    page.keyboard.press("Escape")
    for medium in ("Words", "Pictures"):
        page.locator("#choose-button").click()
        page.get_by_role("button", name=medium, exact=True).first.click(timeout=WAIT)
        page.locator(".stage .tile, .stage .side, .stage img").first.wait_for(timeout=WAIT)
        watch.look(texts)
        for name in ("taste", "create", "keep"):
            page.locator(f"#{name}-button").click()
            page.wait_for_load_state("networkidle")
            _open(page)
            watch.look(texts)
    page.evaluate("document.querySelector('#settings .toggle-button')?.click()")
    watch.look(texts)
    context.close()
    return watch


def _open(page: Any) -> None:
    """Drawers, and the next pages of lists."""
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    for _ in range(30):
        if not page.evaluate(MORE):
            break
        page.wait_for_load_state("networkidle")


def seen_to_work(browser: Any, address: str) -> dict[str, list[str]]:
    """What the watch reports when a text does become a part of the page: the control."""
    context = browser.new_context()
    page = context.new_page()
    watch = Watch(page, address)
    page.goto(address)
    page.locator("#choose-mount").wait_for(timeout=WAIT)
    page.evaluate("""() => { const box = document.createElement('div');
      box.innerHTML = '<img src=x onerror=alert(1)><img src=//evil.example/x>';
      document.body.append(box); }""")
    watch.look([])
    context.close()
    return watch.wrong()
