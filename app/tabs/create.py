"""Create: one prompt, one slider, plain and personal side by side; drawn by static/create.js."""

import gradio as gr

from app.tabs.mount import mount, word


def create_tab() -> None:
    """The page called 'Create'."""
    with gr.Tab(word("Create"), id="create", elem_id="create"):
        mount("create")
