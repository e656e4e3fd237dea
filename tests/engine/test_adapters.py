"""Adapters on a model: many people in one batch, switching, saving; and what a training costs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.adapter import WEIGHTS, Adapter, Base
from engine.data import Request, WrongSpace
from engine.estimate import Room, Shape, cost, speed, tokens
from engine.lora import Lora, targets
from engine.steering.lora import lora, stack
from tests.tiny import tiny_lm


@pytest.fixture(scope="module")
def lm() -> Any:
    return tiny_lm(layers=2)


def made(lm: Any, seed: int, rank: int = 4, size: float = 0.3) -> Adapter:
    bent = Lora(lm.model, rank, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for up in bent.up.values():
        up.copy_(torch.randn(up.shape, generator=generator) * size)
    arrays = {k: v.numpy().copy() for k, v in bent.named().items()}
    return Adapter(Base(lm.name, "org/tiny"), arrays, {"answers": 3})


def logits(lm: Any, rows: int = 1) -> torch.Tensor:
    with torch.inference_mode():
        return lm.model(torch.arange(1, 9).repeat(rows, 1)).logits  # type: ignore[no-any-return]


def test_many_people_in_one_batch_write_as_each_alone(lm: Any) -> None:
    people = [made(lm, 1, 4), None, made(lm, 2, 8)]
    with lora(lm, people, 1.0):
        together = logits(lm, 3)
    for row, person in enumerate(people):
        if person is None:
            assert torch.equal(together[row], logits(lm, 3)[row]), "no adapter is the base model"
            continue
        with lora(lm, person, 1.0):
            assert torch.allclose(together[row], logits(lm)[0], atol=1e-4)


def test_adapters_of_different_layers_share_a_batch(lm: Any) -> None:
    every, some = made(lm, 1), made(lm, 2)
    few = Adapter(some.base, {k: v for k, v in some.weights.items() if "q_proj" in k})
    for people in ([few, every], [every, few]):
        with lora(lm, people, 1.0):
            together = logits(lm, 2)
        for row, person in enumerate(people):
            with lora(lm, person, 1.0):
                assert torch.allclose(together[row], logits(lm)[0], atol=1e-4)


def test_strength_nought_is_the_base_model_bit_for_bit(lm: Any) -> None:
    plain = logits(lm)
    with lora(lm, made(lm, 1), 0.0):
        assert torch.equal(logits(lm), plain)
    with lora(lm, made(lm, 1), 1.0):
        assert not torch.allclose(logits(lm), plain, atol=1e-3)
    assert torch.equal(logits(lm), plain)


def test_minus_takes_back_what_plus_added(lm: Any) -> None:
    person, path = made(lm, 1), next(iter(targets(lm.model)))
    layer, x = targets(lm.model)[path], torch.ones(1, 1, 32)
    plain = layer(x)
    with lora(lm, person, 1.0):
        plus = layer(x) - plain
    with lora(lm, person, -1.0):
        assert torch.allclose(layer(x) - plain, -plus, atol=1e-5)


def test_another_base_is_refused(lm: Any) -> None:
    stranger = Adapter(Base("other-00000000"), made(lm, 1).weights)
    with pytest.raises(WrongSpace, match="other-00000000"), lora(lm, stranger, 1.0):
        pass


def test_switching_people_leaves_nothing_of_the_one_before(lm: Any) -> None:
    first, second = made(lm, 1, 8), made(lm, 2, 4)
    held = stack(lm, [first])
    held.put({k: torch.from_numpy(v) for k, v in second.weights.items()})
    with held.on(lm.model):
        switched = logits(lm)
    with lora(lm, second, 1.0):
        assert torch.allclose(switched, logits(lm), atol=1e-5)


def test_too_large_a_rank_is_refused(lm: Any) -> None:
    held = stack(lm, [made(lm, 1, 4)])
    with pytest.raises(ValueError, match="rank 8"):
        held.put({k: torch.from_numpy(v) for k, v in made(lm, 2, 8).weights.items()})


def test_an_adapter_survives_the_disk_and_damage_is_seen(lm: Any, tmp_path: Path) -> None:
    person = made(lm, 1)
    folder = person.save(tmp_path / "mine")
    assert Adapter.load(folder) == person and Adapter.load(folder).rank == 4
    told = json.loads((folder / "adapter_config.json").read_text())
    assert told["r"] == told["lora_alpha"] == 4 and "lm_head" not in told["target_modules"]
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-3] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(data))
    with pytest.raises(ValueError, match="damaged"):
        Adapter.load(folder)


def test_a_tuned_model_writes_through_write_and_stream_alike(lm: Any) -> None:
    asked = Request("say hi", seed=4, max_tokens=20)
    with lora(lm, made(lm, 3), 1.0):
        (written,) = lm.write([asked])
        streamed = [s.text for s in lm.stream(asked, [4]) if s.done]
    assert [written] == streamed


def config(folder: Path, **more: Any) -> Path:
    folder.mkdir()
    told = {"num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16, "vocab_size": 100,
            "num_attention_heads": 4, "num_key_value_heads": 2, **more}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(told))
    return folder


def test_parameters_are_counted_by_hand(tmp_path: Path) -> None:
    shape = Shape.of(config(tmp_path / "m"))
    assert shape.block == 2 * (2 * 64 + 2 * 8 * 4 + 3 * 8 * 16) and shape.head == 800


def test_what_does_not_fit_says_what_is_missing(tmp_path: Path) -> None:
    shape = Shape.of(config(tmp_path / "m"))
    plenty = cost(shape, 100, (10, 4, 4), 1e9, Room(64e9, 64e9))
    assert plenty.fits and plenty.minutes > 0
    assert "GB of memory" in cost(shape, 100, (10, 4, 4), 1e9, Room(0.1e9, 64e9)).why
    assert "disk" in cost(shape, 100, (10, 4, 4), 1e9, Room(64e9, 1e6)).why
    with pytest.raises(ValueError, match="config.json"):
        Shape.of(tmp_path)


def test_twice_the_steps_take_twice_as_long(tmp_path: Path) -> None:
    shape, room = Shape.of(config(tmp_path / "m")), Room(64e9, 64e9)
    once, twice = (cost(shape, 100, (n, 4, 4), 1e9, room).minutes for n in (10, 20))
    assert twice == pytest.approx(2 * once)
    assert tokens([("a" * 42, "b" * 42)]) == pytest.approx(32 + 20) and speed() > 0
    assert np.isfinite(once)


def test_rows_that_end_early_leave_the_adapters_of_the_others_alone(lm: Any) -> None:
    """A batch shrinks as its texts end, and is reordered by the lengths of its prompts."""
    people = [None, made(lm, 3), made(lm, 4)]
    asked = [
        Request("a long prompt comes first", seed=1, max_tokens=9),
        Request("hi", seed=2, max_tokens=3),
        Request("say hi", seed=3, max_tokens=20),
    ]
    with lora(lm, people, 1.0):
        together = lm.write(asked)
    for text, request, person in zip(together, asked, people, strict=True):
        with lora(lm, [person], 1.0):
            assert [text] == lm.write([request])


def test_a_layer_that_has_one_row_a_picture_is_bent_for_its_person() -> None:
    model = torch.nn.ModuleDict({"linear": torch.nn.Linear(3, 2)})
    bent = Lora.blank(model, 1, 2, ["linear"])
    for person in range(2):
        bent.down["linear"][person] = torch.tensor([[1.0, 0.0, 0.0]])
        bent.up["linear"][person] = torch.tensor([[1.0], [2.0]]) * (person + 1)
    x = torch.tensor([[1.0, 0, 0], [3.0, 0, 0], [5.0, 0, 0]])
    base = model["linear"](x)
    with bent.on(model, 0.5, torch.tensor([1, -1, 0])):
        moved = model["linear"](x)
    assert torch.allclose(moved[0] - base[0], torch.tensor([1.0, 2.0]))
    assert torch.equal(moved[1], base[1])
    assert torch.allclose(moved[2] - base[2], torch.tensor([2.5, 5.0]))
