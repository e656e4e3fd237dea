"""Reading ease (Flesch 1948) with the syllables of text_stats.

Those are right more often than the hyphens of pyphen (85 everyday words: docs/evidence.md).
"""

from engine.rewards.base import Axis, of_text

AXIS = Axis(
    name="readability",
    kind="text",
    unit="points of Flesch's reading ease, about 0 to 100",
    definition="Short sentences of short words score high: a law about 30, talk about 90.",
    low_word="hard to read",
    high_word="easy to read",
    measure=of_text(ease=1.0),
)
