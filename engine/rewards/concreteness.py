"""Concreteness: things to touch against abstract nouns, by a list and by endings.

A thing that the list does not know counts as neither.
"""

from engine.rewards.base import Axis, of_text

AXIS = Axis(
    name="concreteness",
    kind="text",
    unit="per 100 words",
    definition="Things to touch (apple, door) less abstract words (freedom), per 100 words.",
    low_word="abstract",
    high_word="concrete",
    measure=of_text(100.0, things=1.0, ideas=-1.0),
)
