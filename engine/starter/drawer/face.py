"""The starter model behind the one face of diffusion models: its words go through MiniLM."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from engine.denoising import Joint
from engine.picturing import LAYERS
from engine.starter.drawer.conditions import WHITE, Told, Words, vector


class Drawer(Joint):
    """Prompts are texts, drawn on white, or Told where style and facts are said too. A LoRA may
    also change what time and conditions say to each block: by it a taste reaches other things.
    """

    layers = (*LAYERS, "norm1.linear")

    def __init__(self, pipe: Any, words: Words) -> None:
        super().__init__(pipe)
        self.words = words

    def conditions(self, prompts: Sequence[Any]) -> dict[str, Tensor]:
        told = [p if isinstance(p, Told) else Told(p, {}, WHITE) for p in prompts]
        states, sentences = self.words.of([t.text for t in told])
        place = self.module.device
        return {"encoder_hidden_states": states.to(place),
                "pooled_projections": vector(told, sentences).to(place)}  # fmt: skip

    def call(self, prompts: Sequence[Any], negative: str) -> dict[str, Any]:
        told = self.conditions(prompts)
        without = self.conditions([Told(negative)] * len(prompts))
        if not negative:
            without = {k: torch.zeros_like(v) for k, v in without.items()}
        return {
            "prompt_embeds": told["encoder_hidden_states"],
            "pooled_prompt_embeds": told["pooled_projections"],
            "negative_prompt_embeds": without["encoder_hidden_states"],
            "negative_pooled_prompt_embeds": without["pooled_projections"],
        }
