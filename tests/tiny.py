"""A tiny Llama built in code, with random weights and a tokenizer of characters: for tests."""

from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from engine.backbones.causal_lm import CausalLM

LETTERS = "abcdefghijklmnopqrstuvwxyz .,!?"


def tiny_lm(seed: int = 0, layers: int = 16) -> CausalLM:
    """About 60,000 parameters."""
    hf: Any = transformers
    torch.manual_seed(seed)
    vocabulary = {"<end>": 0, **{c: i + 1 for i, c in enumerate(LETTERS)}, "?unknown": 40}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="?unknown"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.decoder = decoders.Fuse()
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>",
                                        pad_token="<end>", unk_token="?unknown")  # fmt: skip
    config: Any = hf.LlamaConfig(
        vocab_size=41, hidden_size=32, intermediate_size=48, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    model: Any = hf.LlamaForCausalLM(config).eval()
    model.generation_config.eos_token_id = 0
    model.generation_config.pad_token_id = 0
    return CausalLM("tiny", model, tokenizer)
