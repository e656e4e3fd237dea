"""Flatness: the share of the drawn parts without a soft change of tone."""

from engine.rewards.base import Axis, of_picture

AXIS = Axis(
    name="flatness",
    kind="picture",
    unit="percent of the drawn parts",
    definition="How much of the drawing is without soft shading: 100 is paper cut-outs.",
    low_word="softly shaded",
    high_word="flat",
    measure=of_picture(-100.0, 100.0, shading=1.0),
)
