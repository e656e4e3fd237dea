"""Personal guidance on every family: its ends are the plain and the ordinary drawing."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.backbones.diffusion import Diffusion
from engine.data import Draw
from engine.steering.cross_attention import Personal, personal
from engine.steering.guidance import apart
from tests.tiny_pictures import KINDS, tiny_face

GUIDANCE = 4.0
ASK = Draw("a cat", n=2, steps=2, size=(32, 32), guidance=GUIDANCE)
ONE, OTHER = np.array([1, 0, -1, 2], np.float32), np.array([0, 1, 1, -2], np.float32)


@pytest.fixture(params=KINDS)
def backbone(request: pytest.FixtureRequest) -> Diffusion:
    return Diffusion(f"tiny-{request.param}", tiny_face(request.param))


def taught(backbone: Any) -> Personal:
    made, g = Personal.fresh(backbone, "toy:four", 4), torch.Generator().manual_seed(1)
    for name, value in made.weights.items():
        if name.endswith(".v"):
            made.weights[name] = 2 * torch.randn(value.shape, generator=g)
    return made


def drawn(backbone: Any, vectors: Any, scale: float | None = None, plain: Any = None) -> Any:
    adapter = taught(backbone)
    with personal(backbone, adapter, vectors, 1.0):
        if scale is None:
            return np.stack([s.pixels for s in backbone.generate(ASK) if s.done]).astype(int)
        with apart(backbone, scale, plain):
            return np.stack([s.pixels for s in backbone.generate(ASK) if s.done]).astype(int)


def test_the_ends_are_plain_and_ordinary(backbone: Diffusion) -> None:
    own = GUIDANCE if backbone.face.twice else 1.0
    base, mine = drawn(backbone, [None, None]), drawn(backbone, [ONE, OTHER])
    assert np.abs(mine - base).max() > 8
    assert (drawn(backbone, [ONE, OTHER], own) == mine).all(), "the model's own scale: untouched"
    assert np.abs(drawn(backbone, [ONE, OTHER], 0.0) - base).max() <= 1
    assert np.abs(drawn(backbone, [ONE, OTHER], own + 1e-4) - mine).max() <= 1, "no jump beside it"


def test_the_prompt_without_the_person_is_a_branch_of_its_own(backbone: Diffusion) -> None:
    """Nobody in the adapter, the person in the words alone: s = 0 draws the plain words."""
    dog = Draw("a dog", n=2, steps=2, size=(32, 32), guidance=GUIDANCE)
    plain = np.stack([s.pixels for s in backbone.generate(dog) if s.done]).astype(int)
    found = drawn(backbone, [None, None], 0.0, ["a dog", "a dog"])
    assert np.abs(found - plain).max() <= 1
    assert np.abs(drawn(backbone, [None, None]) - plain).max() > 1


def test_hooks_and_place_come_back(backbone: Diffusion) -> None:
    module = backbone.trainable()
    before = len(module._forward_hooks), len(module._forward_pre_hooks)
    with pytest.raises(RuntimeError), apart(backbone, 2.0):
        raise RuntimeError
    assert (len(module._forward_hooks), len(module._forward_pre_hooks)) == before
    drawn(backbone, [ONE, None], 2.0)
    assert backbone.place is None


def test_words_unsaid_are_of_the_person_too(backbone: Diffusion) -> None:
    """A direction that is put on inside leaves the branch without the person alone."""
    from engine.steering.prompt_direction import STATES, PromptDirection, prompt_direction

    shape = backbone.face.conditions(["a cat"])[STATES].shape[1:]
    far = np.random.default_rng(0).normal(size=tuple(shape)).astype(np.float32)
    moved = PromptDirection(backbone.name, {STATES: 20 * far})
    base, found = drawn(backbone, [None, None]), []
    for scale in (0.0, 2.0):
        with apart(backbone, scale), prompt_direction(backbone, moved, 1.0):
            found.append(np.stack([s.pixels for s in backbone.generate(ASK) if s.done]).astype(int))
    assert np.abs(found[0] - base).max() <= 1 < np.abs(found[1] - base).max()
