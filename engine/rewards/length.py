"""Length of a text in words; every other axis of words is measured per word or per sentence.

The axis against which fitted heads are freed of verbosity (heads.py).
"""

from engine.rewards.base import Axis, of_text

AXIS = Axis(
    name="length",
    kind="text",
    unit="words",
    definition="How many words the text has.",
    low_word="short",
    high_word="long",
    measure=of_text(length=1.0),
)
