"""The look of Gradio's frame: its theme variables point at ours, which live in static/style.css."""

import gradio as gr  # noqa: TID253 (imported by main only when the page is drawn)

FONT = ("ui-sans-serif", "system-ui", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")

# Written out where Gradio's first paint needs a value before our style sheet is there.
PAPER, PAPER_DARK = "#faf9f7", "#151517"
INK, INK_DARK = "#1d1c1a", "#ededea"

# Gradio variable -> our variable. Ours follow light and dark by themselves.
SAME = {
    "background_fill_primary": "var(--paper)",
    "background_fill_secondary": "var(--card)",
    "block_background_fill": "transparent",
    "border_color_primary": "var(--line)",
    "body_text_color_subdued": "var(--muted)",
    "button_secondary_background_fill": "var(--card)",
    "button_secondary_text_color": "var(--ink)",
}


def penchant_theme() -> gr.themes.Base:
    """System fonts, 12 px corners, no boxes around blocks."""
    theme = gr.themes.Base(
        font=FONT,
        font_mono=MONO,
        radius_size=gr.themes.Size(
            xxs="4px", xs="6px", sm="8px", md="12px", lg="12px", xl="16px", xxl="20px", name="ours"
        ),
    )
    dark = {f"{name}_dark": value for name, value in SAME.items()}
    return theme.set(
        body_background_fill=PAPER,
        body_background_fill_dark=PAPER_DARK,
        body_text_color=INK,
        body_text_color_dark=INK_DARK,
        block_border_width="0px",
        block_padding="0px",
        layout_gap="0px",
        **SAME,
        **dark,
    )
