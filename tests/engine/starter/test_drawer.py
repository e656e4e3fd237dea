"""The starter picture model: its data, its conditions, its clock, and a whole tiny training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.data import Draw
from engine.starter.drawer import autoencoder, data, recipe, shape
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import (
    TOKENS,
    WHITE,
    WIDTH,
    WORDS,
    Scale,
    Told,
    Words,
    vector,
)
from engine.starter.drawer.data import FACTS, GROUNDS, STYLES
from engine.starter.drawer.known import lesson, nearness, ships, starter
from engine.starter.drawer.teach import CORE, Deck, Said, loss_of, reach
from engine.steering.leaning import Lean, from_scores, leaning


def ring() -> Image.Image:
    """A black ring around white on a white page."""
    page = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(page).ellipse((12, 12, 52, 52), outline="black", width=4)
    return page


def test_the_page_around_a_drawing_changes_and_the_white_inside_stays() -> None:
    tinted = np.asarray(data.on_ground(ring(), (40, 52, 92)))
    assert tuple(tinted[1, 1]) == (40, 52, 92) and tuple(tinted[32, 32]) == (255, 255, 255)
    assert tuple(tinted[32, 14]) == (0, 0, 0)


def test_turning_the_hues_full_circle_changes_nothing_and_grey_stays_grey() -> None:
    picture = Image.new("RGB", (2, 1), (200, 40, 90))
    assert np.abs(np.asarray(data.recoloured(picture, 1.0, 1.0, 1.0)).astype(int)
                  - np.asarray(picture)).max() <= 1  # fmt: skip
    grey = np.asarray(data.recoloured(picture, 0.3, 0.0, 1.0))
    assert np.ptp(grey[0, 0].astype(int)) <= 1
    white = Image.new("RGB", (1, 1), "white")
    assert np.asarray(data.recoloured(white, 0.3, 1.4, 1.3)).min() == 255


def test_what_is_kept_apart_is_in_no_training_picture() -> None:
    concepts, apart = data.lesson()
    made = data.build(1, 0, ["frog", "bear"])
    names = ["frog", "bear"]
    seen = {(names[c], STYLES[s]) for c, s in zip(made.concept, made.style, strict=True)}
    assert not seen & apart and len(apart) == 60 and len(concepts) == 40
    assert {s for c, s in seen if c == "frog"} <= set(STYLES) - {s for _, s in apart}


def test_facts_are_of_the_drawing_and_the_ground_is_told_apart() -> None:
    made = data.build(8, 3, ["star"])
    colours = np.array(list(GROUNDS.values()), np.float32) / 255 * 2 - 1
    near = np.abs(made.facts[:, -3:] - colours[made.ground]).max()
    assert near < 0.11
    corners = made.pixels[:, 2, 2].astype(np.float32) / 255 * 2 - 1
    assert np.abs(corners - made.facts[:, -3:]).max() < 0.03
    assert (made.ground == 0).mean() > 0.5 and made.altered.mean() == pytest.approx(0.25)


class Letters:
    """Stands in for MiniLM: states from the characters."""

    def states(self, texts: Any, tokens: int) -> Any:
        out = torch.zeros(len(texts), tokens, WORDS)
        for row, text in enumerate(texts):
            for k, letter in enumerate(text[:tokens]):
                out[row, k, ord(letter) % WORDS] = 1.0
        return out, torch.nn.functional.normalize(out.sum(1) + 1e-6, dim=1)


def test_nothing_told_is_all_zeros_and_weights_scale_what_is_told() -> None:
    words = Words(Letters())
    states, sentences = words.of(["", "a cat"])
    assert not states[0].any() and states[1].any() and states.shape == (2, TOKENS, WORDS)
    none = vector([Told()], sentences[:1])
    assert none.shape == (1, WIDTH) and not none.any()
    half = vector([Told("", {"ink": 0.5}, {"warmth": (2.0, 0.5)})], sentences[:1])[0, WORDS:]
    assert half[STYLES.index("ink")] == 0.5
    place = len(STYLES) + FACTS.index("warmth")
    assert half[place] == 1.0 and half[place + len(FACTS)] == 0.5 and half.count_nonzero() == 3


def test_captions_are_true_of_what_they_are_given_to() -> None:
    captions, names = Captions(0), list(data.lesson()[0])
    ink, ground = STYLES.index("ink"), len(STYLES) + 1
    others = [g for k, g in enumerate(GROUNDS) if k != 1]
    for c in range(len(names)):
        things = captions.things(names[c])
        assert things[-1] == data.lesson()[0][names[c]][0]
        for k in (*captions.table[c, ink], *captions.table[c, ground]):
            said = captions.texts[k]
            assert any(t.lower() in said.lower() for t in things)
            assert not any(f"{g} background" in said for g in others)
    assert captions.texts[0] == "" and (captions.table > 0).all()
    assert Captions(0, ["star", "open book"]).things("open book") == ["open book"]


def test_all_there_is_is_dealt_with_the_lesson_more_often() -> None:
    chances = np.diff(reach(np.array([0, 1, 5, 6, 7, 8]), 2), prepend=0.0)
    assert chances[:2].sum() == pytest.approx(CORE)
    assert chances[2] == pytest.approx((1 - CORE) / 4)
    assert np.allclose(np.diff(reach(np.array([0, 1, 1]), 0), prepend=0.0), 1 / 3)


def test_what_is_dealt_is_true_and_recoloured_drawings_tell_their_colours() -> None:
    torch.manual_seed(0)
    drawings = data.build(4, 0, ["star", "frog"])
    captions, scale = Captions(0, ["star", "frog"]), Scale.of(drawings.facts)
    latents = torch.arange(len(drawings)).float()[:, None, None, None].expand(-1, 1, 2, 2)
    deck = Deck.of(latents, drawings, scale, Said(captions, Words(Letters())))
    found, states, told = deck.deal(400)
    rows = found[:, 0, 0, 0].long()
    assert states.shape == (400, TOKENS, WORDS) and told.shape == (400, WIDTH)
    styles = told[:, WORDS : WORDS + len(STYLES)]
    said = styles.sum(1) > 0
    assert torch.equal(styles[said].argmax(1), torch.from_numpy(drawings.style)[rows][said].long())
    assert 0.5 < said.float().mean() < 0.85
    shown = told[:, -len(FACTS) :]
    facts = told[:, -2 * len(FACTS) : -len(FACTS)]
    assert torch.allclose(facts, deck.facts[rows] * shown)
    altered = torch.from_numpy(drawings.altered)[rows]
    told_colours = shown[:, :10].any(1).float()
    assert told_colours[altered].mean() > 0.8 > 0.6 > told_colours[~altered].mean()


def test_a_clock_of_steps_rises_stays_and_falls() -> None:
    clock = Clock(steps=300, warm=10)
    rates = [clock.rate(k) for k in range(300)]
    assert rates[0] == 0.1 and rates[50] == rates[199] == 1.0 and rates[299] < 0.01
    assert not clock.over(299) and clock.over(300)


def test_latents_are_settled_and_evened_half_of_the_way() -> None:
    torch.manual_seed(0)
    model = shape.autoencoder(8).eval()
    pixels = data.build(2, 0, ["star", "frog"]).pixels
    before = autoencoder.latents_of(model, pixels).std((0, 2, 3))
    autoencoder.even(model, pixels)
    after = torch.cat([autoencoder._encoded(model, p) for p in (pixels,)])
    assert torch.allclose(after.mean((0, 2, 3)), torch.zeros(shape.CHANNELS), atol=0.02)
    assert torch.allclose(after.std((0, 2, 3)), before.sqrt(), rtol=0.05)
    autoencoder.settle(model, pixels)
    found = autoencoder.latents_of(model, pixels)
    assert found.shape == (len(pixels), shape.CHANNELS, 24, 24)
    assert found.mean().item() == pytest.approx(0, abs=0.02)
    assert found.std().item() == pytest.approx(1, abs=0.02)


def test_a_model_that_says_nothing_has_the_error_of_the_target() -> None:
    torch.manual_seed(0)
    model = shape.transformer(1, 1)
    x, noise = torch.randn(2, 3, shape.CHANNELS, 24, 24)
    t = torch.tensor([0.1, 0.5, 0.9])
    found = loss_of(model, x, torch.zeros(3, TOKENS, WORDS), torch.zeros(3, WIDTH), t, noise)
    assert torch.allclose(found, (noise - x).square().mean((1, 2, 3)), rtol=1e-5)


def test_a_tiny_training_ends_is_taken_up_again_and_draws(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(recipe, "Words", lambda: Words(Letters()))
    monkeypatch.setattr(recipe, "WIDTH", 8)
    lines: list[str] = []
    wanted = recipe.Wanted(tmp_path, device="cpu", steps=4, batch=2, layers=1, heads=1, copies=2,
                           concepts=("star", "frog"))  # fmt: skip
    place = recipe.make(wanted, lines.append)
    told = json.loads((place / "lesson.json").read_text())
    assert told["steps"] == 4 and told["seen"] == 8 and len(told["mean"]) == len(FACTS)
    again = recipe.Wanted(**{**wanted.__dict__, "resume": True})
    recipe.make(again, lines.append)
    assert any("going on from step 4" in line for line in lines)
    assert json.loads((place / "lesson.json").read_text())["steps"] == 8
    backbone = starter(place)
    backbone.face.words = Words(Letters())
    drawn = [s for s in backbone.generate(Draw("a star", n=2, steps=3)) if s.done]
    assert len(drawn) == 2 and drawn[0].pixels is not None and drawn[0].pixels.shape == (96, 96, 3)


def test_leaning_finds_the_liked_style_and_nothing_in_equal_scores() -> None:
    rng = np.random.default_rng(0)
    styles = [STYLES[k % 3] for k in range(120)]
    facts = rng.normal(size=(120, 2)).astype(np.float32)
    scores = np.array([2.0 * (s == STYLES[1]) for s in styles]) + facts[:, 0]
    names = (STYLES, ("warmth", "contrast"))
    lean = from_scores(scores, styles, facts, names)
    assert max(lean.styles, key=lambda k: lean.styles[k]) == STYLES[1]
    assert lean.facts["warmth"] > 0.5 and abs(lean.facts.get("contrast", 0.0)) < 0.3
    opposite = from_scores(-scores, styles, facts, names)
    assert opposite.facts["warmth"] == pytest.approx(-lean.facts["warmth"], abs=1e-6)
    assert from_scores(np.ones(120), styles, facts, names) == Lean()


def test_strength_nought_leans_nowhere_and_what_was_said_stays() -> None:
    plain, lean = Told("a cat", {}, WHITE), Lean({"ink": 1.0}, {"warmth": 1.0, "ground red": -1.0})
    assert leaning(plain, lean, 0.0) is plain
    half = leaning(plain, lean, 0.5)
    assert half.styles == {"ink": 0.5} and half.facts["warmth"] == (1.0, 0.5)
    assert half.facts["ground red"] == WHITE["ground red"]
    assert leaning(Told("x", {"flat": 1.0}), lean, 1.0).styles == {"flat": 1.0}


@pytest.mark.skipif(not ships(), reason="no weights ship with this copy")
def test_a_prompt_far_from_the_lesson_is_known_as_such() -> None:
    from engine.encoders.minilm import MiniLM

    encode = MiniLM().encode
    assert (
        nearness("a sleepy cat", encode).known
        and nearness("a sleepy cat", encode).nearest[0] == "cat"
    )
    assert nearness("kitten on a sofa", encode).known
    far = nearness("quarterly tax report", encode)
    assert not far.known and len(far.nearest) == 3
    named = nearness("a big zebra", encode)
    assert named.known and named.nearest[0] == "zebra" and "zebra" in lesson().also
    assert nearness("a monkey", encode).nearest[0] == "monkey"
    assert set(data.lesson()[0]) < set(lesson().concepts) and not set(lesson().also) & set(
        lesson().concepts
    )
