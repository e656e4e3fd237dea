"""A fit in the process that only fits is the fit that would have been made here."""

import numpy as np
import pytest

from engine import fitting
from engine.data import Comparison, Features, Outcome, Question
from engine.fitting import Failed, Fitter, pack, unpack
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from tests.people import Linear, asked, world


def answers(n: int) -> tuple[Features, Prior, list[Comparison]]:
    rng = np.random.default_rng(3)
    features = world(rng, 60, 8)
    person = Linear(rng.standard_normal(8).astype(np.float32))
    told = [asked(features, rng.choice(60, 2 + 2 * (k % 2), replace=False), person, rng, k)
            for k in range(n)]  # fmt: skip
    pair = Question(9, 1, "picture", tuple(features.ids[3:5].tolist()), "uniform")
    told.append(Comparison(n, pair, Outcome(word="both_good"), 2.0))
    return features, Prior(features.space, np.zeros(8), np.full(8, 0.5)), told


def test_it_is_equal_to_the_last_bit_and_the_process_serves_many() -> None:
    features, prior, told = answers(14)
    fitter = Fitter()
    try:
        for method in ("auto", "bradley_terry"):
            here = PREFERENCE[method].load().fit(told, features, prior).state()
            there = fitter.fit(method, told, features, prior).state()
            assert here.keys() == there.keys()
            assert all(np.array_equal(here[k], there[k]) for k in here)
        first = fitter._process
        with pytest.raises(Failed, match="KeyError"):
            fitter.fit("no such method", told, features, prior)
        assert fitter._process is first, "a fit that fails ends no other"
        assert first is not None
        first.kill()
        first.wait()
        assert fitter.fit("bradley_terry", told, features, prior).space == features.space
    finally:
        fitter.close()


def test_only_what_the_answers_are_about_travels() -> None:
    features, prior, told = answers(3)
    head, arrays = pack("auto", told, features, prior)
    shown = {i for c in told for i in c.question.items}
    assert set(arrays["ids"].tolist()) == shown
    assert np.array_equal(features.of(arrays["ids"].tolist()), arrays["matrix"])
    method, again, _, _ = unpack(head, arrays)
    assert method == "auto"
    assert [(c.seq, c.question.items, c.outcome, c.strength) for c in again] == [
        (c.seq, c.question.items, c.outcome, c.strength) for c in told
    ]


def test_a_reply_that_was_not_read_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory ran out while one person's belief came back: the next one gets their own."""
    features, prior, told = answers(6)
    fitter = Fitter()
    try:
        with monkeypatch.context() as patch, pytest.raises(MemoryError):
            patch.setattr(fitting, "receive", lambda _: (_ for _ in ()).throw(MemoryError()))
            fitter.fit("bradley_terry", told, features, prior)
        here = PREFERENCE["bradley_terry"].load().fit(told[:3], features, prior).state()
        there = fitter.fit("bradley_terry", told[:3], features, prior).state()
        assert all(np.array_equal(here[k], there[k]) for k in here)
    finally:
        fitter.close()
