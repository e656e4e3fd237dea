"""Colourfulness (Hasler & Suesstrunk 2003, eq. 1-2) of what is drawn; paper does not count."""

from engine.rewards.base import Axis, of_picture

AXIS = Axis(
    name="colourfulness",
    kind="picture",
    unit="points of Hasler & Süsstrunk: 0 grey, 33 moderate, 109 extreme",
    definition="How far apart and how strong the colours of the drawing are.",
    low_word="sober in colour",
    high_word="colourful",
    measure=of_picture(255.0, colourfulness=1.0),
)
