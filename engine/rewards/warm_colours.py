"""Warmth of colour: red less blue, averaged over what is drawn. Green and grey are in between."""

from engine.rewards.base import Axis, of_picture

AXIS = Axis(
    name="warmth of colour",
    kind="picture",
    unit="percent, -100 blue to 100 red",
    definition="How much more red than blue the drawn parts hold.",
    low_word="cool in colour",
    high_word="warm in colour",
    measure=of_picture(100.0, warmth=1.0),
)
