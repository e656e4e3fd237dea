"""Choose: the questions: a grid first, then pairs; drawn by static/card.js."""

import gradio as gr

from app.tabs.mount import mount, word


def choose_tab() -> None:
    """The page called 'Choose'."""
    with gr.Tab(word("Choose"), id="choose", elem_id="choose"):
        mount("choose")
