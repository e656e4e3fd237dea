"""Lightness: mean luma of the drawn parts."""

from engine.rewards.base import Axis, of_picture

AXIS = Axis(
    name="lightness",
    kind="picture",
    unit="percent, 0 black to 100 white",
    definition="How light the drawn parts are on average; white paper does not count.",
    low_word="dark",
    high_word="light",
    measure=of_picture(100.0, brightness=1.0),
)
