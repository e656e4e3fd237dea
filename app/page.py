"""The page: a table of contents.

Gradio draws the frame; everything that moves is our own HTML in app/static, which talks to
/api/v1. No Gradio event is used, so Gradio's queue and upload doors can stay shut.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr  # noqa: TID253 (imported by main only when the page is drawn)

from app.tabs.choose import choose_tab
from app.tabs.create import create_tab
from app.tabs.keep import keep_tab
from app.tabs.mount import mount
from app.tabs.settings import settings_sidebar
from app.tabs.taste import taste_tab
from app.theme import penchant_theme

STATIC = Path(__file__).parent / "static"
WORDS = Path(__file__).parent / "words"
FRAME = ("Choose", "My taste", "Create", "Keep", "Settings")
THEMES = ("auto", "light", "dark")
# Relative to the page, so that it also works below a root path.
HEAD = """\
<meta name="penchant" data-theme="{theme}" data-offline="{offline}"
 data-language="{language}">
<link rel="stylesheet" href="static/style.css">
<link rel="stylesheet" href="static/pages.css">
<link rel="stylesheet" href="static/making.css">
<link rel="stylesheet" href="static/compass.css">
<link rel="stylesheet" href="static/checks.css">
<script type="module" src="static/main.js"></script>
"""


def build_page(
    offline: bool, theme: str, language: str = "auto"
) -> tuple[gr.Blocks, dict[str, Any]]:
    """The Blocks, and the keyword arguments that mount_gradio_app needs with them."""
    if theme not in THEMES:
        raise ValueError(f"theme {theme!r} is not known; choose one of {', '.join(THEMES)}")
    with gr.Blocks(title="Penchant", analytics_enabled=False, fill_width=True) as page:
        mount("header")
        with gr.Tabs(selected="choose", elem_id="pages"):
            choose_tab()
            taste_tab()
            create_tab()
            keep_tab()
        settings_sidebar()
    head = HEAD.format(theme=theme, offline=str(offline).lower(), language=language)
    return page, settings(head)


def frame_words() -> dict[str, dict[str, str]]:
    """What Gradio itself writes, by language: the names of the tabs and of the sidebar."""
    words: dict[str, dict[str, str]] = {"en": {name: name for name in FRAME}}
    for file in sorted(WORDS.glob("*.json")):
        page = json.loads(file.read_text())["page"]
        words[file.stem] = {name: page.get(name, name) for name in FRAME}
    return words


def settings(head: str) -> dict[str, Any]:
    """What Gradio 6 takes when it is mounted: the look, and everything that calls home off."""
    return {
        "theme": penchant_theme(),
        "head": head,
        "i18n": gr.I18n(**frame_words()),
        "favicon_path": str(STATIC / "icon.png"),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "mcp_server": False,
    }
