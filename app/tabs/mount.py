"""A mount point: an empty element that app/static/main.js fills."""

from typing import Any

import gradio as gr


def mount(name: str) -> gr.HTML:
    """`<div id="NAME-mount">` inside Gradio's `#NAME-frame`, without Gradio's own styles."""
    return gr.HTML(
        f'<div id="{name}-mount"></div>',
        elem_id=f"{name}-frame",
        apply_default_css=False,
        js_on_load=None,
    )


def word(english: str) -> Any:
    """A word of Gradio's own frame; the browser puts it into the language of the person."""
    return gr.I18n()(english)
