"""Steering without training, on every family: strength 0 is plain, strengths order, hooks go."""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch

from engine.backbones.diffusion import Diffusion
from engine.data import Draw, WrongSpace
from engine.steering.best_of import best_of, implicit
from engine.steering.noise import FAR, MOST, glimpsed, liked_noise
from engine.steering.prompt_direction import (
    UNIT,
    PromptDirection,
    from_captions,
    prompt_direction,
)
from engine.steering.reward_gradient import reward_gradient
from tests.tiny_pictures import KINDS, tiny_face

PROMPTS, SEEDS = ["a cat", "a dog"], [4, 9]


@pytest.fixture(scope="module", params=KINDS)
def tiny(request: Any) -> Diffusion:
    return Diffusion(request.param, tiny_face(request.param), size=16)


def ask(**more: Any) -> Draw:
    return Draw("", **{"steps": 4, "guidance": 3.0, "size": (16, 16)} | more)


def drawn(backbone: Diffusion, rows: int = 2) -> np.ndarray:
    stream = backbone.stream(PROMPTS[:rows], SEEDS[:rows], ask())
    found = {s.index: s.pixels for s in stream if s.done}
    return np.stack([found[k] for k in range(rows)])


class Colour:
    """Features of a picture: its mean red, green and blue."""

    space = "test:colour"

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean((2, 3))


RED = np.array([1.0, -0.5, -0.5], np.float32)


def redness(pictures: Any) -> np.ndarray:
    return np.array([p.reshape(-1, 3).mean(0) @ RED for p in pictures])


def direction(backbone: Diffusion) -> PromptDirection:
    return from_captions(backbone, ["a red cat", "a cat", "red sea", "sea"],
                         np.array([1.0, 0, 1, 0]), ["cat", "cat", "sea", "sea"])  # fmt: skip


def steered(how: str, backbone: Diffusion, strength: float,
            rows: tuple[bool, bool] = (True, True)) -> AbstractContextManager[Any]:  # fmt: skip
    if how == "gradient":
        people = [RED if r else None for r in rows]
        return reward_gradient(backbone, Colour(), people, strength)
    found = direction(backbone) * 20.0
    return prompt_direction(backbone, [found if r else None for r in rows], strength)


def hooks(backbone: Diffusion) -> int:
    return len(backbone.touches) + len(backbone.trainable()._forward_pre_hooks)


@pytest.mark.parametrize("how", ["gradient", "direction"])
def test_strength_0_is_the_plain_model_and_leaving_restores_it(tiny: Diffusion, how: str) -> None:
    plain = drawn(tiny)
    with steered(how, tiny, 0.0):
        assert hooks(tiny) == 0 and np.array_equal(drawn(tiny), plain)
    with steered(how, tiny, 1.0, (False, False)):
        assert np.array_equal(drawn(tiny), plain)
    with pytest.raises(RuntimeError, match="mine"), steered(how, tiny, 1.0):
        assert hooks(tiny) == 1 and not np.array_equal(drawn(tiny), plain)
        raise RuntimeError("mine")
    assert hooks(tiny) == 0 and np.array_equal(drawn(tiny), plain)


@pytest.mark.parametrize("how", ["gradient", "direction"])
def test_each_row_has_its_own_person(tiny: Diffusion, how: str) -> None:
    plain = drawn(tiny)
    with steered(how, tiny, 1.0, (True, False)):
        mixed = drawn(tiny)
    with steered(how, tiny, 1.0):
        both = drawn(tiny)
    assert np.array_equal(mixed[1], plain[1]), "nobody's row is the plain one"
    assert np.abs(mixed[0].astype(int) - both[0]).max() <= 1 and (mixed[0] != plain[0]).any()


def test_strengths_of_the_gradient_order_the_score(tiny: Diffusion) -> None:
    scores = []
    for strength in (-4.0, -2.0, 0.0, 2.0, 4.0):
        with steered("gradient", tiny, strength):
            scores.append(redness(drawn(tiny)).mean())
    assert scores == sorted(scores) and scores[-1] > scores[0] + 0.1


def test_a_person_of_another_space_is_refused(tiny: Diffusion) -> None:
    with pytest.raises(WrongSpace), reward_gradient(tiny, Colour(), [RED], 1.0, "lite0:picture"):
        pass
    assert hooks(tiny) == 0


def test_a_length_of_the_gradient_by_hand() -> None:
    """Decode is the identity and the score a sum: every number of x0 moves by the same amount."""
    from engine.stages import Stage
    from engine.steering.reward_gradient import UNIT, _pushed

    class Face:
        def pixels(self, latents: torch.Tensor) -> torch.Tensor:
            return latents

    leads = torch.randn(2, 3, 4, 4)
    stage: Any = Stage(Face(), 1, 4, torch.zeros_like(leads), 0.6, 0.4, leads, (0, 1))  # type: ignore[arg-type]
    touch = _pushed(Colour(), [np.ones(3, np.float32), None], 2.0, "cpu")
    assert touch is not None
    moved = touch(stage)
    assert moved is not None and torch.allclose(moved[0], torch.full((3, 4, 4), 2 * UNIT * 0.6))
    assert not moved[1].any()


def test_a_direction_is_a_difference_of_liked_and_disliked_within_a_topic(tiny: Diffusion) -> None:
    told = tiny.face.conditions(["a red cat", "a cat", "red sea", "sea"])
    for name, part in direction(tiny).parts.items():
        value = told[name].detach().numpy()
        np.testing.assert_allclose(part, (value[0] - value[1] + value[2] - value[3]) / 2, atol=1e-5)
    assert "encoder_hidden_states" in direction(tiny).parts
    same = from_captions(tiny, PROMPTS, np.ones(2), ["a", "b"])
    assert not any(v.any() for v in same.parts.values())


def test_the_model_is_told_the_prompt_plus_the_direction(tiny: Diffusion) -> None:
    """One guess inside the block is the guess for the moved conditions, worked out beside it."""
    found, told = direction(tiny), tiny.face.conditions(["a cat"])
    mixed = torch.randn(1, tiny.trainable().config.in_channels, 8, 8)
    if isinstance(getattr(tiny.face, "longest", None), int):
        mixed = torch.randn(1, 4, 8, 8)
    moved = {k: v + torch.from_numpy(found.parts[k]) * 3 * UNIT if k in found.parts else v
             for k, v in told.items()}  # fmt: skip
    with torch.inference_mode():
        beside = tiny.face.predict(mixed, torch.tensor([400.0]), moved)
        with prompt_direction(tiny, found, 3.0):
            inside = tiny.face.predict(mixed, torch.tensor([400.0]), told)
    assert torch.allclose(inside, beside, atol=1e-5)


def test_directions_are_values_and_know_their_model(tiny: Diffusion, tmp_path: Any) -> None:
    found = direction(tiny)
    zero = found + -found
    assert not any(v.any() for v in zero.parts.values())
    (found * 2.0).save(tmp_path / "d.safetensors")
    loaded = PromptDirection.load(tmp_path / "d.safetensors")
    assert loaded.model == tiny.name
    assert all(np.array_equal(v, 2 * found.parts[k]) for k, v in loaded.parts.items())
    other = PromptDirection("other", found.parts)
    with pytest.raises(WrongSpace):
        found + other
    with pytest.raises(WrongSpace), prompt_direction(tiny, other, 1.0):
        pass
    with pytest.raises(WrongSpace), prompt_direction(tiny, other, 0.0):
        pass


def test_noise_is_picked_among_more_with_strength_and_drawn_as_it_is(tiny: Diffusion) -> None:
    assert liked_noise(tiny, PROMPTS, SEEDS, ask(), redness, 0.0) == SEEDS
    best = []
    for strength in (0.0, 0.4, 1.0):
        tries = 1 + round(strength * (MOST - 1))
        chosen = liked_noise(tiny, PROMPTS, SEEDS, ask(), redness, strength)
        gaps = [c - s for c, s in zip(chosen, SEEDS, strict=True)]
        assert all(g % FAR == 0 and g // FAR < tries for g in gaps)
        best.append(redness(glimpsed(tiny, PROMPTS, chosen, ask())).mean())
    assert best == sorted(best) and best[-1] > best[0]
    assert hooks(tiny) == 0


def test_a_look_ends_the_drawing_after_two_steps(tiny: Diffusion) -> None:
    passes: list[int] = []
    counter = tiny.trainable().register_forward_hook(lambda *_: passes.append(1))
    looks = glimpsed(tiny, PROMPTS, SEEDS, ask())
    counter.remove()
    assert len(passes) == 2 and len(looks) == 2 and looks[0].shape == (16, 16, 3)
    again = glimpsed(tiny, PROMPTS[:1], SEEDS[:1], ask())
    assert np.abs(again[0].astype(int) - looks[0]).max() <= 1


def test_best_of_n_keeps_the_liked_one_and_names_the_rest(tiny: Diffusion) -> None:
    def score(pictures: Any, _prompts: Any) -> np.ndarray:
        return redness(pictures)

    plain = drawn(tiny)
    (one, two) = best_of(tiny, PROMPTS, SEEDS, ask(), score, 0.0)
    assert np.array_equal(one.best.pixels, plain[0]) and np.array_equal(two.best.pixels, plain[1])
    (choice,) = best_of(tiny, PROMPTS[:1], SEEDS[:1], ask(), score, 3 / 7)
    assert len(choice.drawn) == 4 and choice.kept == int(np.argmax(choice.scores))
    assert choice.scores[choice.kept] >= choice.scores[0]
    assert best_of(tiny, PROMPTS, SEEDS, ask(cancelled=lambda: True), score, 1.0) == []


def test_the_odd_one_out_lies_far_below_the_others() -> None:
    from engine.data import Sample
    from engine.steering.best_of import _chosen

    made = _chosen([Sample(k) for k in range(5)], np.array([1.0, 1.1, 0.9, 1.05, -8.0]))
    assert made.odd == (4,) and made.kept == 1


def test_the_implicit_reward_is_the_error_a_tuned_model_saves(tiny: Diffusion) -> None:
    """The base against itself is 0; a bent model's reward is worked out beside it."""
    from contextlib import contextmanager

    pictures = drawn(tiny)
    with steered("direction", tiny, 0.0):
        pass

    @contextmanager
    def bent() -> Any:
        with prompt_direction(tiny, direction(tiny), 4.0):
            yield

    same = implicit(tiny, lambda: prompt_direction(tiny, direction(tiny), 0.0))
    assert not same(pictures, PROMPTS).any()
    found = implicit(tiny, bent, beta=2.0, seed=3)(pictures, PROMPTS)
    from PIL import Image

    clean, told = tiny.encode([Image.fromarray(pictures[1])]), tiny.face.conditions(["a dog"])
    with torch.inference_mode():
        base = tiny.errors(clean, told, 3)
        with bent():
            tuned = tiny.errors(clean, told, 3)
    assert found[1] == pytest.approx(2 * (base[0] - tuned[0]), rel=1e-5) and found[1] != 0
