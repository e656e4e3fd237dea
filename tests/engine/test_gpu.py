"""What only a GPU can show: `pytest -m gpu` where there is one; elsewhere these are skipped."""

from typing import Any

import pytest
import torch

from engine.data import Request
from engine.objectives.base import Example
from engine.steering.activation import activation, from_contrast, layers_of
from engine.steering.lora import lora
from engine.training import Settings, Training
from tests.tiny import tiny_lm

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]
PAIRS = [Example(f"say {w}", (f"yes {w}!", f"no {w}.")) for w in ("abc", "def", "ghi", "jkl")]


@pytest.fixture
def lm() -> Any:
    made = tiny_lm()
    made.model.to("cuda")
    made.device = "cuda"
    return made


def test_scores_are_those_of_the_cpu(lm: Any) -> None:
    here, _ = lm.logps("say hi", ["yes", "no way"])
    there, _ = tiny_lm().logps("say hi", ["yes", "no way"])
    assert here == pytest.approx(there, abs=1e-3)


def test_it_writes_and_is_steered(lm: Any) -> None:
    asked = [Request("say hi", seed=1, max_tokens=16)]
    plain = lm.write(asked)
    layers = layers_of(lm)
    found = from_contrast(lm.name, lm.hidden(["yes yes"], layers), lm.hidden(["no no"], layers),
                          layers)  # fmt: skip
    with activation(lm, found, 0.0):
        assert lm.write(asked) == plain
    with activation(lm, found, 8.0):
        assert lm.write(asked) != plain


def test_a_step_learns_and_the_adapter_writes(lm: Any) -> None:
    from engine.adapter import Adapter, Base

    training = Training(lm, [PAIRS], Settings(steps=8, rate=1e-2, held_out=0.0))
    losses = [p.metrics["loss"] for p in training.run()]
    assert losses[-1] < losses[0]
    arrays = {k: v.cpu().numpy() for k, v in training.lora.named().items()}
    with lora(lm, Adapter(Base(lm.name), arrays), 1.0):
        assert len(lm.write([Request("say hi", max_tokens=8)])) == 1
