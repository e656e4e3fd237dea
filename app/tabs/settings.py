"""Settings: the closed sidebar that the gear opens; drawn by static/settings.js."""

import gradio as gr

from app.tabs.mount import mount, word


def settings_sidebar() -> None:
    """Right side, closed, over the page."""
    with gr.Sidebar(
        label=word("Settings"), open=False, position="right", width=360, elem_id="settings"
    ):
        mount("settings")
