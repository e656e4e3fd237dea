"""Texts of one prompt in one forward pass: the prompt is read once, its completions share it.

A packed row is [prompt | completion 1 | completion 2 ...]; a completion sees the prompt and itself,
and its positions go on from the prompt's end, so that every log-probability is the one of the
unpacked text. Only the completions' positions reach the vocabulary, a few hundred at a time, and
their gradient with respect to the hidden state is kept instead of the logits.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.lora import LINEAR

CHUNK, TOGETHER = 256, 2
Bent = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Row:
    """Token ids of one group: what is shared, and each completion after it."""

    head: tuple[int, ...]
    tails: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.head) + sum(map(len, self.tails))

    @classmethod
    def of_whole(cls, texts: Sequence[Sequence[int]]) -> "Row":
        """Whole token sequences of which everything is scored; what they share is the head.

        Their shared beginning adds the same to each, so it cancels in every comparison.
        """
        shortest = min(map(len, texts)) - 1
        same = 0
        while same < shortest and len({t[same] for t in texts}) == 1:
            same += 1
        same = max(same, 1)
        return cls(tuple(texts[0][:same]), tuple(tuple(t[same:]) for t in texts))

    def keys(self, base: str) -> list[bytes]:
        """(K,) sha256 of base, head and tail: by these a reference value is found again."""
        head = hashlib.sha256(f"{base}|{self.head}|".encode())
        keys = []
        for tail in self.tails:
            one = head.copy()
            one.update(repr(tail).encode())
            keys.append(one.digest())
        return keys

    def folded(self, values: Sequence[float]) -> list[float]:
        """(K,) of what lies under `keys`."""
        return list(values)


@dataclass(frozen=True)
class Packed:
    """B rows as tensors. ids, positions: (B, T); sees: (B, 1, T, T) bool. Each of the N scored
    tokens has its place in the flattened (B * T) states, its target, and its group and column.
    """

    ids: Tensor
    positions: Tensor
    sees: Tensor
    places: Tensor
    targets: Tensor
    groups: Tensor
    columns: Tensor
    widest: int


def pack(rows: Sequence[Row], device: str = "cpu") -> Packed:
    """Rows of a batch, filled up on the right."""
    longest, widest = max(map(len, rows)), max(len(r.tails) for r in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    positions = torch.zeros_like(ids)
    segment = torch.full_like(ids, -1)
    places: list[int] = []
    targets: list[int] = []
    owners: list[tuple[int, int]] = []
    for g, row in enumerate(rows):
        p = len(row.head)
        ids[g, :p] = torch.tensor(row.head)
        positions[g, :p] = torch.arange(p)
        segment[g, :p] = 0
        start = p
        for k, tail in enumerate(row.tails):
            n = len(tail)
            ids[g, start : start + n] = torch.tensor(tail)
            positions[g, start : start + n] = torch.arange(p, p + n)
            segment[g, start : start + n] = k + 1
            before = [p - 1, *range(start, start + n - 1)]
            places += [g * longest + t for t in before[:n]]
            targets += tail
            owners += [(g, k)] * n
            start += n
    groups, columns = torch.tensor(owners).T
    made = (ids, positions, _sees(segment), torch.tensor(places), torch.tensor(targets))
    ids, positions, sees, at, wanted = (t.to(device) for t in made)
    return Packed(ids, positions, sees, at, wanted, groups.to(device), columns.to(device), widest)


def _sees(segment: Tensor) -> Tensor:
    """(B, 1, T, T): a token sees earlier ones of the prompt and of its own completion."""
    t = segment.shape[1]
    past = torch.ones(t, t, dtype=torch.bool).tril()
    own = segment[:, :, None] == segment[:, None, :]
    shared = segment[:, None, :] == 0
    # A filler sees itself, or its softmax would be over nothing.
    return ((own | shared) & past)[:, None]


def token_logps(model: Any, packed: Packed) -> Tensor:
    """(N,) log-probability of each scored token."""
    states = token_states(model, packed)
    return chosen_logps(states, model.get_output_embeddings().weight, packed.targets)


def token_states(model: Any, packed: Packed) -> Tensor:
    """(N, d) last hidden states from which the scored tokens are predicted."""
    states = model.get_decoder()(
        packed.ids,
        attention_mask=packed.sees,
        position_ids=packed.positions,
        use_cache=False,
    ).last_hidden_state
    found: Tensor = states.reshape(-1, states.shape[-1])[packed.places]
    return found


def logps(model: Any, packed: Packed) -> tuple[Tensor, Tensor]:
    """(B, K) summed log-probabilities and (B, K) numbers of tokens; zeros where K is short."""
    each = token_logps(model, packed)
    shape = (len(packed.ids), packed.widest)
    place = packed.groups * packed.widest + packed.columns
    sums = torch.zeros(shape, device=each.device).reshape(-1).index_add(0, place, each)
    counts = torch.bincount(place, minlength=shape[0] * shape[1])
    return sums.reshape(shape), counts.reshape(shape).to(each.dtype)


class _Chosen(torch.autograd.Function):
    """log softmax(h W^T)[target] without keeping the (N, V) table: its gradient in h is made in
    the same pass, a chunk at a time. The head itself is frozen.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        out = torch.empty(len(states), dtype=torch.float32, device=states.device)
        slope = torch.empty_like(states) if wanted else None
        for start in range(0, len(states), CHUNK):
            part = slice(start, start + CHUNK)
            target = targets[part, None]
            table = (states[part] @ weight.T).float()
            total = table.logsumexp(-1, keepdim=True)
            out[part] = (table.gather(1, target) - total)[:, 0]
            if slope is not None:
                table.sub_(total).exp_().neg_()
                table.scatter_add_(1, target, torch.ones_like(total))
                slope[part] = table.to(weight.dtype) @ weight
        if slope is not None:
            ctx.save_for_backward(slope)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (slope,) = ctx.saved_tensors
        return slope * grads[0][:, None].to(slope.dtype), None, None


def chosen_logps(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """(N,) log-probabilities of `targets` (N,) from states (N, d) and the frozen head (V, d)."""
    found: Tensor = _Chosen.apply(states, weight, targets)  # type: ignore[no-untyped-call]
    return found


def plain_head(model: Any) -> None:
    """ValueError when the logits are not simply states times the head (soft caps, scalings)."""
    ids = torch.arange(1, 5, device=next(model.parameters()).device)[None]
    with torch.inference_mode():
        logits = model(ids, use_cache=False).logits[0, -1].float()
        states = model.get_decoder()(ids, use_cache=False).last_hidden_state[0, -1]
        ours = (states @ model.get_output_embeddings().weight.T).float()
    if not torch.allclose(logits, ours, atol=1e-2, rtol=1e-2):
        raise ValueError(
            f"{type(model).__name__} changes its logits after the last layer; tuning it is not "
            "supported yet, use depth 'steered'"
        )


@dataclass
class TextReading:
    """Texts for the trainer: groups of completions in, summed log-probabilities out."""

    backbone: Any
    names: tuple[str, ...] = LINEAR

    def mirroring(self, share: float, seed: int) -> "TextReading":
        raise ValueError("texts cannot be mirrored; leave `mirror` at 0")

    def smoothing(self, seed: int) -> "TextReading":
        raise ValueError("texts have no noise to be smooth in; leave `smooth` at 0")

    def check(self, model: Any) -> None:
        plain_head(model)

    def row(self, example: Any) -> Row:
        made: Row = self.backbone.row(example)
        return made

    def at(self, row: Row, step: int) -> Row:
        """A text is the same at every step."""
        return row

    def gathered(self, rows: Sequence[Row], known: Callable[[Row], bool]) -> list[Row]:
        """Rows of up to TOGETHER unknown texts of one prompt each, shortest first."""
        texts: dict[tuple[int, ...], dict[tuple[int, ...], None]] = {}
        for row in rows:
            for tail in row.tails:
                if not known(Row(row.head, (tail,))):
                    texts.setdefault(row.head, {})[tail] = None
        made = []
        for head, found in texts.items():
            tails = sorted(found, key=len)
            made += [Row(head, tuple(tails[k : k + TOGETHER]))
                     for k in range(0, len(tails), TOGETHER)]  # fmt: skip
        return sorted(made, key=len)

    def index(self, rows: Sequence[Row], who: Sequence[int], device: str) -> Tensor:
        """(B,) whose adapter each row is read with."""
        return torch.tensor(list(who), device=device)

    def each(self, model: Any, rows: Sequence[Row], bent: Bent) -> list[Tensor]:
        """(K,) log-probabilities a row, in the order of its keys."""
        found, _ = self.measure(model, rows, bent)
        return [values[: len(row.tails)] for row, values in zip(rows, found, strict=True)]

    def measure(self, model: Any, rows: Sequence[Row], bent: Bent) -> tuple[Tensor, Tensor]:
        """(B, K) summed log-probabilities and (B, K) numbers of tokens."""
        packed = pack(rows, self.backbone.device)
        with bent():
            return logps(model, packed)
