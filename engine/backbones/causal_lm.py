"""A causal language model behind the Backbone interface: seeded, streamed, several rows at once.

Every row draws from its own uniform numbers by inverse CDF, so that a row does not depend on its
batch mates and plain and personal text share their noise (common random numbers). No remote code,
safetensors only.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from engine.data import Array, Request, Sample
from engine.device import choose
from engine.packing import Row

TOP_P = 0.95
REPETITION = 1.1
ODD = 7919
# Without these a small model answers as an assistant and talks about the text; found by reading.
WRITER = "You are a gifted writer."
FRAME = "Write a short paragraph. {prompt}"
# What the libraries call the list of blocks: Llama and its kin, GPT-2, MPT.
BLOCKS = ("layers", "h", "blocks")
TOGETHER = 8
SAMPLED = 256


@dataclass
class CausalLM:
    """`name` identifies the weights in the names of their hidden-state spaces."""

    name: str
    model: Any
    tokenizer: Any
    device: str = "cpu"

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
        placed: Any = model
        return cls(identity(where, model), placed.to(device.name).eval(), tokenizer, device.name)

    def space(self, layer: int) -> str:
        """Name of the hidden-state space after block `layer`."""
        return f"{self.name}:layer{layer}"

    def blocks(self) -> Any:
        """The decoder blocks, in order."""
        inner = self.model.get_decoder()
        for name in BLOCKS:
            if hasattr(inner, name):
                return getattr(inner, name)
        raise ValueError(
            f"{type(inner).__name__} keeps its blocks under none of {', '.join(BLOCKS)}; this "
            "model cannot be steered, ask for depth 'instant'"
        )

    def trainable(self) -> torch.nn.Module:
        module: torch.nn.Module = self.model
        return module

    def row(self, example: Any) -> Row:
        """The tokens of an objective's Example; each text ends where the model would stop."""
        tails = [tuple(self._ids(text)) + self._end() for text in example.texts]
        if example.prompts:
            whole = zip(example.prompts, tails, strict=True)
            return Row.of_whole([(*self._head(p, example), *tail) for p, tail in whole])
        return Row(tuple(self._head(example.prompt, example)), tuple(tails))

    def reason(self, example: Any) -> Row:
        """The person's reason after the prompt and both texts."""
        chosen, rejected = example.texts[:2]
        asked = f"{example.prompt}\n\nA: {chosen}\n\nB: {rejected}\n\nWhy A?"
        tail = tuple(self._ids(example.rationale)) + self._end()
        return Row(tuple(self._head(asked, example)), (tail,))

    def _head(self, prompt: str, example: Any) -> list[int]:
        return self.prompt_ids(prompt)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _end(self) -> tuple[int, ...]:
        end = self.tokenizer.eos_token_id
        return () if end is None else (int(end),)

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
        tails = [list(self.tokenizer(t, add_special_tokens=False)["input_ids"])
                 for t in completions]  # fmt: skip
        sums = np.zeros(len(tails), np.float32)
        for rows in _batches(tails):
            ids = self._padded([head + tails[r] for r in rows])
            keep = ids.shape[1] - len(head) + 1
            logits = self.model(ids, use_cache=False, logits_to_keep=keep).logits.float()
            for row, table in zip(rows, logits, strict=True):
                wanted = torch.tensor(tails[row], dtype=torch.long, device=table.device)
                table = table[: len(wanted)]
                picked = table.gather(1, wanted[:, None])[:, 0] - table.logsumexp(-1)
                sums[row] = float(picked.sum())
        return sums, np.array([len(t) for t in tails], np.float32)

    @torch.inference_mode()
    def hidden(self, texts: Sequence[str], layers: Sequence[int]) -> Array:
        """(n, len(layers), d): mean over tokens of the residual stream after each block.

        The first position is left out: it is a sink whose norm drowns the rest.
        """
        depth = len(self.blocks())
        if any(not 0 <= k < depth for k in layers):
            raise ValueError(f"{self.name} has blocks 0 to {depth - 1}, not {list(layers)}")
        found = [list(self.tokenizer(t)["input_ids"]) for t in texts]
        if any(len(ids) < 2 for ids in found):
            raise ValueError("a text of fewer than two tokens has no state; leave it out")
        out = np.zeros((len(found), len(layers), self.model.config.hidden_size), np.float32)
        for rows in _batches(found):
            ids = self._padded([found[r] for r in rows])
            states = self.model(ids, output_hidden_states=True, use_cache=False,
                                logits_to_keep=1).hidden_states  # fmt: skip
            for i, row in enumerate(rows):
                whole = slice(1, len(found[row]))
                seen = torch.stack([states[k + 1][i, whole].float().mean(0) for k in layers])
                out[row] = seen.cpu().numpy()
        return out

    def _padded(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """(B, T) filled up on the right: in a causal model nothing before it can see that."""
        longest = max(map(len, rows))
        return torch.tensor([[*r, *[0] * (longest - len(r))] for r in rows], device=self.device)


def identity(where: str, model: Any) -> str:
    """A name for these very weights: hidden states of other weights are another space.

    Our converted copy says in its manifest what it is; any other model gets its folder's name and
    a fingerprint, because a base model and its fine-tunings like to share a name.
    """
    manifest = Path(where) / "manifest.json"
    if manifest.exists():
        upstream = str(json.loads(manifest.read_text()).get("upstream", ""))
        if upstream == "HuggingFaceTB/SmolLM2-135M-Instruct":
            return "smollm2-135m"
    return f"{Path(where).name.lower()}-{fingerprint(model)}"


@torch.inference_mode()
def fingerprint(model: Any) -> str:
    """8 hex digits of evenly spaced numbers out of every tensor, the same in 16 and 32 bits."""
    made = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        some = flat[:: max(1, flat.numel() // SAMPLED)].to(torch.bfloat16).float().cpu()
        made.update(f"{name}{tuple(tensor.shape)}".encode() + some.numpy().tobytes())
    return made.hexdigest()[:8]


def _batches(rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Row numbers, a few of like length at a time; texts are padded least that way."""
    order = sorted(range(len(rows)), key=lambda k: len(rows[k]))
    for start in range(0, len(order), TOGETHER):
        yield order[start : start + TOGETHER]


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
