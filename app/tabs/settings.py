"""Settings: the closed sidebar that the gear opens; drawn by static/settings.js."""

import gradio as gr

from app.tabs.mount import mount


def settings_sidebar() -> None:
    """Right side, closed, over the page."""
    with gr.Sidebar(label="Settings", open=False, position="right", width=360, elem_id="settings"):
        mount("settings")
