"""A causal language model behind the Backbone interface: seeded, streamed, several rows at once.

Every row draws from its own uniform numbers by inverse CDF, so that a row does not depend on its
batch mates and plain and personal text share their noise (common random numbers). Prompts of many
lengths share a batch by padding on the left. No remote code, safetensors only.
"""

import inspect
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from engine.data import Array, Request, Sample
from engine.device import choose
from engine.loading import LOADING, fingerprint
from engine.packing import Row, TextReading

TOP_P = 0.95
REPETITION = 1.1
ODD = 7919
# Without these a small model answers as an assistant and talks about the text; found by reading.
WRITER = "You are a gifted writer."
FRAME = "Write a short paragraph. {prompt}"
# What the libraries call the list of blocks: Llama and its kin, GPT-2, MPT.
BLOCKS = ("layers", "h", "blocks")
TOGETHER, WRITTEN = 8, 32


@dataclass(frozen=True, eq=False)
class Place:
    """What is in the model right now: whose row each is, its pads in front, and from where on.

    rows (B,) rows of the call; pads (B,) positions before a row's first token; start: the position
    of the first column, which is 0 for a prompt.
    """

    rows: torch.Tensor
    pads: torch.Tensor
    start: int = 0


@dataclass
class CausalLM:
    """`name` identifies the weights in the names of their hidden-state spaces.

    `place` is set while a batch is being written: a hook reads in it whose row is whose.
    """

    name: str
    model: Any
    tokenizer: Any
    device: str = "cpu"
    place: Place | None = None

    @classmethod
    def load(cls, where: str, cpu: bool = False, online: bool = False) -> "CausalLM":
        """From a folder, or by id from the local cache (`online` allows the hub)."""
        device = choose(cpu)
        with LOADING:
            tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=not online)
            model: Any = AutoModelForCausalLM.from_pretrained(
                where,
                local_files_only=not online,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=getattr(torch, device.dtype),
            )
            placed = model.to(device.name).eval()
        return cls(identity(where, placed), placed, tokenizer, device.name)

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

    def reading(self, objective: Any) -> TextReading:
        """How the trainer asks this model."""
        return TextReading(self)

    def row(self, example: Any) -> Row:
        """The tokens of an objective's Example; each text ends where the model would stop."""
        tails = [tuple(self._ids(text)) + self._end() for text in example.texts]
        if example.prompts:
            whole = zip(example.prompts, tails, strict=True)
            return Row.of_whole([(*self.prompt_ids(p, example.system), *tail) for p, tail in whole])
        return Row(tuple(self.prompt_ids(example.prompt, example.system)), tuple(tails))

    def reason(self, example: Any) -> Row:
        """The person's reason after the prompt and both texts."""
        chosen, rejected = example.texts[:2]
        asked = f"{example.prompt}\n\nA: {chosen}\n\nB: {rejected}\n\nWhy A?"
        tail = tuple(self._ids(example.rationale)) + self._end()
        return Row(tuple(self.prompt_ids(asked, example.system)), (tail,))

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _end(self) -> tuple[int, ...]:
        end = self.tokenizer.eos_token_id
        return () if end is None else (int(end),)

    def prompt_ids(self, prompt: str, system: str = "") -> list[int]:
        """Token ids of a request for a passage, in the model's own chat form.

        `system` is said in place of the words to a writer; a model without a chat form reads it
        before the prompt.
        """
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(
                [
                    {"role": "system", "content": system or WRITER},
                    {"role": "user", "content": FRAME.format(prompt=prompt)},
                ],
                add_generation_prompt=True,
                tokenize=False,
            )
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        return list(self.tokenizer(f"{system}\n\n{prompt}" if system else prompt)["input_ids"])

    def generate(self, request: Request) -> Iterator[Sample]:
        """n rows, streamed; row i of the same seed is always the same text."""
        seeds = [request.seed * ODD + i for i in range(request.n)]
        yield from self.stream(request, seeds)

    def stream(self, request: Request, seeds: Sequence[int]) -> Iterator[Sample]:
        """One row per seed. Pieces with done=False, then each row once with done=True."""
        head = self.prompt_ids(request.prompt, request.system)
        yield from self._decode([_Row(self.tokenizer, request, head, seed, index)
                                 for index, seed in enumerate(seeds)])  # fmt: skip

    def write(self, requests: Sequence[Request]) -> list[str]:
        """One finished text per request, in order: its text is `stream`'s with its own seed.

        Each request brings its prompt, system words, seed, length and temperature. A cancelled
        request ends the call; what was not finished by then is empty.
        """
        heads = [self.prompt_ids(r.prompt, r.system) for r in requests]
        texts = [""] * len(requests)
        for batch in _batches(heads, WRITTEN):
            rows = [_Row(self.tokenizer, requests[k], heads[k], requests[k].seed, k)
                    for k in batch]  # fmt: skip
            for sample in self._decode(rows):
                if sample.done:
                    texts[sample.index] = sample.text
        return texts

    @torch.inference_mode()
    def _decode(self, rows: Sequence["_Row"]) -> Iterator[Sample]:
        """All rows in one batch; a finished one leaves it."""
        batch, stops = _Batch(self, rows), self._stops()
        while batch.rows:
            if any(row.request.cancelled() for row in batch.rows):
                return
            drawn = batch.step()
            for row, token in zip(batch.rows, drawn.tolist(), strict=True):
                yield from row.take(token, token in stops)
            batch.leave()

    @contextmanager
    def placed(self, place: Place) -> Iterator[None]:
        """`place` for the length of one forward pass: texts written in turns do not mix it up."""
        self.place = place
        try:
            yield
        finally:
            self.place = None

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


def _batches(rows: Sequence[Sequence[int]], size: int = TOGETHER) -> Iterator[list[int]]:
    """Row numbers, a few of like length at a time; texts are padded least that way."""
    order = sorted(range(len(rows)), key=lambda k: len(rows[k]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def draw(
    logits: torch.Tensor,
    seen: torch.Tensor,
    uniforms: Sequence[float],
    temperature: float | torch.Tensor,
) -> torch.Tensor:
    """(n,) tokens by inverse CDF within the top-p set, repeated tokens made less likely.

    logits (n, vocabulary), seen (n, vocabulary) bool, temperature one number or (n, 1).
    """
    logits = torch.where(seen, torch.where(logits > 0, logits / REPETITION, logits * REPETITION),
                         logits)  # fmt: skip
    warmth = torch.as_tensor(temperature, dtype=logits.dtype).clamp(min=1e-4)
    probs = torch.softmax(logits / warmth, -1)
    top, order = probs.topk(min(256, probs.shape[-1]), dim=-1)
    before = top.cumsum(-1) - top
    top = torch.where(before < TOP_P, top, torch.zeros_like(top))
    reach = top.cumsum(-1)
    level = torch.tensor(uniforms, dtype=reach.dtype)[:, None] * reach[:, -1:]
    place = torch.searchsorted(reach, level).clamp(max=reach.shape[-1] - 1)
    return order.gather(-1, place)[:, 0]


class _Row:
    """One text being written: its request, its noise, its tokens, what was shown of it."""

    def __init__(
        self, tokenizer: Any, request: Request, head: list[int], seed: int, index: int
    ) -> None:
        self.tokenizer, self.request, self.head = tokenizer, request, head
        self.rng, self.index = np.random.default_rng(seed), index
        self.tokens: list[int] = []
        self.shown, self.done = "", request.max_tokens < 1

    def uniform(self) -> float:
        return float(self.rng.random())

    def take(self, token: int, ends: bool) -> Iterator[Sample]:
        """Pieces of valid text only: half a character waits for its other half."""
        if not ends:
            self.tokens.append(token)
        self.done = ends or len(self.tokens) == self.request.max_tokens
        text = self.tokenizer.decode(self.tokens, skip_special_tokens=True)
        if text.endswith("\ufffd") and not self.done:
            return
        text = text.lstrip()
        delta, self.shown = text[len(self.shown) :], text
        if delta and not self.done:
            yield Sample(self.index, text=text, delta=delta, done=False)
        if self.done:
            # Cut off by the limit: the last whole sentence is the end, if most of it is there.
            whole = text.strip() if ends else finished(text.strip())
            yield Sample(self.index, text=whole, delta=delta, done=True)


class _Batch:
    """Rows on their way through the model: what is fed next, the cache, the pads in front."""

    def __init__(self, lm: CausalLM, rows: Sequence[_Row]) -> None:
        self.lm, self.rows = lm, list(rows)
        self.length = max((len(row.head) for row in rows), default=0)
        pads = [self.length - len(row.head) for row in rows]
        self.padded = any(pads)
        fed = [[0] * pad + row.head for pad, row in zip(pads, rows, strict=True)]
        self.ids = torch.tensor(fed, device=lm.device)
        self.place = Place(torch.tensor([row.index for row in rows], device=lm.device),
                           torch.tensor(pads, device=lm.device))  # fmt: skip
        self.cache = DynamicCache(config=lm.model.config)
        self.seen = torch.zeros((len(rows), lm.model.config.vocab_size), dtype=torch.bool)
        self.leave()

    def step(self) -> torch.Tensor:
        """(B,) the next token of each row."""
        with self.lm.placed(self.place):
            out = self.lm.model(self.ids, past_key_values=self.cache, use_cache=True,
                                logits_to_keep=1, **self._positions())  # fmt: skip
        warmth = torch.tensor([[row.request.temperature] for row in self.rows])
        noise = [row.uniform() for row in self.rows]
        drawn = draw(out.logits[:, -1].float().cpu(), self.seen, noise, warmth)
        self.seen[torch.arange(len(drawn)), drawn] = True
        self.ids = drawn[:, None].to(self.lm.device)
        self.place = replace(self.place, start=self.length)
        self.length += 1
        return drawn

    def _positions(self) -> dict[str, torch.Tensor]:
        """Mask (B, length) and places (B, T) of what is fed; nothing where nothing is padded."""
        if not self.padded:
            return {}
        places = torch.arange(self.length, device=self.lm.device) - self.place.pads[:, None]
        found = {"attention_mask": (places >= 0).long()}
        # Models that see distances only (MPT) take no places.
        if "position_ids" in inspect.signature(self.lm.model.forward).parameters:
            found["position_ids"] = places.clamp(min=0)[:, -self.ids.shape[1] :]
        return found

    def leave(self) -> None:
        """Finished rows go, so that the others need not wait for them."""
        keep = [k for k, row in enumerate(self.rows) if not row.done]
        if len(keep) == len(self.rows):
            return
        self.rows = [self.rows[k] for k in keep]
        if keep:
            kept = torch.tensor(keep, device=self.lm.device)
            self.ids, self.seen = self.ids[kept], self.seen[keep]
            self.place = replace(self.place, rows=self.place.rows[kept], pads=self.place.pads[kept])
            self.cache.batch_select_indices(kept)


def finished(text: str) -> str:
    """The text up to its last whole sentence, unless that would halve it."""
    end = max(text.rfind(mark) for mark in (". ", "! ", "? ", ".\n", "!\n", "?\n", '." '))
    return text[: end + 1] if end + 1 >= len(text) / 2 else text
