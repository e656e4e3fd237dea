"""Every axis of the table: its shape, a number by hand, and the tags of the starter pools."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.rewards import REWARDS
from engine.starter import axes
from engine.starter.pool import passages, pictures

TEXT = "Kindly bring one apple. Don't be late!"


def square(side: int = 96, width: int = 12, at: int = 20) -> Any:
    """A black bar on white paper."""
    made = Image.new("RGB", (side, side), "white")
    ImageDraw.Draw(made).rectangle((at, 8, at + width - 1, 87), fill="black")
    return made


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_an_axis_says_what_it_is_and_measures_anything(name: str) -> None:
    axis = REWARDS[name].load()
    assert axis.kind in REWARDS[name].traits
    assert axis.unit and axis.low_word != axis.high_word and axis.definition.endswith(".")
    blank = Image.new("RGB", (20, 30), "white")
    items = ["", "...", TEXT] if axis.kind == "text" else [blank, square()]
    found = axis.measure(items)
    assert found.shape == (len(items),) and found.dtype == np.float64 and np.isfinite(found).all()
    assert axis.measure([]).shape == (0,)
    np.testing.assert_array_equal(axis.measure(items[-1:]), found[-1:])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("length", 7.0),
        # 9 syllables (kind-ly and ap-ple have two), 3.5 words a sentence
        ("readability", 206.835 - 1.015 * 3.5 - 84.6 * 9 / 7),
        ("formality", 0.0),  # one kindly, one don't
        ("concreteness", 100 / 7),  # the apple
        ("playfulness", 100 / 7),  # the exclamation mark
        ("questions", 0.0),
    ],
)
def test_a_text_by_hand(name: str, value: float) -> None:
    assert REWARDS[name].load().measure([TEXT])[0] == pytest.approx(value, rel=1e-4)


def test_a_bar_by_hand() -> None:
    """12 x 80 of 96 x 96 is black: a rim of 184 gives it 2 * 960 / 184 pixels of width."""
    bar = [square()]
    assert REWARDS["white_space"].load().measure(bar)[0] == pytest.approx(100 * (1 - 960 / 9216))
    assert REWARDS["lightness"].load().measure(bar)[0] == pytest.approx(0.0, abs=1e-6)
    assert REWARDS["flatness"].load().measure(bar)[0] == pytest.approx(100.0)
    thick = REWARDS["line_weight"].load().measure(bar)[0]
    assert thick == pytest.approx(100 * 2 * 960 / 184 / 96, rel=0.02)
    mirrored = REWARDS["symmetry"].load().measure([square(at=42)])[0]
    assert mirrored == pytest.approx(100.0, abs=1e-5)


def test_line_weight_does_not_mind_which_way_a_line_runs() -> None:
    upright = square(width=6, at=45)
    slanted = upright.rotate(37, Image.Resampling.BICUBIC, fillcolor="white")
    one, two = REWARDS["line_weight"].load().measure([upright, slanted])
    assert two == pytest.approx(one, rel=0.1)


@pytest.mark.parametrize(
    ("gladder", "less"),
    [
        ("What a lovely, happy evening!", "The meeting is at noon."),
        ("The meeting is at noon.", "This is horrible, I hate it."),
        ("It was good.", "It was not good."),
    ],
)
def test_warmth_of_clear_cases(gladder: str, less: str) -> None:
    high, low = REWARDS["warmth"].load().measure([gladder, less])
    assert high > low


def better(kind: Any, tag: str, name: str, value: str) -> float:
    """Chance that an item with this tag lies above one without it."""
    records = (pictures() if kind == "picture" else passages()).records
    mine = np.array([r[tag] == value for r in records])
    pool = axes.pool_axes(kind)
    x = pool.raw[:, pool.names.index(name)]
    gap = x[mine][:, None] - x[~mine][None, :]
    return float((gap > 0).mean() + 0.5 * (gap == 0).mean())


@pytest.mark.parametrize(
    ("name", "voice", "low", "high"),
    [
        ("length", "terse", 0.0, 0.05),
        ("readability", "formal", 0.0, 0.1),
        ("readability", "terse", 0.9, 1.0),
        ("formality", "formal", 0.9, 1.0),
        ("formality", "warm", 0.0, 0.05),
        ("warmth", "warm", 0.68, 1.0),
        ("concreteness", "concrete", 0.88, 1.0),
        ("concreteness", "abstract", 0.0, 0.05),
        ("playfulness", "playful", 0.95, 1.0),
        ("questions", "playful", 0.95, 1.0),
    ],
)
def test_voices_of_the_pool(name: str, voice: str, low: float, high: float) -> None:
    assert low <= better("text", "voice", name, voice) <= high


@pytest.mark.parametrize(
    ("name", "style", "low", "high"),
    [
        ("colourfulness", "ink", 0.0, 0.06),
        ("lightness", "ink", 0.0, 0.06),
        ("line_weight", "ink", 0.72, 1.0),
        ("line_weight", "sketch", 0.0, 0.22),
        ("detail", "sketch", 0.8, 1.0),
        ("detail", "clay", 0.0, 0.32),
        ("flatness", "clay", 0.0, 0.06),
        ("flatness", "ink", 0.93, 1.0),
        ("white_space", "stencil", 0.7, 1.0),
    ],
)
def test_styles_of_the_pool(name: str, style: str, low: float, high: float) -> None:
    assert low <= better("picture", "style", name, style) <= high


def test_what_ships_is_what_the_axes_measure() -> None:
    told, shown = passages(), pictures()
    some = [0, 191, 479]
    np.testing.assert_allclose(
        axes.measured("text", [told.records[i]["text"] for i in some]),
        axes.pool_axes("text").raw[some], rtol=2e-3, atol=2e-3,
    )  # fmt: skip
    some = [3, 1100, 2246]
    opened = [Image.open(io.BytesIO(shown.bytes(i))) for i in some]
    np.testing.assert_allclose(
        axes.measured("picture", opened), axes.pool_axes("picture").raw[some], rtol=2e-3, atol=2e-2
    )


@pytest.mark.parametrize("kind", ["text", "picture"])
def test_the_pool_is_standard_on_its_axes(kind: Any) -> None:
    pool = axes.pool_axes(kind)
    z = pool.standard(pool.raw)
    assert z.dtype == np.float32 and np.abs(z).max() <= axes.CLIP
    # Passages that joined later are measured by the first; pictures all at once.
    assert np.abs(z.mean(0)).max() < 0.15 and np.all((z.std(0) > 0.8) & (z.std(0) < 1.15))
    ruler = z[: axes.RULED] if kind == "text" else z
    assert np.abs(ruler.mean(0)).max() < 0.15 and np.all(ruler.std(0) < 1.05)
    assert axes.prior(kind).space == pool.space == f"axes:{kind}"


def test_a_new_axis_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axes, "names", lambda kind: ("length", "rhyme"))
    with pytest.raises(ValueError, match="build_axes"):
        axes.pool_axes.__wrapped__("text")
