"""Left-right symmetry: 100 less the difference in tone from the mirror image, per drawn pixel."""

from engine.rewards.base import Axis, of_picture

AXIS = Axis(
    name="symmetry",
    kind="picture",
    unit="percent, 100 is its own mirror image",
    definition="How much the left half mirrors the right half.",
    low_word="lopsided",
    high_word="symmetrical",
    measure=of_picture(100.0, 100.0, symmetry=1.0),
)
