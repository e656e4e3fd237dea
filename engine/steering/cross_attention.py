"""PPD: a denoiser attends to a person's vector beside the words (Dang et al. 2025, CVPR).

Z' = softmax(Q K^T / sqrt d) V + softmax(Q K'^T / sqrt d) V', K' = t W'_k, V' = t W'_v, where Q is
the query of the text attention that stands there already (cross-attention in UNets, joint attention
in SD3 and Flux) and t = max(0, u W_1) W_2 are a few tokens read from the person's vector u: twice u
is twice the tokens. Only W_1, W_2, W'_k and W'_v are learnt. W'_v starts at zero and nothing has a
bias, so that a fresh adapter, the zero vector and strength 0 are the base model. The paper reads u
by a vision-language model; here it is any vector of the adapter's space (engine/preference/ppd.py).
`late` is ours: the first steps, which settle what is drawn, may be left to the words alone (why:
docs/decisions/0006). Hooks come off with the block.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine import checkpoints
from engine.data import WrongSpace

FORMAT = "penchant-ppd-1"
TOKENS, WIDTH, HIDDEN = 4, 64, 256
Index = Callable[[], Tensor] | Tensor | None


def attentions(module: torch.nn.Module) -> dict[str, Any]:
    """The layers in which a denoiser attends to words, by path; ValueError where there are none."""
    found = {
        path: layer
        for path, layer in module.named_modules()
        # SD3.5 has a second attention of pictures to themselves, of the name UNets use for words.
        if (path.endswith(".attn2") and getattr(layer, "is_cross_attention", False))
        or (path.endswith(".attn") and hasattr(layer, "add_k_proj"))
    }
    found = {p: a for p, a in found.items() if getattr(a, "to_q", None) is not None}
    if not found:
        raise ValueError(f"{type(module).__name__} has no attention to words that is known here")
    return found


@dataclass
class Personal:
    """The learnt part, for one base model. `weights`: "read" (d, hidden), "tell" (hidden, tokens *
    width), and for each attention "PATH.k" and "PATH.v" (width, inner). `space` is where vectors
    must come from, `base` the name of the model's weights, `card` what is told of it. `late`: the
    share of the noise (timestep over its most) from which on the person is heard; 1 is always.
    """

    space: str
    base: str
    weights: dict[str, Tensor]
    tokens: int = TOKENS
    card: Mapping[str, Any] = field(default_factory=dict)
    late: float = 1.0

    @classmethod
    def fresh(cls, backbone: Any, space: str, dim: int, seed: int = 0) -> "Personal":
        """An adapter that changes nothing yet."""
        made = torch.Generator().manual_seed(seed)
        weights = {"read": torch.randn(dim, HIDDEN, generator=made) / dim**0.5,
                   "tell": torch.randn(HIDDEN, TOKENS * WIDTH, generator=made)
                   * (2 / HIDDEN) ** 0.5}  # fmt: skip
        for path, layer in attentions(backbone.trainable()).items():
            inner = layer.to_q.out_features
            weights[f"{path}.k"] = torch.randn(WIDTH, inner, generator=made) / WIDTH**0.5
            weights[f"{path}.v"] = torch.zeros(WIDTH, inner)
        place = backbone.device
        return cls(space, backbone.name, {k: v.to(place) for k, v in weights.items()})

    def tensors(self) -> list[Tensor]:
        return list(self.weights.values())

    def tokens_of(self, people: Tensor) -> Tensor:
        """(P, tokens, width) of vectors (P, d)."""
        found = (people @ self.weights["read"]).relu() @ self.weights["tell"]
        return found.view(len(people), self.tokens, -1)

    @contextmanager
    def on(
        self, module: Any, people: Tensor, rows: Index = None, late: float | None = None
    ) -> Iterator[None]:
        """Attach inside the block. people (P, d); `rows` (B,) gives each row of the batch its
        person, a negative number nobody; None means the first for all. `late`: in place of its own.
        """
        handles, told = [], _Told(self, people, rows, self.late if late is None else late)
        try:
            if told.late < 1.0:
                handles.append(module.register_forward_pre_hook(told.clock, with_kwargs=True))
            for path, layer in attentions(module).items():
                heads = _Heads(layer, self.weights[f"{path}.k"], self.weights[f"{path}.v"], told)
                handles.append(layer.to_q.register_forward_hook(heads.asked))
                handles.append(layer.register_forward_hook(heads.answered))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def save(self, path: Path) -> None:
        """One safetensors file in 16 bits, with its description in the header. A kill at any moment
        leaves what was there before, or all of the new one.
        """
        from safetensors.torch import save_file

        told = {"format": FORMAT, "space": self.space, "base": self.base,
                "tokens": str(self.tokens), "card": json.dumps(dict(self.card)),
                "late": f"{self.late:g}"}  # fmt: skip
        state = {k: v.detach().half().cpu().contiguous() for k, v in self.weights.items()}
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        try:
            save_file(state, str(part), metadata=told)
            checkpoints.sync(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        checkpoints.sync(path.parent)

    @classmethod
    def load(cls, file: Path | str, device: str = "cpu") -> "Personal":
        """ValueError when the file is none of ours or does not fit together."""
        from safetensors import SafetensorError, safe_open

        path = Path(file)
        try:
            with safe_open(str(path), "pt", device=device) as opened:
                told = opened.metadata() or {}
                weights = {k: opened.get_tensor(k).float() for k in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as wrong:
            raise ValueError(f"{path.name} cannot be read: {wrong}") from None
        if told.get("format") != FORMAT:
            raise ValueError(f"{path.name} is not a personal adapter of this studio")
        try:
            made = cls(told["space"], told["base"], weights, int(told["tokens"]),
                       json.loads(told["card"]), float(told.get("late", 1.0)))  # fmt: skip
        except (KeyError, ValueError) as wrong:
            raise ValueError(f"{path.name} does not say what it is for: {wrong}") from None
        made.check(path.name)
        return made

    def check(self, name: str) -> None:
        """ValueError unless every number is finite and every shape fits the others."""
        read, tell = self.weights.get("read"), self.weights.get("tell")
        if read is None or tell is None or read.ndim != 2 or tell.shape[:1] != read.shape[1:] or (
            tell.ndim != 2 or self.tokens < 1 or tell.shape[1] % self.tokens
        ):  # fmt: skip
            raise ValueError(f"{name} has no reading of the person's vector that fits")
        wide = tell.shape[1] // self.tokens
        for key, value in self.weights.items():
            if not torch.isfinite(value).all():
                raise ValueError(f"{name} holds numbers that are not finite, in {key}")
            if key.endswith((".k", ".v")) and (value.ndim != 2 or value.shape[0] != wide):
                raise ValueError(f"{key} of {name} has shape {tuple(value.shape)}, not ({wide}, n)")

    def fits(self, backbone: Any) -> None:
        """WrongSpace unless it was learnt on these very weights."""
        if self.base != backbone.name:
            raise WrongSpace(
                f"this personal adapter was learnt on {self.base}, the model is {backbone.name}"
            )


class _Told:
    """Tokens of the rows that are in the denoiser, gathered anew only when the rows change."""

    def __init__(self, personal: Personal, people: Tensor, rows: Index, late: float = 1.0) -> None:
        self.all, self.rows, self.late = personal.tokens_of(people), rows, late
        # Whether anybody is heard in this pass, and in which rows, where not in all.
        self.heard = True
        self.only: Tensor | None = None
        self.last: Tensor | None = None
        self.found = self.all[:1]

    def clock(self, module: Any, inputs: Any, named: Mapping[str, Any]) -> None:
        """Before each pass of the denoiser: is it late enough? UNets take the step second."""
        step = named.get("timestep", inputs[1] if len(inputs) > 1 else 0.0)
        most = 1.0 if type(module).__name__.startswith("Flux") else 1000.0
        heard = torch.as_tensor(step, dtype=torch.float32).reshape(-1) <= self.late * most
        self.heard = bool(heard.any())
        # A drawing has one step for all; what is judged has many in one batch.
        self.only = None if bool(heard.all()) else heard[:, None, None]

    def now(self) -> Tensor:
        """(B or 1, tokens, width)."""
        rows = self.rows() if callable(self.rows) else self.rows
        if rows is not None and rows is not self.last:
            here = (rows >= 0).to(self.all.dtype)[:, None, None]
            self.found, self.last = self.all[rows.clamp(min=0)] * here, rows
        return self.found


class _Heads:
    """What is added to one attention: its query is caught on the way, its answer extended."""

    def __init__(self, layer: Any, k: Tensor, v: Tensor, told: _Told) -> None:
        self.heads, self.out, self.k, self.v, self.told = (
            layer.heads, layer.to_out[0], k, v, told,
        )  # fmt: skip
        self.query: Tensor | None = None

    def asked(self, _module: Any, _inputs: Any, output: Tensor) -> None:
        self.query = output

    def answered(self, _module: Any, _inputs: Any, output: Any) -> Any:
        assert self.query is not None
        query, self.query = self.query, None
        if not self.told.heard:
            return output
        added = self.personal(query)
        if self.told.only is not None:
            added = torch.where(self.told.only, added, torch.zeros_like(added))
        if isinstance(output, tuple):
            return (output[0] + added, *output[1:])
        return output + added.view_as(output)

    def personal(self, query: Tensor) -> Tensor:
        """(B, n, channels) of a query (B, n, inner)."""
        tokens = self.told.now().to(query.dtype)
        q = F.rms_norm(self._split(query), (query.shape[-1] // self.heads,))
        k, v = (self._split(tokens @ part.to(query.dtype)).expand(len(q), -1, -1, -1)
                for part in (self.k, self.v))  # fmt: skip
        z = F.scaled_dot_product_attention(q, k, v)
        # The attention's own way out, without its bias: nothing in, nothing out.
        return F.linear(z.transpose(1, 2).flatten(2), self.out.weight)

    def _split(self, x: Tensor) -> Tensor:
        """(B, n, inner) to (B, heads, n, inner / heads)."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


@contextmanager
def personal(
    backbone: Any, adapter: Personal, vectors: Sequence[Any], strength: float
) -> Iterator[Any]:
    """`backbone` draws row i of a call for `vectors[i]` ((d,) arrays, None for nobody); one alone
    is for all rows.

    Without a prompt (guidance) nobody is told, so that guidance strengthens the person as it
    strengthens the words. At strength 0 nothing is attached.
    """
    adapter.fits(backbone)
    known = [i for i, v in enumerate(vectors) if v is not None]
    if not (strength and known):
        yield backbone
        return
    people = torch.stack([torch.as_tensor(vectors[i], dtype=torch.float32) for i in known])
    numbers = torch.full((len(vectors),), -1, dtype=torch.long)
    numbers[known] = torch.arange(len(known))
    rows = _present(backbone, numbers.to(backbone.device))
    with adapter.on(backbone.trainable(), strength * people.to(backbone.device), rows):
        yield backbone


def _present(backbone: Any, numbers: Tensor) -> Callable[[], Tensor]:
    """Whose vector each row in the denoiser needs right now."""
    last: list[Any] = [None, numbers]

    def ask() -> Tensor:
        place = backbone.place
        if place is None:  # judged, not drawn: rows are the call's own, whatever was drawn before
            return numbers
        if place.rows is not last[0]:
            here = numbers[place.rows if len(numbers) > 1 else torch.zeros_like(place.rows)]
            mine = place.told & place.mine
            last[:] = place.rows, torch.where(mine, here, torch.full_like(here, -1))
        found: Tensor = last[1]
        return found

    return ask
