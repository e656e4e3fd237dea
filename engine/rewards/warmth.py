"""Warmth as sentiment: how glad the words of a text are, less how bitter.

VADER (Hutto & Gilbert 2014): a lexicon with rules for negation, emphasis and capitals; its compound
score. Hears words, not irony, and long texts come closer to either end than short ones.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from engine.rewards.base import Axis, Float


@lru_cache(1)
def _vader() -> Any:
    return SentimentIntensityAnalyzer()


def measure(texts: Sequence[str]) -> Float:
    """-1 to 1; 0 for a text without words that VADER knows."""
    return np.array([_vader().polarity_scores(t)["compound"] for t in texts], np.float64)


AXIS = Axis(
    name="warmth",
    kind="text",
    unit="-1 bitter to 1 glad",
    definition="How glad the words are, less how bitter; 'not good' counts as bitter.",
    low_word="cold",
    high_word="warm",
    measure=measure,
)
