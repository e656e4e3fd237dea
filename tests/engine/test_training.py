"""The training loop: algebra on a tiny model. Packing changes nothing, a resumed run is the run."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from engine.lora import Lora
from engine.objectives.base import Example
from engine.packing import Row, logps, pack, plain_head
from engine.training import Cache, Settings, Training, schedule, split
from tests.tiny import tiny_lm

WORDS = "abc def ghi jkl mno pqr stu vwx".split()
PAIRS = [Example(f"say {w}", (f"yes {w} indeed!", f"no {w}.")) for w in WORDS]
FAST = Settings(steps=6, rate=1e-2, held_out=0.0, warmup=1)


@pytest.fixture(scope="module")
def lm() -> Any:
    return tiny_lm(layers=2)


def run(lm: Any, cache: Cache, state: Any = None, stop: int = 10**6, **more: Any) -> Training:
    made = Training(lm, [PAIRS], replace(FAST, **more), cache)
    if state:
        made.restore(*state)
    for progress in made.run():
        if progress.done == stop:
            break
    return made


def alone(lm: Any, head: tuple[int, ...], tail: tuple[int, ...]) -> float:
    """Log-probability of a tail by the plain, unpacked model."""
    logits = lm.model(torch.tensor([head + tail])).logits[0].float().log_softmax(-1)
    steps = range(len(head) - 1, len(head) + len(tail) - 1)
    return float(sum(logits[t, w] for t, w in zip(steps, tail, strict=True)))


def test_packed_texts_have_the_log_probabilities_of_lone_texts(lm) -> None:
    rows = [lm.row(e) for e in PAIRS[:3]] + [Row((5, 6), ((7,), (8, 9, 10), (11, 12)))]
    with torch.no_grad():
        found, counts = logps(lm.model, pack(rows))
    for i, row in enumerate(rows):
        for k, tail in enumerate(row.tails):
            assert found[i, k] == pytest.approx(alone(lm, row.head, tail), abs=1e-4)
            assert counts[i, k] == len(tail)
    assert found[0, 2] == 0 and counts[0, 2] == 0


def test_the_gradient_is_that_of_the_full_vocabulary_table(lm) -> None:
    torch.manual_seed(0)
    states = torch.randn(7, 32, requires_grad=True)
    twin = states.detach().clone().requires_grad_(True)
    weight, targets = lm.model.get_output_embeddings().weight.detach(), torch.arange(7)
    from engine.packing import chosen_logps

    coefficients = torch.randn(7)
    torch.autograd.backward((chosen_logps(states, weight, targets) * coefficients).sum())
    table = (twin @ weight.T).log_softmax(-1)[torch.arange(7), targets]
    torch.autograd.backward((table * coefficients).sum())
    assert torch.allclose(states.grad, twin.grad, atol=1e-5)


def test_a_fresh_adapter_is_the_base_model_bit_for_bit(lm) -> None:
    packed = pack([lm.row(e) for e in PAIRS])
    with torch.no_grad():
        base, _ = logps(lm.model, packed)
        with Lora(lm.model).on(lm.model):
            fresh, _ = logps(lm.model, packed)
    assert torch.equal(base, fresh)


def test_leaving_the_block_restores_the_model_also_after_an_error(lm) -> None:
    hooks = sum(len(m._forward_hooks) for m in lm.model.modules())
    lora = Lora(lm.model)
    with pytest.raises(ZeroDivisionError), lora.on(lm.model):
        raise ZeroDivisionError
    assert sum(len(m._forward_hooks) for m in lm.model.modules()) == hooks


def test_the_first_loss_is_the_one_of_the_paper(lm) -> None:
    made = Training(lm, [PAIRS], replace(FAST, objective="dpo"))
    assert made.one()["loss"] == pytest.approx(0.693147, abs=1e-4)


def test_it_learns_what_was_chosen(lm) -> None:
    made = run(lm, Cache(), steps=20)
    assert made.measure([(0, g) for g in range(8)]).h.min() > 0


def test_a_run_taken_up_again_is_the_same_run_bit_for_bit(lm) -> None:
    cache = Cache()
    whole = run(lm, cache)
    tensors, numbers = run(lm, cache, stop=3).state()
    again = run(lm, cache, ({k: v.clone() for k, v in tensors.items()}, numbers))
    for mine, theirs in zip(whole.lora.tensors(), again.lora.tensors(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_state_of_another_run_is_refused(lm) -> None:
    state = run(lm, Cache(), stop=1).state()
    with pytest.raises(ValueError, match="another run"):
        Training(lm, [PAIRS], replace(FAST, rank=2)).restore(*state)


def test_people_trained_together_learn_as_if_alone(lm) -> None:
    together = Training(lm, [PAIRS, PAIRS[::-1]], FAST)
    list(together.run())
    for person, pairs in enumerate((PAIRS, PAIRS[::-1])):
        single = Training(lm, [pairs], FAST)
        list(single.run())
        for mine, theirs in zip(together.lora.tensors(), single.lora.tensors(), strict=True):
            assert torch.allclose(mine[person], theirs[0], atol=1e-4)


def test_ten_more_answers_cost_ten_reference_passes(lm) -> None:
    cache = Cache()
    first = Training(lm, [PAIRS[:5]], FAST, cache)
    list(first.prepare_references())
    assert first.passes == 5
    more = Training(lm, [PAIRS], FAST, cache)
    list(more.prepare_references())
    assert more.passes == 3


def test_half_the_parts_give_the_same_step(lm) -> None:
    cache = Cache()
    whole, halved = run(lm, cache, micro=4), run(lm, cache, micro=1)
    for mine, theirs in zip(whole.lora.tensors(), halved.lora.tensors(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("sign", [MemoryError(), RuntimeError(
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")])  # fmt: skip
def test_out_of_memory_halves_the_parts_and_says_so(lm, monkeypatch, sign) -> None:
    made = Training(lm, [PAIRS], replace(FAST, micro=4), Cache())
    list(made.prepare_references())
    measure = made.measure

    def full(part: Any, **more: Any) -> Any:
        if len(part) > 2:
            raise sign
        return measure(part, **more)

    monkeypatch.setattr(made, "measure", full)
    assert made.one()["micro"] == 2 and made.step == 1
    monkeypatch.setattr(
        made, "measure", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("odd"))
    )
    with pytest.raises(RuntimeError, match="odd"):
        made.one()


def test_held_out_prompts_are_not_learnt_from_by_way_of_the_belief() -> None:
    told = [replace(e, source="belief") for e in PAIRS]
    learn, held = split([*PAIRS, *told], 0.25, 0)
    every = [*PAIRS, *told]
    apart = {every[i].prompt for i in held}
    assert len(held) == 2 and all(every[i].source == "person" for i in held)
    assert not apart & {every[i].prompt for i in learn}


def test_the_rate_rises_and_falls() -> None:
    rates = [schedule(s, Settings(warmup=2, steps=10)) for s in range(10)]
    assert rates[:3] == [0.5, 1.0, 1.0] and rates[-1] < 0.2 and rates[3:] == sorted(rates[3:])[::-1]


def test_a_head_with_a_twist_is_refused() -> None:
    model = tiny_lm(layers=2).model
    model.lm_head.register_forward_hook(lambda module, inputs, logits: logits.softmax(-1))
    with pytest.raises(ValueError, match="logits"):
        plain_head(model)


def test_nothing_preferred_is_nothing_to_learn_from(lm) -> None:
    with pytest.raises(ValueError, match="nothing to learn from"):
        Training(lm, [[]], FAST)
