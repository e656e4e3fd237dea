"""The pack of all icons: what goes in comes out, recoloured and on grounds as the pool's are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.starter.build_pictures import frame
from engine.starter.drawer import data, pack, shape
from engine.starter.drawer.conditions import TOKENS, WORDS
from engine.starter.drawer.data import FACTS, GROUNDS, SIDE, STYLES


def disc(colour: str = "red") -> Image.Image:
    """A disc on white, twice as wide as it is learnt."""
    page = Image.new("RGB", (2 * SIDE, 2 * SIDE), "white")
    ImageDraw.Draw(page).ellipse((24, 24, 168, 168), fill=colour)
    return page


class Icons:
    """Stands in for a package of icons."""

    def __init__(self, colour: str) -> None:
        self.colour = colour

    def draw(self, _concept: Any) -> Image.Image:
        made = Image.new("RGBA", (SIDE, SIDE))
        ImageDraw.Draw(made).ellipse((12, 12, 84, 84), fill=self.colour)
        return made


@pytest.fixture(scope="module")
def packed(tmp_path_factory: Any) -> Path:
    """Five styles of a thing of the lesson and of another, through the real text encoder."""
    from engine.encoders.minilm import MiniLM

    made, sets = np.random.default_rng(0), {s: Icons(c) for s, c in zip(
        STYLES, ("red", "black", "orange", "blue", "green"), strict=False)}  # fmt: skip
    records = [r for c in ("bear", "brain") for r in pack.drawn({"concept": c}, sets, made)]
    path = tmp_path_factory.mktemp("pack") / "small.npz"
    return pack.write(path, records, ["bear", "brain"], MiniLM())


def test_what_is_packed_comes_back_recoloured_and_on_grounds(packed: Path) -> None:
    found = pack.Pack.load(packed)
    assert found.names == ("bear", "brain") and found.pixels.shape == (10, SIDE, SIDE, 4)
    made = found.build(8, 0)
    assert made.pixels.shape == (80, SIDE, SIDE, 3) and made.facts.shape == (80, len(FACTS))
    assert made.altered.mean() == pytest.approx(0.25)
    corners = made.pixels[:, 2, 2].astype(np.float32) / 255 * 2 - 1
    assert np.abs(corners - made.facts[:, -3:]).max() < 0.03
    expected = frame(Icons("red").draw(None), SIDE)
    assert np.abs(made.pixels[0].astype(int) - np.asarray(expected)).mean() < 6
    colours = np.array(list(GROUNDS.values()), np.float32) / 255 * 2 - 1
    assert np.abs(made.facts[:, -3:] - colours[made.ground]).max() < 0.11


def test_what_is_told_of_a_recoloured_drawing_is_measured_of_it(packed: Path) -> None:
    made = pack.Pack.load(packed).build(2, 0)
    altered, colours = Image.fromarray(made.pixels[10]), 7
    gaps = np.abs(data.measured(altered) - made.facts[10, :-3])[:colours]
    assert gaps.max() < 0.06
    others = np.abs(data.measured(Image.fromarray(made.pixels[0])) - made.facts[10, :-3])[:colours]
    assert others.max() > 0.2


def test_many_are_recoloured_as_one_is() -> None:
    turns = torch.tensor([[0.2, 0.5, 1.3], [0.0, 1.0, 1.0]])
    x = torch.from_numpy(np.stack([np.asarray(disc("teal"))] * 2)).float() / 255
    found = (pack.turned(x, turns) * 255).round()
    one = np.asarray(data.recoloured(disc("teal"), 0.2, 0.5, 1.3), np.float32)
    assert np.abs(found[0].numpy() - one).max() <= 1
    assert torch.allclose(found[1], x[1] * 255, atol=1)


def test_the_packed_encoder_says_what_minilm_says_and_nothing_else(packed: Path) -> None:
    from engine.encoders.minilm import MiniLM

    words, texts = pack.Pack.load(packed).words("cpu"), ["a bear", "brain"]
    for mine, theirs in zip(words.states(texts, TOKENS), MiniLM().states(texts, TOKENS),
                            strict=True):  # fmt: skip
        assert mine.shape[-1] == WORDS and torch.allclose(mine, theirs, atol=0.01)
    with pytest.raises(KeyError):
        words.states(["a word that is not there"], TOKENS)


def test_too_few_styles_and_what_is_kept_apart_are_not_packed() -> None:
    made = np.random.default_rng(0)
    few = {s: Icons("red") for s in STYLES[:4]}
    assert pack.drawn({"concept": "brain"}, few, made) == []
    every = {s: Icons("red") for s in STYLES}
    _, apart = data.lesson()
    found = {("frog", r["style"]) for r in pack.drawn({"concept": "frog"}, every, made)}
    assert found and not found & apart


def test_things_left_out_of_the_collection_are_left_out_here(tmp_path: Path) -> None:
    base = tmp_path / "emojibase-data" / "package" / "en"
    base.mkdir(parents=True)
    (base / "messages.json").write_text(json.dumps(
        {"groups": [{"order": 1, "key": "objects"}], "subgroups": [{"order": 2, "key": "tool"}]}
    ))  # fmt: skip
    rows = [{"label": w, "group": 1, "subgroup": 2, "hexcode": "1F528"} for w in ("hammer", "axe")]
    (base / "data.json").write_text(json.dumps(rows))
    assert list(pack.concepts(tmp_path)) == [{"concept": "hammer", "code": "1f528"}]


def test_what_is_missing_is_named_with_its_cure(tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(FileNotFoundError, match="--gather"):
        pack.Pack.load(tmp_path / "none.npz")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(FileNotFoundError, match="npm"):
        pack.gather(tmp_path, tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


def test_a_pack_keeps_its_name_and_leaves_no_part(packed: Path) -> None:
    assert [p.name for p in packed.parent.iterdir()] == ["small.npz"]


def test_the_shape_takes_what_the_autoencoder_gives() -> None:
    model = shape.transformer(1, 1)
    assert model.config.in_channels == shape.autoencoder(8).config.latent_channels
