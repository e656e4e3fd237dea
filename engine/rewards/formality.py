"""Formality by words: letters and offices against talk.

Knows the words of its list (text_words.toml); polite phrasing in plain words is not seen.
"""

from engine.rewards.base import Axis, of_text

AXIS = Axis(
    name="formality",
    kind="text",
    unit="per 100 words",
    definition="Words of letters (kindly, regarding) less contractions (don't), per 100 words.",
    low_word="informal",
    high_word="formal",
    measure=of_text(100.0, formality=1.0, contractions=-1.0),
)
