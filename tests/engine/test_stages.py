"""What lies between two steps: shares of picture and noise, the picture ahead, changed latents."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.backbones.diffusion import Diffusion
from engine.data import Draw
from engine.stages import Course, Stage, grown, shares, side_of
from tests.tiny_pictures import KINDS, tiny_face


@pytest.fixture(scope="module", params=KINDS)
def face(request: Any) -> Any:
    made = tiny_face(request.param)
    more = {"mu": 1.0} if request.param == "flux" else {}
    made.pipe.scheduler.set_timesteps(4, **more)
    made.pipe._num_timesteps = 4
    return made


def test_the_shares_run_from_noise_to_picture(face: Any) -> None:
    found = [shares(face, k) for k in range(5)]
    odds = [s / max(a, 1e-9) for a, s in found]
    assert found[-1] == (1.0, 0.0) and odds == sorted(odds, reverse=True)


def test_shares_by_hand() -> None:
    made = tiny_face("sd3")
    made.pipe.scheduler.set_timesteps(sigmas=[1.0, 0.5])
    assert [shares(made, k) for k in range(3)] == [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]


def test_two_points_tell_the_picture_they_lead_to(face: Any) -> None:
    made = torch.Generator().manual_seed(1)
    clean, noise = (torch.randn(2, 16, 4, 4, generator=made) for _ in range(2))
    course, size = Course(face, [3, 4], (8, 8)), (4 * face.pipe.vae_scale_factor,) * 2
    course.size = size
    for step in range(3):
        a, s = shares(face, step + 1)
        stage, _ = course.at(step, face.tight(a * clean + s * noise), [])
        if step == 0:
            assert stage.leads is None and stage.part == (3, 4) and stage.total == 4
        else:
            assert stage.leads is not None
            np.testing.assert_allclose(stage.leads, clean, atol=2e-3)


def ask(**more: Any) -> Draw:
    return Draw(
        "a cat", **{"n": 2, "steps": 4, "guidance": 3.0, "size": (16, 16), "seed": 3} | more
    )


def drawn(backbone: Diffusion, **more: Any) -> np.ndarray:
    return np.stack([s.pixels for s in backbone.generate(ask(**more)) if s.done])


@pytest.mark.parametrize("kind", KINDS)
def test_a_touch_changes_what_is_drawn_and_one_that_declines_does_not(kind: str) -> None:
    backbone = Diffusion(kind, tiny_face(kind), size=16)
    plain, seen = drawn(backbone), []

    def decline(stage: Stage) -> None:
        seen.append((stage.number, stage.leads is not None, stage.latents.shape[0]))

    backbone.touches.append(decline)
    assert np.array_equal(drawn(backbone), plain)
    assert seen == [(0, False, 2), (1, True, 2), (2, True, 2), (3, False, 2)]
    backbone.touches[:] = [lambda stage: stage.latents + 0.5]
    assert not np.array_equal(drawn(backbone), plain)
    backbone.touches[:] = [lambda stage: stage.latents.clone()]
    assert np.array_equal(drawn(backbone), plain)


def test_a_touch_may_stop_the_drawing() -> None:
    backbone, seen = Diffusion("sd3", tiny_face("sd3"), size=16), []

    def touch(stage: Stage) -> None:
        seen.append(stage.number)
        if stage.number == 1:
            stage.stop()

    backbone.touches.append(touch)
    drawn(backbone)
    assert seen == [0, 1]


def test_gradients_pass_through_a_copy_made_inside_a_drawing() -> None:
    with torch.inference_mode():
        latents = torch.ones(1, 2)
        with torch.inference_mode(False), torch.enable_grad():
            z = grown(latents).requires_grad_()
            assert torch.equal(torch.autograd.grad((3 * z).sum(), z)[0], torch.full((1, 2), 3.0))


def test_the_size_of_a_drawing_is_what_was_asked_or_the_models_own() -> None:
    pipe = tiny_face("sd3").pipe
    assert side_of(pipe, {"height": 24, "width": 40}) == (24, 40)
    assert side_of(pipe, {}) == (16, 16)
