"""Measured statistics of a passage: plain numbers with plain words for both ends.

Words are runs of letters and digits, with inner apostrophes and hyphens kept. Sentences end at
. ! ? and their kin before a space or the end. A share is a count divided by the number of words,
"per sentence" divides by the number of sentences. The word lists are in text_words.toml.
Reading ease is Flesch 1948: 206.835 - 1.015 words/sentence - 84.6 syllables/word.
Any text is accepted; one without words measures 0 everywhere. English is what the lists know.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Stat(NamedTuple):
    """name, and a word for passages low and high in it ("passages that are ...")."""

    name: str
    low_word: str
    high_word: str


NAMES: tuple[Stat, ...] = (
    Stat("length", "short", "long"),
    Stat("sentence length", "in short sentences", "in long sentences"),
    Stat("rhythm", "even in rhythm", "uneven in rhythm"),
    Stat("word length", "in short words", "in long words"),
    Stat("long words", "free of long words", "rich in long words"),
    Stat("range of words", "happy to repeat a word", "wide in their choice of words"),
    Stat("commas", "sparing with commas", "full of commas"),
    Stat("exclamations", "without exclamation marks", "quick to exclaim"),
    Stat("questions", "without questions", "full of questions"),
    Stat("contractions", "written out in full", "contracted, as in talk"),
    Stat("the writer", "silent about the writer", "told by an I"),
    Stat("the reader", "addressed to nobody", "addressed to you"),
    Stat("adjectives", "bare of adjectives", "rich in adjectives"),
    Stat("things", "without things to touch", "full of things to touch"),
    Stat("ideas", "free of abstract words", "full of abstract words"),
    Stat("numbers", "without numbers", "exact, with numbers"),
    Stat("doubt", "sure of themselves", "careful, with perhaps and almost"),
    Stat("emphasis", "restrained", "emphatic"),
    Stat("gladness", "sparing with glad words", "glad in their words"),
    Stat("darkness", "free of dark words", "dark in their words"),
    Stat("formality", "informal", "formal"),
    Stat("speech", "without quotation marks", "full of quoted words"),
    Stat("dashes", "without dashes or colons", "broken by dashes and colons"),
    Stat("Latin words", "homely in their words", "learned in their words"),
    Stat("syllables", "light in syllables", "heavy in syllables"),
    Stat("ease", "hard to read", "easy to read"),
    Stat("small words", "dense with content", "full of small words"),
    Stat("likenesses", "literal", "fond of comparisons"),
)

WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*")
STOP = re.compile(r"[.!?…]+[\"')\]]*(?=\s|$)|[。！？]+|\n\s*\n")
VOWELS = re.compile(r"[aeiouy]+")
SILENT = re.compile(
    r"(?<![aeiouyl])e$|(?<=[aeiouy])le$|(?<=[^aeioustdycgxz])es$|(?<=[^aeioutd])ed$"
)
CONTRACTION = re.compile(r".+(?:n't|'(?:m|re|ve|ll|d))$|(?:it|that|there|here|what|who|where|how|he"
                         r"|she|let|everyone|everything|nobody|nothing|someone)'s$")  # fmt: skip
ADJECTIVE = re.compile(r".{2,}(?:y|ful|less|ous|ing|ish)$")
IDEA = re.compile(r".{2,}(?:tion|sion|ness|ity|ment|ance|ence|ism|ship|hood)s?$|.{3,}(?:ities)$")
LATIN = re.compile(r".{2,}(?:tion|sion|ity|ment|ance|ence|ant|ent|able|ible|ate|ive|ous|ify|ise"
                   r"|ised|ary|ory|ular|ial|ual|ure|ical|ude)s?$")  # fmt: skip
LIKENESS = re.compile(r"\blike (?:an?|the|some|two|my|your|his|her|one|old)\b|\bas if\b"
                      r"|\bas though\b|\bas \w+ as\b", re.IGNORECASE)  # fmt: skip
NUMERAL = frozenset(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand million half quarter third dozen twice".split()
)
PLAIN = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "‑": "-"})


@lru_cache(1)
def lexicon() -> dict[str, frozenset[str]]:
    """The word lists by name."""
    with open(Path(__file__).with_name("text_words.toml"), "rb") as file:
        return {name: frozenset(words.split()) for name, words in tomllib.load(file).items()}


@lru_cache(20_000)
def syllables(word: str) -> int:
    """Vowel groups less a silent ending, at least one."""
    letters = SILENT.sub("", word) or word
    return max(1, len(VOWELS.findall(letters)))


def sentences(text: str) -> list[int]:
    """Words in each sentence that has any."""
    counts = (len(WORD.findall(part)) for part in STOP.split(text))
    return [n for n in counts if n]


def measure(text: str) -> NDArray[np.float32]:
    """(len(NAMES),) statistics of a text."""
    text = text.translate(PLAIN)
    words = [w.lower() for w in WORD.findall(text)]
    if not words:
        return np.zeros(len(NAMES), np.float32)
    parts = (*_shape(text, words), *_kinds(words), *_lists(words), *_marks(text, words))
    return np.array(_in_order(dict(parts)), np.float32)


def measure_all(texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, len(NAMES))."""
    return np.array([measure(t) for t in texts], np.float32).reshape(-1, len(NAMES))


def _in_order(found: dict[str, float]) -> list[float]:
    return [found[stat.name] for stat in NAMES]


def _shape(text: str, words: list[str]) -> list[tuple[str, float]]:
    """Lengths and their spread; reading ease."""
    lengths = np.array(sentences(text), np.float64)
    letters = [len(w) for w in words]
    n, per_sentence = len(words), float(lengths.mean())
    beats = sum(syllables(w) for w in words) / n
    return [
        ("length", float(n)),
        ("sentence length", per_sentence),
        ("rhythm", float(lengths.std())),
        ("word length", sum(letters) / n),
        ("long words", sum(k >= 7 for k in letters) / n),
        ("range of words", len(set(words)) / n),
        ("syllables", beats),
        ("ease", 206.835 - 1.015 * per_sentence - 84.6 * beats),
    ]


def _kinds(words: list[str]) -> list[tuple[str, float]]:
    """Shares of words by their form. Small words are never adjectives, ideas or Latin."""
    totals = np.sum([_form(w) for w in words], 0) / len(words)
    names = ("contractions", "adjectives", "ideas", "Latin words", "numbers", "small words")
    return list(zip(names, totals.tolist(), strict=True))


@lru_cache(20_000)
def _form(word: str) -> tuple[bool, ...]:
    """Which of the forms counted by _kinds a word has, in their order."""
    small = word in lexicon()["function"]
    return (
        bool(CONTRACTION.match(word)),
        not small and bool(ADJECTIVE.match(word)),
        not small and bool(IDEA.match(word)),
        not small and bool(LATIN.match(word)),
        word in NUMERAL or word[0].isdigit(),
        small,
    )


def _lists(words: list[str]) -> list[tuple[str, float]]:
    """Shares of words that stand in a list."""
    lists = {
        "the writer": "first_person",
        "the reader": "second_person",
        "things": "concrete",
        "doubt": "hedges",
        "emphasis": "intensifiers",
        "gladness": "positive",
        "darkness": "negative",
        "formality": "formal",
    }
    known, n = lexicon(), len(words)
    return [(name, sum(w in known[key] for w in words) / n) for name, key in lists.items()]


def _marks(text: str, words: list[str]) -> list[tuple[str, float]]:
    """Punctuation per sentence; quotation marks and likenesses per word."""
    count = max(1, len(sentences(text)))
    dashes = text.count("—") + text.count("–") + text.count(" - ") + text.count(":")
    return [
        ("commas", text.count(",") / count),
        ("exclamations", text.count("!") / count),
        ("questions", text.count("?") / count),
        ("dashes", (dashes + text.count(";")) / count),
        ("speech", text.count('"') / len(words)),
        ("likenesses", len(LIKENESS.findall(text)) / len(words)),
    ]
