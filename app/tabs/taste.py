"""My taste: what was learned, in words, bars, a map and lists; drawn by static/taste.js."""

import gradio as gr

from app.tabs.mount import mount, word


def taste_tab() -> None:
    """The page called 'My taste'."""
    with gr.Tab(word("My taste"), id="taste", elem_id="taste"):
        mount("taste")
