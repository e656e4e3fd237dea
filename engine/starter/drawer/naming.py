"""Whether a prompt names a thing, as people write: with signs, either apostrophe, in the plural.

Plurals are made of what the thing is called, never singulars of what was written: a bus and
scissors stay what they are, and a glass is no pair of glasses. English only.
"""

import unicodedata
from functools import lru_cache

APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ´`′"), "'")
IRREGULAR = {
    "child": "children", "foot": "feet", "goose": "geese", "mouse": "mice", "ox": "oxen",
    "person": "people", "tooth": "teeth",
}  # fmt: skip


def names(prompt: str, thing: str) -> bool:
    """Whether the words of `thing`, or their plural, stand together in the prompt."""
    said = f" {_words(prompt)} "
    return any(f" {form} " in said for form in _forms(thing))


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    """Small letters, one space between words, nothing else but apostrophes inside of words."""
    plain = unicodedata.normalize("NFC", text.translate(APOSTROPHES)).casefold()
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in plain)
    return " ".join(filter(None, (word.strip("'") for word in kept.split())))


@lru_cache(maxsize=4096)
def _forms(thing: str) -> frozenset[str]:
    """What a thing is called, and the same in the plural: the last word changes."""
    called = _words(thing)
    before, _, last = called.rpartition(" ")
    more = {f"{before} {form}".strip() for form in plurals(last)} if last else set()
    return frozenset({called, *more} - {""})


def plurals(word: str) -> set[str]:
    """How a word ends when there are several; where English is not sure, every way."""
    if word in IRREGULAR:
        return {IRREGULAR[word]}
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return {word[:-1] + "ies"}
    if word.endswith(("s", "x", "z", "ch", "sh")):
        # Of a bus there are no bi.
        latin = {word[:-2] + "i"} if word.endswith("us") and len(word) > 5 else set()
        return {word + "es"} | latin
    ways = {word + "s"}
    ways |= {word + "es"} if word.endswith("o") else set()
    ways |= {word.removesuffix("e")[:-1] + "ves"} if word.endswith(("f", "fe")) else set()
    ways |= {word[:-3] + "men"} if word.endswith("man") else set()
    return ways
