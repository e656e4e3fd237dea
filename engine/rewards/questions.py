"""How often a text asks: question marks per 100 sentences."""

from engine.rewards.base import Axis, of_text

AXIS = Axis(
    name="question rate",
    kind="text",
    unit="question marks per 100 sentences",
    definition="How many sentences ask something.",
    low_word="without questions",
    high_word="full of questions",
    measure=of_text(100.0, questions=1.0),
)
