"""Even steps in a training of pictures: off is the run of before, on reaches the adapter alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine import checkpoints
from engine.adapter import Adapter
from engine.backbones.diffusion import Diffusion
from engine.objectives.base import Example
from engine.picturing import PictureReading
from engine.training import Settings, Training, order, schedule
from engine.worker import Desk, work
from tests.engine.picture_job import order as order_of
from tests.engine.picture_job import save_tiny
from tests.tiny import tiny_lm
from tests.tiny_pictures import KINDS, tiny_face

COLOURS = ("red", "blue", "green", "white")
EXAMPLES = [Example("a cat", ("red", "blue")), Example("a dog", ("red", "green")),
            Example("a dog", ("red", "white"))]  # fmt: skip


def backbone(kind: str = "sd3") -> Diffusion:
    made = Diffusion(kind, tiny_face(kind), size=16)
    latents = {c: made.encode([Image.new("RGB", (16, 16), c)])[0] for c in COLOURS}
    made.album = latents.__getitem__
    return made


@pytest.fixture(scope="module")
def sd3() -> Diffusion:
    return backbone()


def training(model: Diffusion, people: int = 1, **more: Any) -> Training:
    settings = Settings(**{"objective": "diffusion_dpo", "steps": 4, "batch": 2, "rank": 2,
                           "held_out": 0.0, **more})  # fmt: skip
    made = Training(model, [EXAMPLES] * people, settings)
    list(made.prepare_references())
    return made


def run(model: Diffusion, people: int = 1, **more: Any) -> Training:
    made = training(model, people, **more)
    list(made.run())
    return made


def same(a: Training, b: Training) -> bool:
    pairs = zip(a.lora.tensors(), b.lora.tensors(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_off_is_the_training_of_before_bit_for_bit(
    sd3: Diffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step of the loop as it was, written out; and nothing of even steps is asked."""

    def never(*_: Any) -> None:
        raise AssertionError("asked for speeds")

    monkeypatch.setattr(PictureReading, "speeds", never)
    before, off = training(sd3), run(sd3, smooth=0.0)
    settings = before.settings
    for step in range(settings.steps):
        part = [(0, g) for g in order(before.people[0].learn, step, settings)]
        losses, _ = before.objective.loss(before.measure(part, step=step), before.knobs)
        torch.autograd.backward(losses.sum() / settings.batch)
        before._clip(0)
        for group in before.optimizer.param_groups:
            group["lr"] = settings.rate * schedule(step, settings)
        before.optimizer.step()
        before.optimizer.zero_grad()
    assert same(before, off) and any(up.abs().sum() > 0 for up in off.lora.up.values())
    assert off.state()[1] == {"step": 4, "micro": 4} and not off.smooth.means


@pytest.mark.parametrize("kind", KINDS)
def test_the_term_is_finite_and_its_gradient_reaches_the_adapter_alone(kind: str) -> None:
    made = training(backbone(kind), smooth=10.0)
    for up in made.lora.up.values():
        up.data.normal_(generator=torch.Generator().manual_seed(1)).mul_(0.1)
    term = made._uneven([(0, 0), (0, 1)])
    assert term.shape == (2,) and torch.isfinite(term).all() and (term > 0).all()
    torch.autograd.backward(term.sum())
    grads = [t.grad for t in made.lora.tensors()]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)
    assert sum(float(g.abs().sum()) for g in grads if g is not None) > 0
    pipe = made.backbone.face.pipe
    for part in (made.model, pipe.vae, pipe.text_encoder):
        assert all(p.grad is None for p in part.parameters())


def test_a_step_with_it_is_another_and_the_mean_moves(sd3: Diffusion) -> None:
    made, plain = training(sd3, smooth=100.0), run(sd3)
    means = []
    for progress in made.run():
        assert np.isfinite(progress.metrics["uneven"]) and progress.metrics["uneven"] > 0
        means.append(made.smooth.means[0])
    assert not same(made, plain) and len(set(means)) == 4 and all(m > 0 for m in means)


def test_a_run_taken_up_again_has_its_mean(sd3: Diffusion) -> None:
    whole, half = run(sd3, smooth=100.0), training(sd3, smooth=100.0)
    half.one(), half.one()
    tensors, numbers = half.state()
    kept = {k: v.clone() for k, v in tensors.items()}, json.loads(json.dumps(numbers))
    again = training(sd3, smooth=100.0)
    again.restore(*kept)
    assert again.smooth.means == half.smooth.means != {}
    list(again.run())
    assert same(whole, again) and whole.smooth.means == again.smooth.means


def test_a_paused_job_goes_on_with_its_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, made = save_tiny(tmp_path / "model"), {}
    told = Desk.tell
    for wish in ("", "pause"):
        folder = order_of(tmp_path / f"1{wish}", model, tmp_path / "cache.bin", 4, smooth=100.0)

        def tell(self: Desk, progress: Any, folder: Path = folder, wish: str = wish) -> None:
            told(self, progress)
            if wish and progress.done == 2 and progress.metrics:
                (folder / "wish").write_text(wish)

        with monkeypatch.context() as early:
            early.setattr(Desk, "tell", tell)
            assert work(folder) == ("paused" if wish else "done")
        if wish:
            found = checkpoints.newest(folder / "checkpoints")
            assert found and found[1]["smooth"]["0"] > 0
            (folder / "wish").unlink()
            assert work(folder) == "done"
        made[wish] = Adapter.load(folder / "out" / "person-0")
    assert made[""].card["settings"]["smooth"] == 100.0
    assert made[""].digest() == made["pause"].digest()


def test_a_step_tried_again_with_less_memory_moves_the_mean_once(
    sd3: Diffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    more: dict[str, Any] = {"smooth": 100.0, "rate": 1e-30, "micro": 2}
    whole, scarce = run(sd3, **more), training(sd3, **{**more, "micro": 4})
    clip, short = scarce._clip, [False, False, True, False, False]

    def clipped(person: int) -> None:
        if short.pop(0):
            raise MemoryError
        clip(person)

    monkeypatch.setattr(scarce, "_clip", clipped)
    list(scarce.run())
    assert scarce.micro == 2 and not short
    assert scarce.smooth.means == whole.smooth.means


def test_people_learn_even_steps_side_by_side_as_each_alone(sd3: Diffusion) -> None:
    # Without a floor: whether a picture is already drawn worse is rounding at the first step.
    more: dict[str, Any] = {"smooth": 100.0, "knobs": {"floor": 0.0}}
    alone, both = run(sd3, **more), run(sd3, 2, **more)
    for person in range(2):
        assert both.smooth.means[person] == pytest.approx(alone.smooth.means[0], rel=1e-4)
        for path in alone.lora.up:
            assert torch.allclose(alone.lora.up[path][0], both.lora.up[path][person], atol=1e-4)


def test_words_have_none_and_a_weight_below_nothing_is_refused(sd3: Diffusion) -> None:
    with pytest.raises(ValueError, match="texts have no noise.*leave `smooth` at 0"):
        Training(tiny_lm(), [[Example("a", ("b", "c"))]], Settings(smooth=0.5))
    with pytest.raises(ValueError, match="smooth is -1; it must be 0 \\(off\\) or more"):
        training(sd3, smooth=-1.0)
