"""What a language model makes of fixed prompts: with nothing, with an adapter, with a direction.

Log-probabilities of the next token after each prompt, in 32 bits on the CPU, so that they can be
compared with what any other program says about the same tokens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exports.base import Expected, Material, Probe, Refused

Weights = Mapping[str, NDArray[Any]]
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


def adapted(model: Any, weights: Weights, ids: Sequence[Sequence[int]],
            scale: float = 1.0) -> NDArray[np.float32]:  # fmt: skip
    """The same under engine.lora's hooks, with weights by PEFT name."""
    import torch

    from engine.lora import Lora, name_of

    # By whole path: an adapter may change a few blocks only.
    names = {name_of(k) for k in weights}
    rank = max(len(v) for k, v in weights.items() if k.endswith("lora_A.weight"))
    lora = Lora(model, rank=rank, names=sorted(names))
    if odd := sorted(weights.keys() ^ lora.named().keys()):
        raise Refused(f"this adapter does not fit the model: {odd[0]} is in one of them only")
    lora.put({k: torch.from_numpy(np.array(v, np.float32)) for k, v in weights.items()})
    with lora.on(model, scale):
        return outputs(model, ids)


def with_adapter(what: Material) -> Expected:
    """Base and ours, from the numbers in memory, not from any file."""
    assert what.adapter
    ids, model = tokens(what.model), load(what.model)
    base = outputs(model, ids)
    ours = adapted(model, what.adapter.weights, ids)
    # How many tensors must arrive: a reader of one file cannot know what was left out.
    told = {"tensors": len(what.adapter.weights)}
    return Expected(Probe(str(what.model.resolve()), ids, told), base, ours)
