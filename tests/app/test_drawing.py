"""Drawings on the Create page: when they lead, twins on one seed, likes, what a PNG tells."""

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import bending, drawing
from app.picture_models import Starter
from engine.starter.drawer.known import GATE, lesson, starter
from tests.app.people import inky

ROOT = Path(__file__).resolve().parent.parent.parent
WANTED = {"medium": "picture", "prompt": "a cat", "n": 1, "strength": 1.0, "seed": 3,
          "depth": None, "max_tokens": 20}  # fmt: skip

ONCE = cache(starter)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Studio loads its own; here the weights are read once."""
    monkeypatch.setattr("engine.starter.drawer.known.starter", ONCE)


@pytest.fixture
def profile(studio: Any, user: int, key: Callable[[], str]) -> int:
    return inky(studio, user, key)


def make(studio: Any, user: int, profile: int, **more: Any) -> list[dict[str, Any]]:
    return list(studio.generate(user, profile, {**WANTED, **more}, lambda: False))


def images(lines: list[dict[str, Any]], side: str) -> list[str]:
    found = [r for r in lines if r["type"] == "sample" and r["side"] == side and "image" in r]
    return [r["image"] for r in sorted(found, key=lambda r: r["index"])]


def pixels(url: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(drawing.from_url(url))).convert("RGB")).astype(int)


def test_drawings_lead_where_their_measured_share_passes_the_gate() -> None:
    told = lesson()
    assert (
        told.named is not None
        and f"{told.named:.3f}".lstrip("0") in (ROOT / "docs" / "starter-model.md").read_text()
    )
    assert told.leads and Starter().leads()
    assert not replace(told, named=None).leads
    assert not replace(told, named=GATE - 0.01).leads and replace(told, named=GATE).leads


def test_weights_that_miss_the_gate_draw_sketches(
    studio: Any, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = studio.new_profile(user)["id"]
    assert make(studio, user, profile, strength=0.0)[0]["leads"]
    monkeypatch.setattr("engine.starter.drawer.known.GATE", 1.0)
    begun = make(studio, user, profile, strength=0.0)[0]
    assert not begun["leads"] and begun["drawn"] == 1


def test_what_the_model_does_not_know_comes_from_the_collection(studio: Any, user: int) -> None:
    profile = studio.new_profile(user)["id"]
    lines = make(studio, user, profile, prompt="the theory of numbers")
    assert not lines[0]["leads"] and lines[0]["drawn"] == 0
    notes = [r["text"] for r in lines if r["type"] == "note"]
    assert any("Nearest to it" in n for n in notes)
    found = [r for r in lines if r["type"] == "sample"]
    assert len(found) == 2 and all("item" in r for r in found)


def test_twins_share_their_noise_and_strength_zero_is_the_plain_picture(
    studio: Any, user: int, profile: int
) -> None:
    full, none = make(studio, user, profile), make(studio, user, profile, strength=0.0)
    assert images(full, "plain") == [*images(none, "plain")]
    assert [pixels(u).tolist() for u in images(none, "personal")] == [
        pixels(u).tolist() for u in images(none, "plain")
    ]
    pairs = zip(images(full, "personal"), images(full, "plain"), strict=True)
    assert all(np.abs(pixels(a) - pixels(b)).mean() > 4 for a, b in pairs)
    assert full[0]["depth"] == "steered"


def test_instant_is_the_collection_alone(studio: Any, user: int, profile: int) -> None:
    lines = make(studio, user, profile, depth="instant")
    assert lines[0]["drawn"] == 0 and not images(lines, "personal")


def test_guided_is_there_for_the_shipped_model_too_and_goes_uphill(
    studio: Any, user: int, profile: int
) -> None:
    lines = make(studio, user, profile, depth="guided", n=2)
    assert lines[0]["depth"] == "guided" and lines[-1]["type"] == "done"
    drawn = [r for r in lines if r["type"] == "sample" and "image" in r]
    liking = {s: np.mean([r["score"] for r in drawn if r["side"] == s])
              for s in ("personal", "plain")}  # fmt: skip
    assert liking["personal"] > liking["plain"]
    assert bending.depths(studio) == ["instant", "guided", "attended", "steered", "tuned"]


def test_a_depth_that_nothing_fills_says_what_to_do(studio: Any, user: int, profile: int) -> None:
    last = make(studio, user, profile, depth="tuned")[-1]
    assert last["type"] == "error" and "Keep page" in last["error"]


def test_a_way_to_bend_is_one_line_and_gets_every_row_with_its_strength(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    seen: list[Any] = []

    @contextmanager
    def shouted(scene: Any, told: Any) -> Any:
        seen.append((scene.strengths, scene.profile))
        yield told

    way = bending.Way("tuned", lambda _studio, who: who == profile, shouted)
    monkeypatch.setitem(bending.WAYS, "shouted", way)
    lines = make(studio, user, profile)
    assert lines[0]["depth"] == "tuned" and lines[-1]["type"] == "done"
    assert seen == [((1.0, 0.0), profile)]


def test_a_tuned_adapter_is_on_the_bent_rows_alone_each_at_its_strength(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.adapter import Adapter, Base
    from engine.lora import targets

    backbone = drawing.model(studio)
    rng = np.random.default_rng(0)
    weights = {}
    for path, layer in targets(backbone.model, ("to_q", "to_v")).items():
        shapes = {"A": (2, layer.in_features), "B": (layer.out_features, 2)}
        for side, shape in shapes.items():
            name = f"base_model.model.{path}.lora_{side}.weight"
            weights[name] = (0.2 * rng.standard_normal(shape)).astype(np.float32)
    adapter = Adapter(Base(backbone.name), weights)
    plain = make(studio, user, profile, strength=0.0)
    monkeypatch.setattr(studio.keeping, "chosen", lambda _who, kind="text": adapter)
    lean = bending.WAYS["tuned leaning"]
    monkeypatch.delitem(bending.WAYS, "tuned leaning")
    full = make(studio, user, profile)
    assert full[0]["depth"] == "tuned"
    assert np.abs(pixels(images(full, "plain")[0]) - pixels(images(plain, "plain")[0])).max() <= 1
    assert np.abs(pixels(images(full, "plain")[0]) - pixels(images(full, "personal")[0])).mean() > 1
    wanted = {"prompt": "a cat", "seed": 3, "index": 0, "depth": None}
    lines = list(studio.made.strip(user, profile, wanted, lambda: False))
    shown = [pixels(r["image"]) for r in lines if r["type"] == "sample"]
    away = [np.abs(p - shown[0]).mean() for p in shown]
    assert np.abs(shown[0] - pixels(images(plain, "plain")[0])).max() <= 1
    assert 0 < away[1] < away[4]
    assert np.abs(shown[4] - pixels(images(full, "personal")[0])).max() <= 2
    monkeypatch.setitem(bending.WAYS, "tuned leaning", lean)
    both = pixels(images(make(studio, user, profile), "personal")[0])
    assert np.abs(both - shown[4]).mean() > 2, "what is tuned leans too"


def test_a_picture_tells_how_to_draw_it_again(studio: Any, user: int, profile: int) -> None:
    made = make(studio, user, profile, seed=11, n=2)
    url = images(made, "plain")[1]
    told = Image.open(io.BytesIO(drawing.from_url(url))).info  # type: ignore[attr-defined]
    assert told["Description"] == "a cat" and told["Software"] == "Penchant"
    seed = int(told["parameters"].split("Seed: ")[1].split(",")[0])
    from engine.data import Draw
    from engine.starter.drawer.conditions import WHITE, Told

    asked = [Told(told["Description"], {}, WHITE)]
    again = [s for s in drawing.model(studio).stream(asked, [seed], Draw("")) if s.done]
    assert np.abs(again[0].pixels.astype(int) - pixels(url)).max() <= 1


def parameters(url: str) -> dict[str, str]:
    told = Image.open(io.BytesIO(drawing.from_url(url))).info["parameters"]  # type: ignore[attr-defined]
    return dict(part.split(": ") for part in told.splitlines()[-1].split(", "))


def test_a_picture_drawn_before_any_answer_says_that_it_is_plain(studio: Any, user: int) -> None:
    lines = make(studio, user, studio.new_profile(user)["id"])
    told = [parameters(url) for side in ("personal", "plain") for url in images(lines, side)]
    assert len(told) == 2 and all(t["Taste"] == "0" and "Depth" not in t for t in told)


@pytest.mark.parametrize("depth", [None, "guided"])
def test_a_personal_picture_tells_how_to_draw_it_again(
    studio: Any, user: int, profile: int, depth: str | None
) -> None:
    from app.tastes import taste_of
    from engine.data import Request

    made = make(studio, user, profile, seed=5, strength=0.5, depth=depth)
    told = parameters(images(made, "personal")[0])
    assert told["Depth"] == (depth or "steered") and told["Taste"] == "0.5"
    assert "Depth" not in parameters(images(made, "plain")[0])
    taste = taste_of(studio, profile, "picture")
    wish = drawing.Wish(taste, float(told["Taste"]), told["Depth"])
    request = Request("a cat", 1, int(told["Seed"]) // drawing.ODD)
    drawn = [s for side, s in drawing.drawn(studio, request, wish, 0) if side == "personal"]
    again = next(s.pixels for s in drawn if s.done)
    # Gradients differ in their last bits with the threads' order; other settings differ by over 4.
    assert np.abs(again.astype(int) - pixels(images(made, "personal")[0])).mean() < 2


def test_a_draw_that_is_stopped_leaves_nothing_behind(studio: Any, user: int, profile: int) -> None:
    looks = 0

    def enough() -> bool:
        return looks >= 3

    lines = []
    for line in studio.generate(user, profile, WANTED, enough):
        looks += line["type"] == "look"
        lines.append(line)
    assert looks >= 3 and lines[-1]["type"] != "done" and not images(lines, "personal")
    assert studio.store.generations(profile) == [] and not studio.maker.busy()
    assert make(studio, user, profile)[-1]["type"] == "done"


def test_too_little_memory_is_said_and_leaves_nothing_behind(
    studio: Any, user: int, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: Any) -> Any:
        raise MemoryError("there is not enough memory for one picture")

    with monkeypatch.context() as patched:
        patched.setattr(ONCE(), "stream", short)
        last = make(studio, user, profile)[-1]
        strip = {"prompt": "a cat", "seed": 3, "index": 0, "depth": None}
        also = list(studio.made.strip(user, profile, strip, lambda: False))[-1]
    assert last["type"] == also["type"] == "error" and "not enough memory" in last["error"]
    assert studio.made.page(user, profile, "picture")["made"] == []
    assert make(studio, user, profile)[-1]["type"] == "done", "the studio goes on"


def test_a_dislike_says_that_the_twin_is_liked_more(
    studio: Any, user: int, profile: int, key: Callable[[], str]
) -> None:
    lines = make(studio, user, profile)
    number = lines[-1]["generation"]
    index = next(r["index"] for r in lines if r.get("image") and r["type"] == "sample")
    mine, plain = (
        next(r["image"] for r in lines
             if r["type"] == "sample" and (r["side"], r["index"]) == (side, index))
        for side in ("personal", "plain")
    )  # fmt: skip
    before = judged(studio, user, profile, mine, plain)
    studio.like(user, profile, (number, "personal", index), False, key())
    asked = studio.store.comparisons(profile, "picture")[-1]
    assert len(asked.question.items) == 2 and asked.source == "create"
    after = judged(studio, user, profile, mine, plain)
    assert after < before, "a dislike must lower it under its twin"
    studio.like(user, profile, (number, "personal", index), True, key())
    assert judged(studio, user, profile, mine, plain) > after


def judged(studio: Any, user: int, profile: int, one: str, other: str) -> float:
    """How much more the belief likes one picture than the other."""
    mind = studio.minds.seat(profile, "picture").mind
    pictures = [Image.open(io.BytesIO(base64.b64decode(u.partition(",")[2]))) for u in (one, other)]
    features = studio.maker.encode("starter-picture", [p.convert("RGB") for p in pictures])
    mean, _ = mind.belief.believe(features)
    return float(mean[0] - mean[1])


def test_what_was_drawn_never_comes_back_as_found(
    studio: Any, user: int, profile: int, key: Callable[[], str]
) -> None:
    lines = make(studio, user, profile)
    studio.like(user, profile, (lines[-1]["generation"], "personal", 1), True, key())
    again = make(studio, user, profile, n=8, depth="instant")
    items = [r["item"]["id"] for r in again if r["type"] == "sample" and "item" in r]
    made = {studio.shelves.candidate(i).attributes["made"] for i in items}
    assert len(items) == 16 and made == {"starter"}
