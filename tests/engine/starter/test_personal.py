"""The personal adapter's teachers and a lesson on a tiny model: it learns people, not everybody."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.backbones.diffusion import Diffusion
from engine.encoders.picture_stats import NAMES
from engine.preference.base import Prior
from engine.starter.drawer import pipeline, shape
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import TOKENS, WIDTH, WORDS, Words
from engine.starter.drawer.crowd import APART, SPACE, Crowd, Lot, caring, leans
from engine.starter.drawer.data import FACTS, STYLES
from engine.starter.drawer.face import Drawer
from engine.starter.drawer.personal import Lesson, Plan, Watch, adapter, ships

PRIOR = Prior(SPACE, np.zeros(64), np.full(64, 0.1))


class Silent:
    """Words that say nothing: all prompts are alike."""

    def states(self, texts: Any, tokens: int) -> Any:
        return torch.zeros(len(texts), TOKENS, WORDS), torch.zeros(len(texts), WORDS)


def lot(count: int = 60) -> Lot:
    """Latents that are all bright or all dark, and features that say which by "brightness"."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((count, 64)).astype(np.float32)
    light = np.sign(features[:, 0])
    latents = torch.from_numpy(np.tile(light[:, None, None, None], (1, 8, 24, 24))).float()
    return Lot(latents, features, (np.arange(count) % 3).astype(np.int16),
               (np.arange(count) % len(STYLES)).astype(np.int16), ("a", "b", "c"))  # fmt: skip


@pytest.fixture
def backbone() -> Diffusion:
    torch.manual_seed(0)
    pipe = pipeline.assembled(shape.autoencoder(4).eval(), shape.transformer(1, 2).eval())
    torch.nn.init.normal_(pipe.transformer.proj_out.weight, std=0.05)
    return Diffusion("tiny-drawer", Drawer(pipe, Words(Silent())), "cpu", 2, 3.0)


def test_nobody_cares_about_what_is_kept_apart_and_vectors_follow_the_answers() -> None:
    here = lot()
    crowd = Crowd.of(here, 200, PRIOR, 1)
    names = [s.name for s in NAMES]
    assert not crowd.weights[:, [names.index(a) for a in APART]].any()
    assert set(np.flatnonzero(crowd.weights.any(0))) <= set(caring(64))
    assert np.allclose(crowd.liking.mean(1), 0, atol=1e-5)
    plain = ~crowd.styles.any(1)
    same = (crowd.weights * crowd.vectors.numpy()).sum(1)[plain]
    assert (same > 0).mean() > 0.8, "a vector points to what its person likes, slips included"
    again = Crowd.of(here, 200, PRIOR, 1)
    assert torch.equal(again.vectors, crowd.vectors), "the same seed makes the same people"


def test_a_lesson_learns_each_person_and_leaves_nobody_alone(backbone: Diffusion) -> None:
    here = lot()
    bright = np.sign(here.features[:, 0]).astype(np.float32)
    vectors = torch.zeros(2, 64)
    vectors[0, 0], vectors[1, 0] = 2.0, -2.0
    weights = np.zeros((2, 64), np.float32)
    crowd = Crowd(np.stack([bright, -bright]), vectors, weights, np.zeros((2, 10), np.float32),
                  torch.zeros(2, WIDTH - WORDS))  # fmt: skip
    plan = Plan(steps=60, rate=1e-2, beta=5.0, floor=1.0, lean=0.0, pairs=4)
    lesson = Lesson(backbone, here, crowd, plan)
    told = [p.metrics for p in lesson.run()]
    assert told[-1]["share"] == 1.0
    pairs = np.array([[np.flatnonzero(bright > 0)[k], np.flatnonzero(bright < 0)[k]]
                      for k in range(8)])  # fmt: skip
    things, gains = torch.zeros(8, dtype=torch.long), []
    with torch.no_grad():
        for person in (0, 1):
            a, b, _ = lesson.errors(pairs, torch.full((8,), person), things)
            gains.append(float((b - a)[:, 0].mean() - (b - a)[:, 1].mean()))
    assert gains[0] > 0.01 and gains[1] < -0.01, "bright for the one, dark for the other"
    lesson.crowd.vectors.zero_()
    with torch.no_grad():
        a, b, _ = lesson.errors(pairs, torch.zeros(8, dtype=torch.long), things)
    assert torch.equal(a, b), "the zero vector is the base"


def test_it_learns_what_leaning_would_do(backbone: Diffusion) -> None:
    here = lot()
    made = Crowd.of(here, 2, PRIOR, 4)
    crowd = replace(made, vectors=torch.eye(64)[:2] * 2.0, leans=3 * torch.randn(
        2, WIDTH - WORDS, generator=torch.Generator().manual_seed(0)))  # fmt: skip
    lesson = Lesson(backbone, here, crowd, Plan(steps=80, rate=1e-2, beta=1.0, floor=0.0, pairs=4))
    gaps = [lesson.step()["gap"] for _ in range(80)]
    assert np.mean(gaps[-10:]) < 0.7 * np.mean(gaps[:10])


def test_a_lean_is_read_from_the_vector_and_says_nothing_of_what_is_apart() -> None:
    vectors = np.zeros((3, 64), np.float32)
    vectors[1, 0], vectors[2] = 2.0, 0.3
    found = leans(vectors, PRIOR).numpy()
    assert not found[0].any() and found[1].any()
    place = len(STYLES) + FACTS.index("greenness")
    assert not found[:, [place, place + len(FACTS)]].any()
    bright = len(STYLES) + FACTS.index("brightness")
    assert found[1, bright] > 0 and found[1, bright + len(FACTS)] == 1.0


def test_a_first_look_at_a_fresh_adapter_wins_nothing(backbone: Diffusion) -> None:
    here = lot()
    crowd = Crowd.of(here, 40, PRIOR, 2)
    lesson = Lesson(backbone, here, crowd, Plan(steps=1))

    def encode(pictures: Any) -> Any:
        return np.stack([np.resize(np.asarray(p, np.float32).mean((0, 1)) / 255, 64)
                         for p in pictures])  # fmt: skip

    watch = Watch(backbone, crowd, here.words, encode)
    assert watch.look(lesson.adapter) == {"win": 0.0, "gain": 0.0}
    for name, value in lesson.adapter.weights.items():
        if name.endswith(".v"):
            torch.nn.init.normal_(value.data, std=2.0)
    assert watch.look(lesson.adapter)["gain"] != 0.0


@pytest.mark.skipif(not ships(), reason="no personal adapter ships with this copy")
def test_the_shipped_adapter_fits_the_shipped_model() -> None:
    from engine.starter.drawer.known import starter

    found = adapter(starter())
    assert found.space == SPACE and found.weights["read"].shape[0] == 64
    assert set(found.card["apart"]) == set(APART)


def test_going_on_its_rate_only_falls() -> None:
    def rates(shipped: bool) -> list[float]:
        plan = Plan(steps=10, rate=1.0, shipped=shipped)
        made: Any = SimpleNamespace(plan=plan)
        found = []
        for made.steps in (0, 5, 10):
            found.append(Lesson.rate(made, Clock(steps=10, warm=1)))
        return found

    assert rates(True) == [1.0, 0.5, 0.02]
    assert rates(False) == pytest.approx([1.0, 1.0, 0.0])
