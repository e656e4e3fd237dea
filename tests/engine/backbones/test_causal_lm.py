"""Any local language model: named by its weights, its blocks are found, its rows are alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from engine.backbones.causal_lm import CausalLM, identity
from engine.data import Request
from engine.loading import fingerprint
from engine.steering.activation import activation, from_scores, layers_of
from tests.conftest import LM
from tests.tiny import tiny_lm

hf: Any = transformers
TEXTS = ["a small house by the sea", "rain", "the old man walked home", "one two three four five"]


@pytest.fixture(scope="module")
def lm() -> CausalLM:
    return tiny_lm()


def other(family: str) -> CausalLM:
    """A tiny model of another family, or of another depth, around the tiny tokenizer."""
    torch.manual_seed(1)
    sizes = {"vocab_size": 41, "bos_token_id": 0, "eos_token_id": 0}
    llama = {**sizes, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4}
    made: Any = {
        "gpt2": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**sizes, n_embd=32, n_layer=6, n_head=4)),
        "neox": lambda: hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(**llama, num_hidden_layers=6)),
        "short": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**llama, num_hidden_layers=3)),
    }
    return CausalLM(family, made[family]().eval(), tiny_lm(layers=1).tokenizer)


@pytest.mark.parametrize("family", ["gpt2", "neox", "short"])
def test_other_families_and_depths_are_steered_and_let_go(family: str) -> None:
    lm = other(family)
    layers = layers_of(lm)
    assert max(layers) < len(lm.blocks()) and len(set(layers)) == len(layers)
    states = lm.hidden(TEXTS, layers)
    direction = from_scores(lm.name, states, np.array([1.0, -1, 2, 0]), ["t"] * 4, layers)
    ids = torch.tensor([lm.prompt_ids("the sea")])
    with torch.inference_mode():
        before = lm.model(ids).logits
        with activation(lm, direction, 1.0):
            bent = lm.model(ids).logits
        after = lm.model(ids).logits
    assert torch.equal(before, after) and not torch.equal(before, bent)
    assert len([s for s in lm.generate(Request("the sea", n=2, max_tokens=4)) if s.done]) == 2


def test_layers_keep_their_height() -> None:
    class Tall:
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def blocks(self) -> list[int]:
            return [0] * self.depth

    assert layers_of(Tall(30)) == (18, 20, 22)
    assert layers_of(Tall(60)) == (36, 40, 44)
    assert layers_of(Tall(12)) == (7, 8, 9)
    assert layers_of(Tall(1)) == (0,)


def test_an_unknown_tree_names_the_cure(lm: CausalLM) -> None:
    class Odd:
        def get_decoder(self) -> "Odd":
            return self

    with pytest.raises(ValueError, match="instant"):
        CausalLM("odd", Odd(), lm.tokenizer).blocks()


def test_a_block_that_is_not_there_is_refused(lm: CausalLM) -> None:
    with pytest.raises(ValueError, match="blocks 0 to 15"):
        lm.hidden(TEXTS, (10, 16))
    with pytest.raises(ValueError, match="two tokens"):
        lm.hidden(["a"], (1,))


def test_the_name_is_the_weights_and_not_the_folder(lm: CausalLM, tmp_path: Path) -> None:
    folder = tmp_path / "SmolLM2-135M"
    folder.mkdir()
    name = identity(str(folder), lm.model)
    assert name == f"smollm2-135m-{fingerprint(lm.model)}" and name != "smollm2-135m"
    (folder / "manifest.json").write_text(json.dumps({"upstream": "somebody/else"}))
    assert identity(str(folder), lm.model) == name
    upstream = {"upstream": "HuggingFaceTB/SmolLM2-135M-Instruct"}
    (folder / "manifest.json").write_text(json.dumps(upstream))
    assert identity(str(folder), lm.model) == "smollm2-135m"


def test_one_changed_tensor_is_another_fingerprint_and_precision_is_not() -> None:
    lm = tiny_lm()
    before = fingerprint(lm.model.to(torch.bfloat16))
    assert fingerprint(lm.model.to(torch.float32)) == before
    with torch.no_grad():
        lm.blocks()[7].self_attn.q_proj.weight.mul_(1.1)
    assert fingerprint(lm.model) != before


def test_a_folder_is_loaded_by_safetensors_and_gives_the_same_text(
    lm: CausalLM, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    lm.model.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    loaded = CausalLM.load(str(folder), cpu=True)
    request = Request("hello", n=2, seed=3, max_tokens=10)
    assert [s.text for s in loaded.generate(request)] == [s.text for s in lm.generate(request)]
    (folder / "model.safetensors").unlink()
    with pytest.raises(OSError):
        CausalLM.load(str(folder), cpu=True)


def test_a_row_does_not_depend_on_its_batch_mates(lm: CausalLM) -> None:
    request = Request("hello", max_tokens=10)
    together = {s.index: s.text for s in lm.stream(request, [5, 6, 7]) if s.done}
    for index, seed in enumerate((5, 6, 7)):
        alone = [s.text for s in lm.stream(request, [seed]) if s.done]
        assert alone == [together[index]]


def test_scoring_many_is_scoring_each(lm: CausalLM) -> None:
    texts = [*TEXTS, "", "x", *TEXTS]
    sums, counts = lm.logps("ab", texts)
    for text, total, count in zip(texts, sums, counts, strict=True):
        one, n = lm.logps("ab", [text])
        assert count == n[0] == len(text)
        assert total == pytest.approx(float(one[0]), abs=1e-4)
    assert sums[4] == 0.0 and (sums[5:] < 0).all()


def test_states_of_many_are_states_of_each_and_leave_the_first_out(lm: CausalLM) -> None:
    together = lm.hidden(TEXTS, (1, 4))
    for text, row in zip(TEXTS, together, strict=True):
        ids = torch.tensor([lm.tokenizer(text)["input_ids"]])
        with torch.inference_mode():
            states = lm.model(ids, output_hidden_states=True).hidden_states
        for layer, found in zip((1, 4), row, strict=True):
            by_hand = states[layer + 1][0, 1:].mean(0).numpy()
            np.testing.assert_allclose(found, by_hand, atol=1e-5)


def test_half_a_character_waits_for_its_other_half(lm: CausalLM) -> None:
    from engine.backbones.causal_lm import _Row

    class Bytes:
        def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
            return bytes(tokens).decode("utf-8", errors="replace")

    row, pieces = _Row(Bytes(), Request("x"), [0], 0, 0), []
    for token in "né".encode():
        pieces += list(row.take(token, False))
    pieces += list(row.take(0, True))
    assert [p.delta for p in pieces] == ["n", "é", ""] and pieces[-1].text == "né"


@pytest.mark.slow
@pytest.mark.skipif(not (LM / "manifest.json").exists(), reason="run `python3 launch.py` once")
def test_the_shipped_states_are_those_of_the_shipped_model() -> None:
    from engine.starter.pool import passages
    from engine.starter.states import passage_states

    lm = CausalLM.load(str(LM), cpu=True)
    assert lm.name == "smollm2-135m" and layers_of(lm) == (18, 20, 22)
    stored = passage_states(lm, layers_of(lm))
    rows = [0, 191, 479]
    made = lm.hidden([passages().records[r]["text"] for r in rows], layers_of(lm))
    scale = np.linalg.norm(made, axis=-1)
    assert (np.linalg.norm(stored[rows] - made, axis=-1) < 3e-3 * scale).all()
