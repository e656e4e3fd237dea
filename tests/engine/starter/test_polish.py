"""A reader of styles learns from icons; the denoiser alone learns from what it reads."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.starter.drawer import data, pipeline, polish, reader, recipe
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.known import MODEL
from engine.starter.drawer.teach import Deck, Said, Teacher
from tests.engine.starter.test_decoder import PLAIN, THINGS, Silent, some, tiny


def icons(count: int = 48) -> reader.Icons:
    """Two styles: fine stripes and plain ones, in any colour, as dark as each other."""
    rng = np.random.default_rng(0)
    pixels = np.repeat(rng.integers(60, 255, (count, 1, 1, 3)), data.SIDE, 1).astype(np.uint8)
    pixels = np.repeat(pixels, data.SIDE, 2)
    plain = pixels // 3 * 2
    pixels[::2, ::2] //= 3
    pixels[1::2] = plain[1::2]
    style, thing = np.arange(count) % 2, np.arange(count) // 2
    return reader.Icons(pixels, pixels, thing.astype(np.int16), style.astype(np.int16))


def test_the_reader_reads_styles_of_things_it_was_not_shown() -> None:
    torch.manual_seed(0)
    model = reader.Reader(16, 2)
    *_, last = reader.teach(model, icons(), Clock(steps=80, warm=3))
    assert last.metrics["apart"] == 1.0
    assert not any(p.requires_grad for p in model.parameters())


def test_only_icons_in_their_own_colours_on_white_are_shown() -> None:
    drawings = some(6)
    drawings.ground[:] = [0, 0, 1, 1, 0, 0]
    found = reader.Icons.of(tiny().vae, drawings)
    assert np.array_equal(found.pixels, drawings.pixels[[0, 4]]), "the odd ones are recoloured"
    assert found.through.shape == found.pixels.shape


def in_own_colours() -> data.Drawings:
    drawings = some()
    drawings.altered[:] = False
    return drawings


def lesson_of(pipe: Any, names: tuple[str, ...] = THINGS, **more: Any) -> polish.Polish:
    words: Any = Silent()
    said = Said(Captions(0, names), words)
    drawings = some()
    latents = torch.randn(len(drawings), 8, 24, 24, generator=torch.Generator().manual_seed(0))
    deck = Deck.of(latents, drawings, PLAIN, said)
    plan = polish.Plan(**{"steps": 1, "batch": 4, "icons": 2, **more})
    return polish.Polish(pipe, reader.Reader(4), deck, said, plan)


def test_what_is_left_out_of_training_is_asked_for_by_nobody() -> None:
    left_out, free = ("frog", "clay"), lesson_of(tiny(), ("frog", "bear")).free
    asked = {(("frog", "bear")[c], data.STYLES[s]) for c, s in free}
    assert left_out in data.lesson()[1] and left_out not in asked
    assert ("frog", "flat") in asked and ("bear", "clay") in asked
    assert len(asked) == 20 - sum(c == "frog" for c, _ in data.lesson()[1])


def test_what_the_reader_says_reaches_the_denoiser_alone() -> None:
    pipe = tiny()
    torch.nn.init.normal_(pipe.transformer.proj_out.weight, std=0.2)
    made = lesson_of(pipe)
    style, drawn = made.drawn()
    assert drawn.shape == (4, 3, data.SIDE, data.SIDE) and style.shape == (4,)
    torch.autograd.backward(torch.nn.functional.cross_entropy(made.reader(drawn), style))
    grads = [p.grad for p in made.model.parameters() if p.grad is not None]
    assert grads and any(g.abs().sum() > 0 for g in grads)
    assert all(p.grad is None for p in pipe.vae.parameters())


def test_a_step_along_what_the_reader_says_is_read_as_more_of_what_was_asked() -> None:
    pipe = tiny()
    torch.nn.init.normal_(pipe.transformer.proj_out.weight, std=0.1)

    def wrong(made: polish.Polish) -> torch.Tensor:
        """The same drawings each time."""
        torch.manual_seed(7)
        made.rng = np.random.default_rng(7)
        style, drawn = made.drawn()
        return torch.nn.functional.cross_entropy(made.reader(drawn), style)

    made = lesson_of(pipe)
    before = wrong(made)
    torch.autograd.backward(before)
    with torch.no_grad():
        for p in made.model.parameters():
            if p.grad is not None:
                p -= 0.3 * p.grad
    assert wrong(made) < before


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_steps_make_what_is_rewarded_more_of_what_is_drawn(sign: float) -> None:
    """Also in 16 bits, where weights cast without gradients must not be used again."""
    pipe = tiny()
    torch.nn.init.normal_(pipe.transformer.proj_out.weight, std=0.1)
    made = lesson_of(pipe, batch=8, rate=3e-3, reward=sign * 5.0)
    made.halved = True
    asked: list[float] = []
    for _ in range(24):
        torch.manual_seed(3)
        made.rng = np.random.default_rng(3)
        asked.append(float(made.step()["wrong"]))
    assert sign * (asked[-1] - asked[0]) < 0
    linear = [n for n, p in made.model.named_parameters() if n.endswith("proj_out.weight")
              and p.grad is not None and p.grad.abs().sum() > 0]  # fmt: skip
    assert linear, "the weights of layers learn, not their biases alone"


def test_two_runs_at_once_are_refused_and_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    given: Any = SimpleNamespace(style_minutes=1.0, decoder_minutes=1.0)
    with pytest.raises(ValueError, match="styles first"):
        recipe.stage(given, recipe.Wanted(tmp_path))
    with pytest.raises(FileNotFoundError, match="--shipped"):
        polish.polished(recipe.Wanted(tmp_path), 1.0, lambda _: None)


def test_what_ships_is_copied_whole_and_counted_on(tmp_path: Path) -> None:
    shipped = recipe.Wanted(tmp_path, shipped=True)
    folder = recipe.going_on(shipped)
    assert (folder / "transformer" / "config.json").exists() and not list(tmp_path.glob(".*"))
    told = json.loads((MODEL / "lesson.json").read_text())
    assert json.loads((folder / "lesson.json").read_text()) == told
    assert recipe.learnt_before(shipped) == (told["steps"], told["seen"])
    assert recipe.learnt_before(recipe.Wanted(tmp_path)) == (0, 0)


def test_the_transformer_alone_moves_and_what_was_measured_is_taken_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    tiny().save_pretrained(folder)
    (folder / "lesson.json").write_text((MODEL / "lesson.json").read_text())
    monkeypatch.setattr(
        recipe.Given, "of", lambda _wanted: recipe.Given(in_own_colours(), THINGS, Silent())  # type: ignore[arg-type]
    )  # fmt: skip
    before = pipeline.load(folder)
    wanted = recipe.Wanted(tmp_path, steps=2, batch=4, concepts=THINGS)
    polish.polished(wanted, 0.0, lambda _: None)
    after = pipeline.load(folder)
    moved = [part for part in ("vae", "transformer") if any(
        not torch.equal(a, b) for a, b in zip(getattr(before, part).state_dict().values(),
                                              getattr(after, part).state_dict().values(),
                                              strict=True))]  # fmt: skip
    assert moved == ["transformer"]
    told = json.loads((folder / "lesson.json").read_text())
    assert "named" not in told and told["styles"]


def test_a_copy_in_16_bits_finds_nearly_the_same_step(tmp_path: Path) -> None:
    steps = []
    for halved in (False, True):
        torch.manual_seed(0)
        pipe = tiny()
        torch.nn.init.normal_(pipe.transformer.proj_out.weight, std=0.1)
        made = lesson_of(pipe)
        before = [p.detach().clone() for p in pipe.transformer.parameters()]
        teacher = Teacher(pipe.transformer, made.deck, tmp_path, halved=halved)
        list(teacher.teach(Clock(steps=1, warm=1), 8))
        assert (teacher.quick is teacher.model) is not halved
        assert all(p.dtype == torch.float32 for p in teacher.model.parameters())
        assert all(torch.equal(q, p.to(q.dtype)) for q, p in zip(
            teacher.quick.parameters(), teacher.model.parameters(), strict=True))  # fmt: skip
        steps.append(torch.cat([(p - b).flatten() for p, b in zip(
            pipe.transformer.parameters(), before, strict=True)]))  # fmt: skip
    assert torch.nn.functional.cosine_similarity(*steps, dim=0) > 0.95
