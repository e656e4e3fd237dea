"""Pictures judged for several people in one call: each row as that person alone judges it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.adapter import Adapter, Base
from engine.backbones.diffusion import Diffusion
from engine.lora import Lora
from engine.picturing import LAYERS
from engine.steering.cross_attention import Personal, personal
from engine.steering.guidance import apart
from engine.steering.lora import lora
from tests.tiny_pictures import KINDS, tiny_face

ONE, OTHER = np.array([1, 0, -1, 2], np.float32), np.array([0, 1, 1, -2], np.float32)
PROMPTS = ["a cat", "a dog", "a red cat", "a cat", "a dog", "a cup"]


@pytest.fixture(scope="module", params=KINDS)
def backbone(request: pytest.FixtureRequest) -> Diffusion:
    return Diffusion(f"tiny-{request.param}", tiny_face(request.param), size=16)


def pictures(count: int, seed: int) -> list[Image.Image]:
    rng = np.random.default_rng(seed)
    return [Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)) for _ in range(count)]


def taught(backbone: Any) -> Personal:
    made, g = Personal.fresh(backbone, "toy:four", 4), torch.Generator().manual_seed(1)
    for name, value in made.weights.items():
        if name.endswith(".v"):
            made.weights[name] = 3 * torch.randn(value.shape, generator=g)
    return made


def adapter(backbone: Any, seed: int) -> Adapter:
    made, g = Lora(backbone.model, 2, names=LAYERS, seed=seed), torch.Generator().manual_seed(seed)
    for up in made.up.values():
        up.copy_(torch.randn(up.shape, generator=g))
    return Adapter(Base(backbone.name), {k: v.numpy() for k, v in made.named().items()})


def ways(backbone: Any) -> Iterator[tuple[Any, list[Any]]]:
    attending, adapters = taught(backbone), [adapter(backbone, 1), adapter(backbone, 2)]
    yield lambda rows: personal(backbone, attending, rows, 1.0), [ONE, None, OTHER]
    yield lambda rows: lora(backbone, rows, 1.0), [adapters[0], None, adapters[1]]


def test_each_row_is_judged_for_its_own_person(backbone: Diffusion) -> None:
    chosen, rejected = pictures(6, 0), pictures(6, 1)
    plain = backbone.score(PROMPTS, chosen, rejected, 3)
    for bent, (one, nobody, other) in ways(backbone):
        people = [one, other, nobody, one, nobody, other]
        with bent(people):
            together = backbone.score(PROMPTS, chosen, rejected, 3)
        for k, who in enumerate(people):
            with bent([who]):
                alone = backbone.score([PROMPTS[k]], [chosen[k]], [rejected[k]], 3 + k)
            np.testing.assert_allclose(together[k], alone[0], rtol=1e-4)
            away = np.abs(together[k] - plain[k]).max() > 1e-3 * np.abs(plain[k]).max()
            assert away == (who is not None), (k, who)
        with bent([one]):
            every = backbone.score(PROMPTS, chosen, rejected, 3)
        np.testing.assert_allclose(every[[0, 3]], together[[0, 3]], rtol=1e-4)
        assert backbone.place is None


def test_a_late_voice_is_heard_at_the_times_it_is_for(backbone: Diffusion) -> None:
    """One time beyond it in the batch silenced the whole batch; the adapter that ships is late."""
    always = taught(backbone)
    clean, told = backbone.encode(pictures(1, 0)), backbone.face.conditions(["a cat"])
    noise, people = torch.ones_like(clean), torch.from_numpy(ONE)[None]

    def errors(times: list[float], late: float) -> Any:
        n, bent = len(times), replace(always, late=late)
        wide = {k: v.repeat_interleave(n, 0) for k, v in told.items()}
        with torch.inference_mode(), bent.on(backbone.trainable(), people):
            return backbone.face.errors(clean.repeat(n, 1, 1, 1), noise.repeat(n, 1, 1, 1),
                                        torch.tensor(times), wide).numpy()  # fmt: skip

    both = errors([0.3, 0.7], 0.5)
    np.testing.assert_allclose(both[:1], errors([0.3], 1.0), rtol=1e-4)
    np.testing.assert_allclose(both[1:], errors([0.7], -1.0), rtol=1e-4)
    assert abs(both[0] - errors([0.3], -1.0)[0]) > 1e-3 < abs(both[1] - errors([0.7], 1.0)[0])


def test_guidance_is_for_drawing_and_leaves_what_is_judged_alone(backbone: Diffusion) -> None:
    chosen, rejected = pictures(2, 0), pictures(2, 1)
    with personal(backbone, taught(backbone), [ONE, OTHER], 1.0):
        before = backbone.score(PROMPTS[:2], chosen, rejected)
        with apart(backbone, 4.0):
            np.testing.assert_array_equal(backbone.score(PROMPTS[:2], chosen, rejected), before)


def test_the_place_is_left_also_when_it_fails(backbone: Diffusion) -> None:
    @contextmanager
    def broken() -> Iterator[None]:
        hook = backbone.trainable().register_forward_pre_hook(lambda *_: 1 / 0)
        try:
            yield
        finally:
            hook.remove()

    with pytest.raises(ZeroDivisionError), broken():
        backbone.score(["a cat"], pictures(1, 0), pictures(1, 1))
    assert backbone.place is None
