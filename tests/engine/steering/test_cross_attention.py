"""The personal attention on every family: nothing told is the base, rows are each their own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.backbones.diffusion import Diffusion
from engine.data import Draw, WrongSpace
from engine.steering.cross_attention import Personal, attentions, personal
from tests.tiny_pictures import KINDS, tiny_face

ASK = Draw("a cat", n=2, steps=2, size=(32, 32))
ONE, OTHER = np.array([1, 0, -1, 2], np.float32), np.array([0, 1, 1, -2], np.float32)


@pytest.fixture(params=KINDS)
def backbone(request: pytest.FixtureRequest) -> Diffusion:
    return Diffusion(f"tiny-{request.param}", tiny_face(request.param))


def learnt(backbone: Any, size: float = 3.0) -> Personal:
    """An adapter as if taught: values that are not zero."""
    made = Personal.fresh(backbone, "toy:four", 4)
    g = torch.Generator().manual_seed(1)
    for name, value in made.weights.items():
        if name.endswith(".v"):
            made.weights[name] = size * torch.randn(value.shape, generator=g)
    return made


def drawn(backbone: Any, adapter: Personal, vectors: Any, strength: float = 1.0) -> list[Any]:
    with personal(backbone, adapter, vectors, strength):
        return [s.pixels for s in backbone.generate(ASK) if s.done]


def same(left: Any, right: Any) -> list[bool]:
    return [bool((a == b).all()) for a, b in zip(left, right, strict=True)]


def hooks(module: torch.nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


def test_nothing_told_is_the_base_bit_for_bit(backbone: Diffusion) -> None:
    base = [s.pixels for s in backbone.generate(ASK) if s.done]
    fresh, taught = Personal.fresh(backbone, "toy:four", 4), learnt(backbone)
    assert all(same(drawn(backbone, fresh, [ONE, ONE]), base)), "a fresh adapter"
    assert all(same(drawn(backbone, taught, [0 * ONE, 0 * ONE]), base)), "the zero vector"
    assert all(same(drawn(backbone, taught, [ONE, ONE], 0.0), base)), "strength 0"
    assert all(same(drawn(backbone, taught, [None, None]), base)), "nobody"


def test_every_row_is_drawn_for_its_own_person(backbone: Diffusion) -> None:
    adapter = learnt(backbone)
    both = drawn(backbone, adapter, [ONE, OTHER])
    assert same(both, drawn(backbone, adapter, [None, None])) == [False, False]
    swapped = drawn(backbone, adapter, [OTHER, ONE])
    assert same(both, swapped) == [False, False]
    half = drawn(backbone, adapter, [None, OTHER])
    near = np.abs(half[1].astype(int) - both[1].astype(int)).max()
    assert near <= 1, "a picture does not depend on who else is in the batch"


def test_what_is_judged_is_told_the_same_before_and_after_a_drawing(backbone: Diffusion) -> None:
    clean = backbone.face.latents(torch.zeros(2, 3, 32, 32))
    told, half = backbone.face.conditions(["a cat", "a cat"]), torch.tensor([0.5, 0.5])
    with torch.inference_mode(), personal(backbone, learnt(backbone), [ONE, OTHER], 1.0):
        found = []
        for _ in range(2):
            found.append(backbone.face.errors(clean, torch.ones_like(clean), half, told))
            list(backbone.stream(["a cat"], [1], ASK))
    assert torch.equal(*found)


def test_minus_minus_is_plus_and_hooks_come_off(backbone: Diffusion) -> None:
    adapter, before = learnt(backbone), hooks(backbone.trainable())
    assert all(same(drawn(backbone, adapter, [-ONE, -ONE], -1.0),
                    drawn(backbone, adapter, [ONE, ONE], 1.0)))  # fmt: skip
    with pytest.raises(RuntimeError), personal(backbone, adapter, [ONE], 1.0):
        assert hooks(backbone.trainable()) == before + 2 * len(attentions(backbone.trainable()))
        raise RuntimeError
    assert hooks(backbone.trainable()) == before


def test_what_is_added_is_attention_to_the_tokens(backbone: Diffusion) -> None:
    """One layer by hand: softmax(q k / sqrt d) v through the layer's own way out."""
    from engine.steering.cross_attention import _Heads, _Told

    adapter = learnt(backbone)
    path, layer = next(iter(attentions(backbone.trainable()).items()))
    k, v = adapter.weights[f"{path}.k"], adapter.weights[f"{path}.v"]
    people = torch.from_numpy(ONE)[None]
    query = torch.randn(1, 5, layer.to_q.out_features, generator=torch.Generator().manual_seed(2))
    found = _Heads(layer, k, v, _Told(adapter, people, None)).personal(query)
    read = torch.clamp(people @ adapter.weights["read"], min=0)
    tokens = (read @ adapter.weights["tell"]).view(adapter.tokens, -1)
    wide, parts = query.shape[-1] // layer.heads, []
    for h in range(layer.heads):
        cut = slice(h * wide, (h + 1) * wide)
        q = query[0, :, cut]
        q = q / (q.square().mean(-1, keepdim=True) + torch.finfo(q.dtype).eps).sqrt()
        weight = (q @ (tokens @ k)[:, cut].T / wide**0.5).softmax(-1)
        parts.append(weight @ (tokens @ v)[:, cut])
    by_hand: Tensor = torch.cat(parts, -1) @ layer.to_out[0].weight.T
    assert torch.allclose(found[0], by_hand, atol=1e-4)


def test_it_learns_through_the_attention(backbone: Diffusion) -> None:
    adapter = Personal.fresh(backbone, "toy:four", 4)
    for tensor in adapter.tensors():
        tensor.requires_grad_(True)
    clean = backbone.face.latents(torch.zeros(1, 3, 32, 32))
    told = backbone.face.conditions(["a cat"])
    with adapter.on(backbone.trainable(), torch.from_numpy(ONE)[None]):
        error = backbone.face.errors(clean, torch.ones_like(clean), torch.tensor([0.5]), told)
    torch.autograd.backward(error.sum())
    grads = [adapter.weights[k].grad for k in adapter.weights if k.endswith(".v")]
    assert all(g is not None and g.abs().sum() > 0 for g in grads)


def test_a_file_round_trip_and_bad_files(tmp_path: Path) -> None:
    backbone = Diffusion("tiny-sd3", tiny_face("sd3"))
    adapter, path = learnt(backbone), tmp_path / "mine.safetensors"
    adapter.card = {"people": 3}
    adapter.save(path)
    again = Personal.load(path)
    assert (again.space, again.base, again.card) == ("toy:four", "tiny-sd3", {"people": 3})
    for name, value in adapter.weights.items():
        assert torch.equal(again.weights[name], value.half().float())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="cannot be read"):
        Personal.load(path)
    adapter.weights["read"][0, 0] = float("nan")
    adapter.save(path)
    with pytest.raises(ValueError, match="not finite"):
        Personal.load(path)
    adapter.weights["tell"] = torch.zeros(256, 7)
    adapter.save(path)
    with pytest.raises(ValueError, match="fits"):
        Personal.load(path)


def test_a_file_that_does_not_say_what_it_is_for_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "mine.safetensors"
    save_file({"read": torch.zeros(2, 2)}, str(path), metadata={"format": "penchant-ppd-1"})
    with pytest.raises(ValueError, match="what it is for"):
        Personal.load(path)


def test_another_model_is_refused() -> None:
    backbone = Diffusion("tiny-sd3", tiny_face("sd3"))
    adapter = learnt(backbone)
    backbone.name = "tiny-other"
    with pytest.raises(WrongSpace, match="tiny-sd3"), personal(backbone, adapter, [ONE], 1.0):
        raise AssertionError


def test_a_late_voice_leaves_the_first_steps_to_the_words(
    backbone: Diffusion, tmp_path: Path
) -> None:
    """Heard never, it is the base; heard from the second of two steps on, it is neither the base
    nor what is heard from the start; the file keeps it.
    """
    taught = learnt(backbone)
    base = drawn(backbone, taught, [None, None])
    never, second = replace(taught, late=-1.0), replace(taught, late=0.5)
    assert all(same(drawn(backbone, never, [ONE, OTHER]), base))
    late = drawn(backbone, second, [ONE, OTHER])
    assert same(late, base) == [False, False]
    assert same(late, drawn(backbone, taught, [ONE, OTHER])) == [False, False]
    second.save(tmp_path / "a.safetensors")
    assert Personal.load(tmp_path / "a.safetensors").late == 0.5
    assert hooks(backbone.trainable()) == 0


def test_it_joins_the_words_of_a_pixart_shape() -> None:
    """No pipeline of that family is offered; its blocks have the attention of a UNet's."""
    from types import SimpleNamespace

    from diffusers import PixArtTransformer2DModel

    torch.manual_seed(0)
    module = PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=2,
        cross_attention_dim=16, caption_channels=12, sample_size=8, use_additional_conditions=False,
    ).eval()  # fmt: skip
    here = SimpleNamespace(trainable=lambda: module, name="pixart", device="cpu")
    adapter = learnt(here)
    assert len(attentions(module)) == 2

    def guess(person: Any = None) -> Tensor:
        g = torch.Generator().manual_seed(2)
        x, words = torch.randn(2, 4, 8, 8, generator=g), torch.randn(2, 5, 12, generator=g)
        asked = {"encoder_hidden_states": words, "timestep": torch.tensor([500, 500]),
                 "added_cond_kwargs": {"resolution": None, "aspect_ratio": None}}  # fmt: skip
        with torch.no_grad():
            if person is None:
                return module(x, **asked).sample
            with adapter.on(module, torch.tensor(person)[None], torch.tensor([0, -1])):
                return module(x, **asked).sample

    base, mine = guess(), guess(ONE)
    assert torch.equal(guess(0 * ONE), base)
    assert not torch.allclose(mine[0], base[0]) and torch.equal(mine[1], base[1])
    assert hooks(module) == 0
