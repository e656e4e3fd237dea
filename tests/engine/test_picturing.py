"""The one trainer on pictures: every family, every objective, the same loop as for texts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.adapter import Adapter, Base
from engine.album import MIRRORED
from engine.backbones.diffusion import Diffusion
from engine.lora import targets
from engine.objectives import OBJECTIVES
from engine.objectives.base import Example
from engine.picturing import DRAWS, LAYERS, PER_STEP, PictureRow, draw_of
from engine.steering.lora import stack
from engine.training import Settings, Training
from tests.tiny import tiny_lm
from tests.tiny_pictures import KINDS, tiny_face

PICTURES = [n for n in OBJECTIVES if "picture" in OBJECTIVES[n].load().media]
COLOURS = ("red", "blue", "green", "white")


@pytest.fixture(scope="module")
def backbones() -> dict[str, Diffusion]:
    made = {}
    for kind in KINDS:
        backbone = Diffusion(kind, tiny_face(kind), size=16)
        latents = {c: backbone.encode([Image.new("RGB", (16, 16), c)])[0] for c in COLOURS}
        backbone.album = latents.__getitem__
        made[kind] = backbone
    return made


def examples() -> list[Example]:
    return [Example("a cat", ("red", "blue"), prompts=("a red cat", "a blue cat")),
            Example("a dog", ("red", "green")), Example("a dog", ("red", "white"))]  # fmt: skip


def run(backbone: Diffusion, objective: str, steps: int = 3, people: int = 1, **more: Any) -> Any:
    settings = Settings(objective=objective, steps=steps, batch=2, rank=2, held_out=0.0, **more)
    made = Training(backbone, [examples()] * people, settings)
    list(made.prepare_references())
    return made, list(made.run())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", [*PICTURES, "cpo"])
def test_every_family_takes_a_step_of_every_objective(
    backbones: dict[str, Diffusion], kind: str, objective: str
) -> None:
    before = {k: v.clone() for k, v in backbones[kind].trainable().state_dict().items()}
    made, told = run(backbones[kind], objective, 2)
    assert all(np.isfinite(p.metrics["loss"]) for p in told)
    assert any(up.abs().sum() > 0 for up in made.lora.up.values()), "nothing was learnt"
    after = backbones[kind].trainable().state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before), "the base was changed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_in_16_bits_takes_a_step_of_every_objective(kind: str) -> None:
    """As on a GPU: bfloat16 throughout. The errors in inner features broke on it."""
    face = tiny_face(kind)
    face.pipe.to(torch.bfloat16)
    backbone = Diffusion(kind, face, size=16)
    latents = {c: backbone.encode([Image.new("RGB", (16, 16), c)])[0] for c in COLOURS}
    backbone.album = latents.__getitem__
    for objective in PICTURES:
        made, told = run(backbone, objective, 1)
        assert np.isfinite(told[0].metrics["loss"]), objective
        assert any(up.abs().sum() > 0 for up in made.lora.up.values()), objective


def test_before_the_first_step_model_and_reference_agree(backbones: dict[str, Diffusion]) -> None:
    # Low knobs: the usual ones make a thousandth of a last bit, and that differs between machines.
    _, told = run(backbones["sd3"], "diffusion_dpo", 1, knobs={"beta": 1.0, "floor": 0.0})
    assert told[0].metrics["loss"] == pytest.approx(np.log(2), abs=1e-5)


def test_what_is_chosen_is_drawn_better_than_what_is_not(backbones: dict[str, Diffusion]) -> None:
    made, told = run(
        backbones["sd3"], "diffusion_dpo", 30, knobs={"beta": 2000.0, "floor": 0.0}, rate=3e-3
    )
    assert told[-1].metrics["margin"] > 0.02 > abs(told[0].metrics["margin"])
    with torch.no_grad():
        found = made.measure([(0, g) for g in made.people[0].learn])
    assert (found.h > 0).all()


def test_a_run_taken_up_again_is_the_same_run(backbones: dict[str, Diffusion]) -> None:
    whole, _ = run(backbones["sd3"], "diffusion_dpo", 4)
    half = Training(backbones["sd3"], [examples()], whole.settings)
    list(half.prepare_references())
    half.one(), half.one()
    tensors, numbers = half.state()
    tensors = {k: v.clone() for k, v in tensors.items()}
    again = Training(backbones["sd3"], [examples()], whole.settings)
    again.restore(tensors, numbers)
    list(again.prepare_references())
    list(again.run())
    pairs = zip(whole.lora.tensors(), again.lora.tensors(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_people_learn_side_by_side_as_each_alone(backbones: dict[str, Diffusion]) -> None:
    alone, _ = run(backbones["sd3"], "diffusion_dpo", 3)
    both, _ = run(backbones["sd3"], "diffusion_dpo", 3, people=2)
    for path in alone.lora.up:
        for person in range(2):
            assert torch.allclose(alone.lora.up[path][0], both.lora.up[path][person], atol=1e-4)


def test_own_captions_are_used_where_the_objective_asks(backbones: dict[str, Diffusion]) -> None:
    reading = backbones["sd3"].reading
    example = examples()[0]
    assert reading(OBJECTIVES["dcpo"].load()).row(example).captions == ("a red cat", "a blue cat")
    assert reading(OBJECTIVES["diffusion_dpo"].load()).row(example).captions == ("a cat", "a cat")


def test_draws_are_shared_within_a_group_and_turn_with_the_steps(
    backbones: dict[str, Diffusion],
) -> None:
    reading = backbones["sd3"].reading(OBJECTIVES["dpo"].load())
    row = PictureRow(("red", "blue"), ("x", "x"))
    seen = [reading.at(row, s).draws for s in range(DRAWS)]
    assert all(len(d) == PER_STEP for d in seen)
    assert {d for draws in seen for d in draws} == set(range(DRAWS))
    clean, noise, t, _ = reading._batch([replace(row, draws=(3, 9))])
    assert torch.equal(noise[:2], noise[2:]) and torch.equal(t[:2], t[2:])
    assert not torch.equal(noise[0], noise[1]) and not torch.equal(clean[0], clean[2])
    times = [draw_of(d, (1,))[1] for d in range(DRAWS)]
    assert times == sorted(times) and times[0] < 0.2 and times[-1] > 0.8
    keys = row.keys("base")
    assert len(set(keys)) == 2 * DRAWS and row.folded([1.0] * DRAWS + [3.0] * DRAWS) == [1.0, 3.0]


def test_both_pictures_of_a_pair_are_mirrored_or_neither(backbones: dict[str, Diffusion]) -> None:
    plain = backbones["sd3"].reading(OBJECTIVES["dpo"].load())
    rows = [PictureRow((a, b), ("x", "x")) for a in COLOURS for b in COLOURS if a != b]

    def turned(share: float, seed: int) -> np.ndarray:
        reading, found = plain.mirroring(share, seed), []
        for row in rows:
            for step in range(40):
                at = reading.at(row, step)
                assert at.draws == plain.at(row, step).draws
                assert at.pictures in (row.pictures, tuple(p + MIRRORED for p in row.pictures))
                found.append(at.pictures != row.pictures)
                assert bool(set(at.keys("b")) & set(plain.at(row, step).keys("b"))) != found[-1]
        return np.array(found).reshape(len(rows), 40)

    half = turned(0.5, 1)
    assert 0.4 < half.mean() < 0.6 and (half == turned(0.5, 1)).all()
    assert (half != turned(0.5, 2)).any() and (half[0] != half[1]).any(), "by seed and by pair"
    assert not turned(0.0, 1).any() and turned(1.0, 1).all()


def test_mirrored_steps_learn_from_mirrored_pictures_and_texts_have_none(
    backbones: dict[str, Diffusion],
) -> None:
    seen, backbone = [], replace(backbones["sd3"])

    def album(name: str) -> torch.Tensor:
        seen.append(name)
        return backbones["sd3"].album(name.removesuffix(MIRRORED))  # type: ignore[misc]

    backbone.album = album
    made, _ = run(backbone, "diffusion_dpo", 4, mirror=0.5)
    ours = {n.endswith(MIRRORED) for n in seen}
    assert ours == {True, False} and made.step == 4
    with pytest.raises(ValueError, match="mirrored"):
        Training(tiny_lm(), [[Example("a", ("b", "c"))]], Settings(mirror=0.5))


def test_speeds_are_those_of_the_chosen_picture_where_the_step_looks(
    backbones: dict[str, Diffusion],
) -> None:
    """By hand, the pass of each end alone: one more direction a step, the same noise and time."""
    sd3 = backbones["sd3"]
    plain = sd3.reading(OBJECTIVES["dpo"].load())
    reading, other = plain.smoothing(3), plain.smoothing(4)
    row, told = PictureRow(("red", "blue"), ("a cat", "a cat"), (5, 13)), sd3.face.conditions
    found = reading.speeds([row], 5, torch.no_grad)
    noise, time = draw_of(5, (4, 8, 8))
    x = (1 - time) * sd3.album("red") + time * noise  # type: ignore[misc]
    n = torch.randn(4, 8, 8, generator=reading._towards(row, 5))

    def guess(z: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            t = torch.tensor([time])
            return z - time * sd3.face.guess(z[None], t * 1000, told(["a cat"]))[0]

    by_hand = (guess(x + 0.1 * n) - guess(x)).square().mean().sqrt() / 0.1
    assert float(found) == pytest.approx(float(by_hand), rel=1e-4)
    assert float(reading.speeds([row], 6, torch.no_grad)) != float(found), "a new direction"
    assert float(other.speeds([row], 5, torch.no_grad)) != float(found), "by the seed"
    with pytest.raises(ValueError, match="texts have no noise.*leave `smooth` at 0"):
        tiny_lm().reading(OBJECTIVES["dpo"].load()).smoothing(3)


def test_adapters_bend_attention_and_never_the_words(backbones: dict[str, Diffusion]) -> None:
    for kind in KINDS:
        found = targets(backbones[kind].trainable(), LAYERS)
        assert any(path.endswith("to_q") for path in found)
        assert not any("embed" in path or "norm" in path for path in found)


def test_with_weights_that_wait_elsewhere_all_is_made_where_the_work_is_done() -> None:
    """On the last rung of little memory a model's parts wait outside the GPU and come for their
    turn; "meta" stands for outside, the CPU for the GPU.
    """
    backbone = Diffusion("x", tiny_face("sd3"), size=16)
    backbone.album = {c: torch.zeros(4, 8, 8) for c in COLOURS}.__getitem__
    path = next(iter(targets(backbone.model, LAYERS)))
    rows = {f"base_model.model.{path}.lora_{s}.weight": np.ones((2, 32) if s == "A" else (32, 2),
            np.float32) for s in "AB"}  # fmt: skip
    backbone.model.to("meta")
    made = Training(backbone, [examples()], Settings(objective="diffusion_dpo", held_out=0.0))
    there = {t.device.type for t in made.lora.tensors()}
    there |= {t.device.type for t in made.reading._batch(made.people[0].rows[:1])[:3]}
    there |= {t.device.type for t in stack(backbone, [Adapter(Base("x"), rows)]).tensors()}
    assert there == {"cpu"}


def test_training_without_pictures_says_what_is_missing() -> None:
    bare = Diffusion("x", tiny_face("sd3"))
    with pytest.raises(ValueError, match="album"):
        Training(bare, [examples()], Settings(objective="diffusion_dpo"))
