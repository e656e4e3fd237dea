"""What a language model makes of fixed prompts: with nothing, with an adapter, with a direction.

Log-probabilities of the next token after each prompt, in 32 bits on the CPU, so that they can be
compared with what any other program says about the same tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exports.base import Expected, Material, Probe, Refused

PROMPTS = (
    "The old lighthouse stood above the bay, and",
    "Write a short paragraph about rain in the city.",
    "She opened the letter slowly. It said that",
    "What I like most about the morning is",
)


def tokens(model: Path) -> tuple[tuple[int, ...], ...]:
    """The prompts as the base model's own tokenizer cuts them, without special tokens."""
    from transformers import AutoTokenizer

    cut: Any = AutoTokenizer.from_pretrained(model, local_files_only=True)
    return tuple(tuple(cut(p, add_special_tokens=False)["input_ids"]) for p in PROMPTS)


def load(model: str | Path) -> Any:
    """The model of a folder in 32 bits on the CPU."""
    import torch
    from transformers import AutoModelForCausalLM

    made: Any = AutoModelForCausalLM.from_pretrained(
        model, local_files_only=True, use_safetensors=True, trust_remote_code=False,
        dtype=torch.float32,
    )  # fmt: skip
    return made.eval()


def outputs(model: Any, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """(prompts, vocabulary) log-probabilities of the next token."""
    import torch

    with torch.inference_mode():
        rows = [model(torch.tensor([list(row)]), use_cache=False).logits[0, -1] for row in ids]
        return torch.stack(rows).float().log_softmax(-1).numpy()


def with_adapter(what: Material) -> Expected:
    """Base and ours: engine.lora's hooks over the numbers in memory, not over any file."""
    import torch

    from engine.lora import Lora

    assert what.adapter
    ids, model = tokens(what.model), load(what.model)
    lora = Lora(model, rank=what.adapter.rank, names=what.adapter.targets)
    weights = {k: torch.from_numpy(np.ascontiguousarray(v, np.float32))
               for k, v in what.adapter.weights.items()}  # fmt: skip
    if weights.keys() != lora.named().keys():
        odd = sorted(weights.keys() ^ lora.named().keys())
        raise Refused(f"this adapter does not fit the model in {what.model.name}: {odd[0]}")
    lora.put(weights)
    base = outputs(model, ids)
    with lora.on(model):
        ours = outputs(model, ids)
    return Expected(Probe(str(what.model.resolve()), ids), base, ours)
