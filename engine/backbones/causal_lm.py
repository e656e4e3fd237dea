"""A causal language model behind the Backbone interface: seeded, streamed, several rows at once.

Every row draws from its own uniform numbers by inverse CDF, so that a row does not depend on its
batch mates and plain and personal text share their noise (common random numbers). No remote code,
safetensors only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from engine.data import Array, Request, Sample
from engine.device import choose

TOP_P = 0.95
REPETITION = 1.1
ODD = 7919
# Without these a small model answers as an assistant and talks about the text; found by reading.
WRITER = "You are a gifted writer."
FRAME = "Write a short paragraph. {prompt}"


@dataclass
class CausalLM:
    """`name` identifies the model in the names of its hidden-state spaces."""

    name: str
    model: Any
    tokenizer: Any
    device: str = "cpu"
    _norms: dict[int, float] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, where: str, cpu: bool = False, online: bool = False) -> "CausalLM":
        """From a folder, or by id from the local cache (`online` allows the hub)."""
        device = choose(cpu)
        tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=not online)
        model = AutoModelForCausalLM.from_pretrained(
            where,
            local_files_only=not online,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=getattr(torch, device.dtype),
        )
        name = Path(where).name.lower().removesuffix("-instruct")
        placed: Any = model
        return cls(name, placed.to(device.name).eval(), tokenizer, device.name)

    def space(self, layer: int) -> str:
        """Name of the hidden-state space after block `layer`."""
        return f"{self.name}:layer{layer}"

    def blocks(self) -> Any:
        """The decoder blocks, in order."""
        inner = self.model.get_decoder()
        return inner.layers

    def trainable(self) -> torch.nn.Module:
        module: torch.nn.Module = self.model
        return module

    def prompt_ids(self, prompt: str) -> list[int]:
        """Token ids of a request for a passage, in the model's own chat form."""
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(
                [
                    {"role": "system", "content": WRITER},
                    {"role": "user", "content": FRAME.format(prompt=prompt)},
                ],
                add_generation_prompt=True,
                tokenize=False,
            )
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        return list(self.tokenizer(prompt)["input_ids"])

    def generate(self, request: Request) -> Iterator[Sample]:
        """n rows, streamed; row i of the same seed is always the same text."""
        seeds = [request.seed * ODD + i for i in range(request.n)]
        yield from self.stream(request, seeds)

    @torch.inference_mode()
    def stream(self, request: Request, seeds: Sequence[int]) -> Iterator[Sample]:
        """One row per seed. Pieces with done=False, then each row once with done=True."""
        rows = [_Row(self.tokenizer, np.random.default_rng(s)) for s in seeds]
        ids = torch.tensor([self.prompt_ids(request.prompt)] * len(rows), device=self.device)
        seen = torch.zeros((len(rows), self.model.config.vocab_size), dtype=torch.bool)
        cache = DynamicCache(config=self.model.config)
        stops = self._stops()
        for step in range(request.max_tokens):
            if request.cancelled():
                return
            out = self.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            logits = out.logits[:, -1].float().cpu()
            drawn = draw(logits, seen, [r.uniform() for r in rows], request.temperature)
            seen[torch.arange(len(rows)), drawn] = True
            for index, (row, token) in enumerate(zip(rows, drawn.tolist(), strict=True)):
                last = step == request.max_tokens - 1
                yield from row.take(index, token, token in stops, last)
            if all(row.done for row in rows):
                return
            ids = drawn[:, None].to(self.device)

    def _stops(self) -> set[int]:
        found = self.model.generation_config.eos_token_id
        stops = set(found) if isinstance(found, list) else {found}
        return {int(s) for s in (*stops, self.tokenizer.eos_token_id) if s is not None}

    @torch.inference_mode()
    def logps(self, prompt: str, completions: Sequence[str]) -> tuple[Array, Array]:
        """Sum of log-likelihoods and number of tokens, (n,) each, of completions after a prompt."""
        head = self.prompt_ids(prompt)
        sums, counts = [], []
        for text in completions:
            tail = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            ids = torch.tensor([head + tail], device=self.device)
            logits = self.model(ids, logits_to_keep=len(tail) + 1).logits[0, :-1].float()
            picked = torch.log_softmax(logits, -1)[range(len(tail)), tail]
            sums.append(float(picked.sum()))
            counts.append(len(tail))
        return np.array(sums, np.float32), np.array(counts, np.float32)

    @torch.inference_mode()
    def hidden(self, texts: Sequence[str], layers: Sequence[int]) -> Array:
        """(n, len(layers), d): mean over tokens of the residual stream after each block.

        The first position is left out: it is a sink whose norm drowns the rest.
        """
        out = []
        for text in texts:
            ids = torch.tensor([self.tokenizer(text)["input_ids"]], device=self.device)
            states = self.model(ids, output_hidden_states=True, logits_to_keep=1).hidden_states
            out.append(torch.stack([states[k + 1][0, 1:].float().mean(0) for k in layers]).cpu())
        return torch.stack(out).numpy()

    @torch.inference_mode()
    def norm(self, layer: int) -> float:
        """Typical length of the residual stream after a block, first position left out."""
        if layer not in self._norms:
            ids = torch.tensor([self.prompt_ids("Tell me about an ordinary day in a small town.")])
            states = self.model(ids.to(self.device), output_hidden_states=True).hidden_states
            self._norms[layer] = float(states[layer + 1][0, 1:].float().norm(dim=-1).median())
        return self._norms[layer]


def draw(
    logits: torch.Tensor, seen: torch.Tensor, uniforms: Sequence[float], temperature: float
) -> torch.Tensor:
    """(n,) tokens by inverse CDF within the top-p set, repeated tokens made less likely."""
    logits = torch.where(seen, torch.where(logits > 0, logits / REPETITION, logits * REPETITION),
                         logits)  # fmt: skip
    probs = torch.softmax(logits / max(temperature, 1e-4), -1)
    top, order = probs.topk(min(256, probs.shape[-1]), dim=-1)
    before = top.cumsum(-1) - top
    top = torch.where(before < TOP_P, top, torch.zeros_like(top))
    reach = top.cumsum(-1)
    level = torch.tensor(uniforms, dtype=reach.dtype)[:, None] * reach[:, -1:]
    place = torch.searchsorted(reach, level).clamp(max=reach.shape[-1] - 1)
    return order.gather(-1, place)[:, 0]


class _Row:
    """One text being written: its noise, its tokens, what was shown of it."""

    def __init__(self, tokenizer: Any, rng: np.random.Generator) -> None:
        self.tokenizer, self.rng = tokenizer, rng
        self.tokens: list[int] = []
        self.shown, self.done = "", False

    def uniform(self) -> float:
        return float(self.rng.random())

    def take(self, index: int, token: int, ends: bool, last: bool) -> Iterator[Sample]:
        """Pieces of valid text only: half a character waits for its other half."""
        if self.done:
            return
        if not ends:
            self.tokens.append(token)
        self.done = ends or last
        text = self.tokenizer.decode(self.tokens, skip_special_tokens=True)
        if text.endswith("\ufffd") and not self.done:
            return
        text = text.lstrip()
        delta, self.shown = text[len(self.shown) :], text
        if delta and not self.done:
            yield Sample(index, text=text, delta=delta, done=False)
        if self.done:
            # Cut off by the limit: the last whole sentence is the end, if most of it is there.
            whole = text.strip() if ends else finished(text.strip())
            yield Sample(index, text=whole, delta=delta, done=True)


def finished(text: str) -> str:
    """The text up to its last whole sentence, unless that would halve it."""
    end = max(text.rfind(mark) for mark in (". ", "! ", "? ", ".\n", "!\n", "?\n", '." '))
    return text[: end + 1] if end + 1 >= len(text) / 2 else text
