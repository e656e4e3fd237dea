"""Texts to numbers: statistics by hand, MiniLM, and the taste space of passages."""

import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.encoders import text_stats
from engine.encoders.minilm import MiniLM
from engine.encoders.starter_text import StarterText
from engine.starter import build_passages
from engine.starter.pool import passages

ROW = {stat.name: k for k, stat in enumerate(text_stats.NAMES)}


def of(text: str, name: str) -> float:
    return float(text_stats.measure(text)[ROW[name]])


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def starter(minilm: MiniLM) -> StarterText:
    return StarterText(minilm)


def shipped() -> list[str]:
    return [str(r["text"]) for r in passages().records]


def test_names_and_words_are_distinct_and_told_plainly() -> None:
    names = [s.name for s in text_stats.NAMES]
    ends = [w for s in text_stats.NAMES for w in (s.low_word, s.high_word)]
    assert len(set(names)) == len(names) >= 26 and len(set(ends)) == len(ends)


def test_counts_by_hand() -> None:
    text = "I can't stay. It's two miles, like a river! Perhaps you should go?"
    # I can't stay | It's two miles like a river | Perhaps you should go: 3, 6 and 4 words.
    hand = {
        "length": 13, "sentence length": 13 / 3, "rhythm": np.std([3, 6, 4]),
        "commas": 1 / 3, "exclamations": 1 / 3, "questions": 1 / 3,
        "contractions": 2 / 13, "the writer": 1 / 13, "the reader": 1 / 13,
        "numbers": 1 / 13, "doubt": 1 / 13, "likenesses": 1 / 13, "things": 1 / 13,
        "long words": 1 / 13, "range of words": 1.0, "speech": 0, "ideas": 0,
        "word length": (1 + 5 + 4 + 4 + 3 + 5 + 4 + 1 + 5 + 7 + 3 + 6 + 2) / 13,
    }  # fmt: skip
    assert {k: of(text, k) for k in hand} == pytest.approx(hand, rel=1e-5)


def test_reading_ease_by_hand() -> None:
    # Ten words in two sentences, eleven syllables: only "kettle" has two.
    text = "The cat sat on the mat. She had the kettle."
    expected = 206.835 - 1.015 * (10 / 2) - 84.6 * (11 / 10)
    assert of(text, "ease") == pytest.approx(expected, rel=1e-5)
    assert of(text, "syllables") == pytest.approx(1.1)


def test_voice_of_words_by_hand() -> None:
    text = 'She said "kindness": a hopeful, muddy generation; truly - awful.'
    n = 9
    assert of(text, "length") == n
    assert of(text, "ideas") == pytest.approx(2 / n)  # kindness, generation
    assert of(text, "adjectives") == pytest.approx(4 / n)  # hopeful, muddy, truly, awful
    assert of(text, "Latin words") == pytest.approx(1 / n)  # generation
    assert of(text, "emphasis") == of(text, "darkness") == pytest.approx(1 / n)  # truly, awful
    assert of(text, "gladness") == pytest.approx(2 / n)  # kindness, hopeful
    assert of(text, "speech") == pytest.approx(2 / n)
    assert of(text, "dashes") == 3  # a colon, a semicolon and a dash in one sentence
    assert of("We are therefore obliged", "formality") == pytest.approx(0.5)
    assert of("We are the same as you are", "small words") == 1


@pytest.mark.parametrize(
    ("word", "count"),
    [("mat", 1), ("walked", 1), ("wanted", 2), ("table", 2), ("make", 1), ("cakes", 1),
     ("boxes", 2), ("onion", 2), ("beautiful", 3), ("people", 2), ("the", 1)],
)  # fmt: skip
def test_syllables(word: str, count: int) -> None:
    assert text_stats.syllables(word) == count


def test_curly_and_straight_marks_are_the_same() -> None:
    a, b = "\u201cI can\u2019t,\u201d she said.", '"I can\'t," she said.'
    np.testing.assert_array_equal(text_stats.measure(a), text_stats.measure(b))


ODD = ["", "   \n", "...", "\U0001f642\U0001f642", "雨が降る。静かだ。", "Дождь идёт.", "a" * 5000,
       "\x00\ufffe", "'", "-- : ; !!!", "1,5 2026-01-01", "مطر خفيف", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_any_text_has_finite_statistics(text: str) -> None:
    assert np.isfinite(text_stats.measure(text)).all()


def test_wordless_text_measures_nothing() -> None:
    assert not text_stats.measure("?! \U0001f642").any()
    assert text_stats.measure_all([]).shape == (0, len(text_stats.NAMES))


def test_a_passage_is_measured_in_under_a_millisecond_of_processor_time() -> None:
    texts, times = shipped(), []
    for _ in range(3):
        start = time.process_time()
        text_stats.measure_all(texts)
        times.append(time.process_time() - start)
    assert min(times) / len(texts) < 1e-3


def test_minilm_knows_what_is_near(minilm: MiniLM) -> None:
    a, b, c = minilm.encode(["A cat sleeps on the sofa.", "The kitten naps on a couch.",
                             "Interest is paid on the loan."])  # fmt: skip
    assert a.dtype == np.float32 and np.linalg.norm(a) == pytest.approx(1, abs=1e-5)
    assert a @ b > 0.6 > 0.2 > a @ c


def test_minilm_does_not_mind_neighbours_or_order(minilm: MiniLM) -> None:
    texts = ["Rain.", "A much longer sentence about the rain on a tin roof at night.", ""]
    together = minilm.encode(texts)
    assert together.shape == (3, 384) and np.isfinite(together).all()
    alone = np.concatenate([minilm.encode([t]) for t in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert minilm.encode([]).shape == (0, 384)


def test_starter_text_gives_the_stored_features(starter: StarterText) -> None:
    stored = load_file(str(build_passages.HERE / "passages.safetensors"))["features"]
    rows = list(range(0, len(stored), 30))
    texts = shipped()
    np.testing.assert_allclose(starter.encode([texts[i] for i in rows]), stored[rows], atol=1e-2)


def test_starter_text_takes_any_text(starter: StarterText) -> None:
    x = starter.encode(ODD)
    assert x.shape == (len(ODD), 64) and x.dtype == np.float32
    assert np.isfinite(x).all() and np.abs(x).max() <= 4
    assert starter.encode([]).shape == (0, 64)
