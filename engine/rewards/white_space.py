"""White space: the share of the picture that is left nearly white."""

from engine.rewards.base import Axis, of_picture

AXIS = Axis(
    name="white space",
    kind="picture",
    unit="percent of the picture",
    definition="How much of the picture is left empty.",
    low_word="filling the frame",
    high_word="airy",
    measure=of_picture(-100.0, 100.0, fill=1.0),
)
