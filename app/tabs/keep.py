"""Keep: versions, files out and in, own things, delete; drawn by static/keep.js."""

import gradio as gr

from app.tabs.mount import mount, word


def keep_tab() -> None:
    """The page called 'Keep'."""
    with gr.Tab(word("Keep"), id="keep", elem_id="keep"):
        mount("keep")
