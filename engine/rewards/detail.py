"""Detail as edge density: the share of neighbouring pixels whose tone differs by over a tenth."""

from engine.rewards.base import Axis, of_picture

AXIS = Axis(
    name="detail",
    kind="picture",
    unit="percent of the picture",
    definition="How much of the picture is edges: steps in tone from one pixel to the next.",
    low_word="plain",
    high_word="detailed",
    measure=of_picture(50.0, busyness=1.0),
)
