"""The decoder learns from what the sampler leaves, and nothing else moves."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.data import Array
from engine.starter.drawer import autoencoder, data, decoder, pipeline, recipe, shape
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import TOKENS, WORDS, Scale
from engine.starter.drawer.face import Drawer
from engine.starter.drawer.known import MODEL

THINGS = ("cat face", "bear")


class Silent:
    """Nobody reads the words."""

    def of(self, texts: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(texts), TOKENS, WORDS), torch.zeros(len(texts), WORDS)


def tiny() -> Any:
    torch.manual_seed(0)
    made = pipeline.assembled(shape.autoencoder(8), shape.transformer(1, 1))
    made.vae.register_to_config(shift_factor=0.1, scaling_factor=1.2)
    return made


def drawer() -> Drawer:
    words: Any = Silent()
    return Drawer(tiny(), words)


def some(count: int = 6, seed: int = 0) -> data.Drawings:
    rng = np.random.default_rng(seed)
    pixels = np.repeat(rng.integers(0, 255, (count, 1, 1, 3)), data.SIDE, 1).astype(np.uint8)
    numbers = np.arange(count, dtype=np.int16)
    facts: Array = rng.normal(size=(count, len(data.FACTS))).astype(np.float32)
    return data.Drawings(np.repeat(pixels, data.SIDE, 2), numbers % 2, numbers % 3, facts,
                         numbers * 0, numbers % 2 == 1)  # fmt: skip


PLAIN = Scale(np.zeros(len(data.FACTS), np.float32), np.ones(len(data.FACTS), np.float32))


def test_what_is_drawn_on_from_no_noise_is_the_drawing() -> None:
    """The tiny transformer says nothing, so that what was put in as noise is what is left."""
    face, drawings = drawer(), some()
    found = decoder.redraw(face, drawings, Captions(0, THINGS), PLAIN, say=lambda _: None)
    gap = (found.latents - found.clean).float().square().mean((1, 2, 3)).sqrt()
    assert sorted(map(tuple, found.pixels[:, 0, 0])) == sorted(map(tuple, drawings.pixels[:, 0, 0]))
    assert ((gap > 0.3 * found.noise) & (gap < 3 * found.noise + 0.01)).all()


def test_what_is_said_is_true_of_the_drawing() -> None:
    drawings, said = some(60), Captions(0, THINGS)
    rows = np.arange(60)
    found = decoder.told(drawings, rows, said, PLAIN, np.random.default_rng(0))
    for row, each in zip(rows, found, strict=True):
        assert said.texts.index(each.text) in said.table[row % 2, row % 3]
        assert set(each.styles) <= {data.STYLES[row % 3]}
        assert all(value == pytest.approx(float(np.clip(drawings.facts[row, data.FACTS.index(name)],
                                                        -3, 3)))
                   for name, (value, _) in each.facts.items())  # fmt: skip
        assert {"ground red", "ground green", "ground blue"} <= set(each.facts)
        assert drawings.altered[row] or len(each.facts) == 3, "other facts are told of altered ones"
    assert {len(e.styles) for e in found} == {0, 1}


def test_guidance_weighs_the_two_answers() -> None:
    answers = torch.tensor([1.0, 3.0])[:, None, None, None]
    face = SimpleNamespace(
        conditions=lambda said: {"pooled_projections": torch.ones(len(said), 2)},
        module=lambda hidden_states, timestep, pooled_projections: SimpleNamespace(
            sample=answers.expand(2, 1, 2, 2) * timestep[:, None, None, None] / 1000),
    )  # fmt: skip
    drawn = decoder.drawn_on(face, torch.zeros(1, 1, 2, 2), [], np.array([0.5, 0.0]))
    # One step of half the way: 0 - .5 * .5 * (1 + 3 * (3 - 1)).
    assert torch.allclose(drawn, torch.full((1, 1, 2, 2), -1.75))


def test_a_smear_that_is_always_the_same_is_learnt_away() -> None:
    vae, drawings = tiny().vae, some()
    clean = autoencoder.latents_of(vae, drawings.pixels)
    smeared = decoder.Redrawn(clean + 0.5, clean, drawings.pixels, torch.full((6,), 0.2))

    def gap() -> float:
        with torch.inference_mode():
            shown = torch.from_numpy(autoencoder.back(vae, smeared.latents)).float()
        return float((shown - torch.from_numpy(drawings.pixels)).abs().mean())

    before, encoder = gap(), {k: v.clone() for k, v in vae.encoder.state_dict().items()}
    list(decoder.teach(vae, smeared, Clock(steps=150, warm=5), batch=3))
    assert gap() < 0.6 * before
    assert all(torch.equal(v, encoder[k]) for k, v in vae.encoder.state_dict().items())


@pytest.mark.parametrize("pack", [None, Path("icons.npz")])
def test_the_decoder_alone_moves_and_what_was_asked_is_heeded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pack: Path | None
) -> None:
    folder, asked = tmp_path / "model", []
    tiny().save_pretrained(folder)
    (folder / "lesson.json").write_text((MODEL / "lesson.json").read_text())

    def given(wanted: recipe.Wanted) -> recipe.Given:
        asked.append(wanted)
        return recipe.Given(some(), THINGS, Silent())  # type: ignore[arg-type]

    monkeypatch.setattr(recipe.Given, "of", given)
    (file,) = (folder / "vae").glob("*.safetensors")
    file.chmod(0o644)
    before = {k: v.half() for k, v in pipeline.load(folder).vae.state_dict().items()}
    wanted = recipe.Wanted(tmp_path, steps=2, copies=16, pack=pack, concepts=THINGS)
    decoder.finer(wanted, 0.0, lambda _: None)
    after = pipeline.load(folder).vae.state_dict()
    moved = {k.split(".")[0] for k, v in after.items() if not torch.equal(v.half(), before[k])}
    assert moved == {"decoder"}
    assert asked == [replace(wanted, copies=decoder.COPIES)]
    assert not list((folder / "vae").glob(".*")), "no half-written file is left"
    assert file.stat().st_mode & 0o777 == 0o644, "others may read it as before"
    assert json.loads((folder / "lesson.json").read_text())["styles"]


def test_a_decoder_that_is_not_there_is_not_taught_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--shipped"):
        decoder.finer(recipe.Wanted(tmp_path), 1.0, lambda _: None)
