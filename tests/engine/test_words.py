"""The language backbone and its steerers on a tiny model: seeds, rows, cancel, hooks, algebra."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.backbones.causal_lm import draw, finished
from engine.coherence import MOST, PROMPTS, distinct2, safe_strength
from engine.data import Request, WrongSpace
from engine.steering.activation import Direction, activation, from_contrast, from_scores
from tests.tiny import tiny_lm

# Blocks of the tiny model.
LAYERS = (10, 12, 14)


@pytest.fixture(scope="module")
def lm() -> Any:
    return tiny_lm()


@pytest.fixture(scope="module")
def direction(lm: Any) -> Direction:
    rng = np.random.default_rng(0)
    return Direction("tiny", {k: _unit(rng.standard_normal(32)) for k in LAYERS})


def _unit(v: Any) -> Any:
    return (v / np.linalg.norm(v)).astype(np.float32)


def logits(lm: Any, rows: int = 1) -> torch.Tensor:
    ids = torch.tensor([lm.tokenizer("a small house by the sea")["input_ids"]] * rows)
    with torch.inference_mode():
        found: torch.Tensor = lm.model(ids).logits
    return found


def hooks(lm: Any) -> int:
    return sum(len(b._forward_hooks) for b in lm.blocks())


def test_the_same_seed_is_the_same_text(lm: Any) -> None:
    request = Request("hello", n=3, seed=4, max_tokens=12)
    one, two = ([s.text for s in lm.generate(request) if s.done] for _ in range(2))
    assert one == two and len(one) == 3 and len(set(one)) > 1


def test_pieces_add_up_to_the_whole(lm: Any) -> None:
    found: dict[int, str] = {}
    for s in lm.generate(Request("hello", n=2, seed=1, max_tokens=12)):
        found[s.index] = found.get(s.index, "") + s.delta
        if s.done:
            assert found[s.index].strip().startswith(s.text)


def test_cancelling_stops_between_tokens(lm: Any) -> None:
    seen: list[str] = []
    request = Request("hello", n=1, max_tokens=400, cancelled=lambda: len(seen) >= 5)
    for sample in lm.generate(request):
        seen.append(sample.delta)
    assert len(seen) <= 6


def test_a_text_cut_by_the_limit_ends_with_a_sentence() -> None:
    assert finished("One two three. Four five six. And sev") == "One two three. Four five six."
    assert finished("Oh. And then there was nothing but a long") == (
        "Oh. And then there was nothing but a long"
    )


def test_a_draw_follows_the_uniform_number() -> None:
    """Probabilities .5 .3 .2: u = .4 falls on the first, .6 on the second, .99 on the third."""
    table = torch.log(torch.tensor([[0.5, 0.3, 0.2]] * 3))
    unseen = torch.zeros((3, 3), dtype=torch.bool)
    assert draw(table, unseen, [0.4, 0.6, 0.99], 1.0).tolist() == [0, 1, 2]


def test_log_likelihood_is_that_of_the_model(lm: Any) -> None:
    sums, counts = lm.logps("ab", ["cd"])
    ids = torch.tensor([lm.prompt_ids("ab") + lm.tokenizer("cd")["input_ids"]])
    with torch.inference_mode():
        table = torch.log_softmax(lm.model(ids).logits[0], -1)
    expected = table[-3, ids[0, -2]] + table[-2, ids[0, -1]]
    assert counts[0] == 2 and sums[0] == pytest.approx(float(expected), abs=1e-4)


def test_strength_zero_is_the_base_bit_for_bit(lm: Any, direction: Direction) -> None:
    base = logits(lm)
    with activation(lm, direction, 0.0):
        assert hooks(lm) == 0
        assert torch.equal(logits(lm), base)
    with activation(lm, direction, 1.0):
        assert not torch.equal(logits(lm), base)
    assert torch.equal(logits(lm), base)


def test_hooks_go_also_after_an_exception(lm: Any, direction: Direction) -> None:
    with pytest.raises(ZeroDivisionError), activation(lm, direction, 1.0):
        assert hooks(lm) == len(LAYERS)
        raise ZeroDivisionError
    assert hooks(lm) == 0


def test_minus_minus_is_plus(lm: Any, direction: Direction) -> None:
    with activation(lm, (direction * -1.0) * -1.0, 0.7):
        one = logits(lm)
    with activation(lm, direction * 0.7, 1.0):
        two = logits(lm)
    torch.testing.assert_close(one, two)


def test_rows_carry_different_people(lm: Any, direction: Direction) -> None:
    rows = [None, direction, -direction]
    with activation(lm, rows, 1.0):
        together = logits(lm, 3)
    assert torch.equal(together[:1], logits(lm, 3)[:1])
    for k in (1, 2):
        with activation(lm, rows[k] or direction, 1.0):
            torch.testing.assert_close(together[k : k + 1], logits(lm), atol=1e-4, rtol=1e-4)


def test_a_steered_token_keeps_its_length(lm: Any, direction: Direction) -> None:
    seen: dict[str, torch.Tensor] = {}
    block = lm.blocks()[LAYERS[0]]
    before = block.register_forward_hook(lambda _m, _i, o: seen.update(a=_states(o)))
    with activation(lm, Direction("tiny", {LAYERS[0]: direction.layers[LAYERS[0]]}), 2.0):
        after = block.register_forward_hook(lambda _m, _i, o: seen.update(b=_states(o)))
        logits(lm)
        after.remove()
    before.remove()
    torch.testing.assert_close(seen["a"].norm(dim=-1), seen["b"].norm(dim=-1))
    assert torch.equal(seen["a"][:, 0], seen["b"][:, 0])
    assert not torch.equal(seen["a"][:, 1], seen["b"][:, 1])


def _states(output: Any) -> torch.Tensor:
    found: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return found.clone()


def test_a_direction_of_another_model_is_refused(lm: Any, direction: Direction) -> None:
    with (
        pytest.raises(WrongSpace, match="other"),
        activation(lm, Direction("other", direction.layers), 1.0),
    ):
        pass


def test_scores_and_contrast_find_the_planted_direction() -> None:
    rng = np.random.default_rng(0)
    true = _unit(rng.standard_normal(24))
    liking = rng.standard_normal(80)
    topic = rng.standard_normal((8, 24))[np.arange(80) % 8] * 3
    hidden = (topic + liking[:, None] * true + 0.3 * rng.standard_normal((80, 24)))[:, None]
    tasks = [str(k % 8) for k in range(80)]
    found = from_scores("m", hidden.astype(np.float32), liking, tasks, (1,))
    assert float(found.layers[1] @ true) > 0.95
    liked = liking > 0
    bare = (hidden - topic[:, None]).astype(np.float32)
    pair = from_contrast("m", bare[liked], bare[~liked], (1,))
    assert float(pair.layers[1] @ true) > 0.95


def test_the_guard_finds_a_strength_that_keeps_sense(lm: Any, direction: Direction) -> None:
    found = safe_strength(lm, direction, PROMPTS[:1])
    assert 0.0 <= found <= MOST and found == safe_strength(lm, direction, PROMPTS[:1])
    nothing = Direction("tiny", {k: np.zeros(32, np.float32) for k in LAYERS})
    assert safe_strength(lm, nothing, PROMPTS[:1]) == MOST
    assert distinct2("a b a b") == pytest.approx(2 / 3) and distinct2("") == 0.0
