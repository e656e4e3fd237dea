"""Many prompts in one batch: every text is the one its request gives alone, steered or not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from engine.backbones import causal_lm
from engine.backbones.causal_lm import WRITER, CausalLM, Place
from engine.data import Request
from engine.steering.activation import Direction, activation
from tests.tiny import tiny_lm

PROMPTS = ("the sea", "a small house by the sea, and rain", "z", "one two three", "z")
REQUESTS = [Request(p, seed=k, max_tokens=6 + 7 * (k % 3), temperature=0.4 + 0.2 * k)
            for k, p in enumerate(PROMPTS)]  # fmt: skip


@pytest.fixture(scope="module")
def lm() -> CausalLM:
    return tiny_lm()


@pytest.fixture(scope="module")
def people() -> list[Direction | None]:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((len(PROMPTS), 2, 32)).astype(np.float32) * 4
    made: list[Direction | None] = [Direction("tiny", {1: v[0], 11: v[1]}) for v in vectors]
    return [None if k == 3 else d for k, d in enumerate(made)]


def alone(lm: Any, request: Request) -> str:
    return next(s.text for s in lm.stream(request, [request.seed]) if s.done)


def test_a_text_is_the_one_its_request_gives_alone(lm: CausalLM) -> None:
    expected = [alone(lm, r) for r in REQUESTS]
    assert lm.write(REQUESTS) == expected and len(set(expected)) == len(expected)
    assert len({len(t) for t in expected}) > 2, "rows must leave the batch at different times"


def test_more_requests_than_a_batch_holds(lm: CausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = lm.write(REQUESTS)
    monkeypatch.setattr(causal_lm, "WRITTEN", 2)
    assert lm.write(REQUESTS) == expected
    assert lm.write([]) == []


@pytest.mark.parametrize("size", [2, 32])
def test_people_keep_their_own_directions(
    lm: CausalLM, people: list[Direction | None], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = []
    for request, person in zip(REQUESTS, people, strict=True):
        with activation(lm, [person], 2.0):
            expected.append(alone(lm, request))
    monkeypatch.setattr(causal_lm, "WRITTEN", size)
    with activation(lm, people, 2.0):
        assert lm.write(REQUESTS) == expected
    plain = lm.write(REQUESTS)
    assert plain[3] == expected[3] and plain != expected


def test_a_padded_row_is_bent_as_it_is_without_pads(lm: CausalLM, people: Any) -> None:
    """States before the head, padded by three: the first token stays, the others move alike."""
    ids = lm.prompt_ids("a small house")
    wide = torch.tensor([[0, 0, 0, *ids]])
    places = torch.arange(wide.shape[1])[None] - 3
    pads = {"attention_mask": (places >= 0).long(), "position_ids": places.clamp(min=0)}
    place = Place(torch.tensor([0]), torch.tensor([3]))
    with torch.inference_mode(), activation(lm, people[0], 2.0):
        base = lm.model.model(torch.tensor([ids])).last_hidden_state
        with lm.placed(place):
            padded = lm.model.model(wide, **pads).last_hidden_state
    torch.testing.assert_close(padded[:, 3:], base, atol=1e-4, rtol=1e-4)
    assert lm.place is None


def test_system_words_replace_the_writer(lm: CausalLM) -> None:
    request = replace(REQUESTS[0], system="a sailor")
    assert lm.prompt_ids("x", "a sailor") == lm.prompt_ids("a sailor\n\nx")
    assert lm.write([request, REQUESTS[0]]) == [alone(lm, request), alone(lm, REQUESTS[0])]
    assert alone(lm, request) != alone(lm, REQUESTS[0])


def test_in_a_chat_the_system_speaks_first() -> None:
    chat = tiny_lm(layers=1)
    chat.tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }} {{ m['content'] }},{% endfor %}"
    )
    words = [chat.tokenizer.decode(chat.prompt_ids("a fox", s)) for s in ("", "be a sailor")]
    assert WRITER[3:].strip() in words[0] and "a fox" in words[0]
    assert words[1].startswith("system be a sailor,") and "gifted" not in words[1]


def test_a_cancelled_request_ends_the_call(lm: CausalLM) -> None:
    asked = iter([False, False, True])
    stop = replace(REQUESTS[0], max_tokens=400, cancelled=lambda: next(asked))
    assert lm.write([stop, replace(REQUESTS[1], max_tokens=400)]) == ["", ""]
