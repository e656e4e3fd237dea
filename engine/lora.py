"""Low-rank additions to a frozen model, one or many people at once, by hooks that come off again.

y = W x + scale * B (A x) (Hu et al. 2021, arXiv 2106.09685, eq. 3). All people share one pass of
the base model; their small matrices are stacked and multiplied in one batched product. The base is
never wrapped or changed: leaving the block restores it bit for bit. Weights are named as PEFT names
them, so that a saved adapter is a PEFT adapter.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

RANK = 8
# One fixed set and one rank per base model: switching people is then a copy of numbers.
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PREFIX = "base_model.model."


def targets(model: torch.nn.Module, names: Sequence[str] = LINEAR) -> dict[str, Any]:
    """Linear layers by path that ends in one of `names`; never embeddings or the head."""
    ends = tuple(f".{name}" for name in names)
    found = {
        path: layer
        for path, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and f".{path}".endswith(ends)
    }
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no linear layers called {', '.join(names)}; name the "
            "layers of this model that may be trained"
        )
    return found


def name_of(weight: str) -> str:
    """The layer path of a PEFT name."""
    return weight.removeprefix(PREFIX).rpartition(".lora_")[0]


class Lora:
    """Stacked adapters of `people` for the target layers of one model.

    `down[path]` is (people, rank, inputs), `up[path]` is (people, outputs, rank), float32 unless
    told otherwise. alpha is the rank, so the scale is the strength alone. `device`: where the
    layers work, by default where their weights lie; some wait elsewhere for their turn.
    """

    def __init__(self, model: Any, rank: int = RANK, people: int = 1, seed: int = 0,
                 names: Sequence[str] = LINEAR, device: str | None = None) -> None:  # fmt: skip
        made = torch.Generator().manual_seed(seed)
        self.rank, self.people, self.names = rank, people, tuple(names)
        self.down: dict[str, Tensor] = {}
        self.up: dict[str, Tensor] = {}
        for path, layer in targets(model, names).items():
            bound = 1 / layer.in_features**0.5
            shape = (1, rank, layer.in_features)
            start = (torch.rand(shape, generator=made) * 2 - 1) * bound
            place = device or layer.weight.device
            # Everybody starts from the same numbers, as each would alone.
            self.down[path] = start.expand(people, -1, -1).clone().to(place)
            self.up[path] = torch.zeros(people, layer.out_features, rank, device=place)

    @classmethod
    def blank(cls, model: Any, rank: int, people: int, names: Sequence[str] = LINEAR,
              device: str | None = None) -> "Lora":  # fmt: skip
        """All zeros: room for adapters that are put in."""
        made = cls.__new__(cls)
        made.rank, made.people, made.names = rank, people, tuple(names)
        made.down, made.up = {}, {}
        for path, layer in targets(model, names).items():
            place = device or layer.weight.device
            made.down[path] = torch.zeros(people, rank, layer.in_features, device=place)
            made.up[path] = torch.zeros(people, layer.out_features, rank, device=place)
        return made

    def tensors(self) -> list[Tensor]:
        """All of them in a fixed order, down before up of each layer."""
        return [t for path in self.down for t in (self.down[path], self.up[path])]

    def train(self, on: bool = True) -> "Lora":
        for tensor in self.tensors():
            tensor.requires_grad_(on)
        return self

    def named(self, person: int = 0) -> dict[str, Tensor]:
        """PEFT's names and shapes for one person: lora_A (rank, inputs), lora_B (outputs, rank)."""
        found = {}
        for path in self.down:
            found[f"{PREFIX}{path}.lora_A.weight"] = self.down[path][person].detach()
            found[f"{PREFIX}{path}.lora_B.weight"] = self.up[path][person].detach()
        return found

    @torch.no_grad()
    def put(self, weights: Mapping[str, Tensor], person: int = 0) -> None:
        """Copy one person's PEFT-named weights in: switching people is no more than this.

        A smaller rank, or a layer the person does not change, leaves zeros. ValueError when the
        rank is too large or a layer has no place here.
        """
        strange = {name_of(k) for k in weights} - self.down.keys()
        if strange:
            raise ValueError(f"{min(strange)} has no place in this stack; make it of these layers")
        for path in self.down:
            down = weights.get(f"{PREFIX}{path}.lora_A.weight")
            up = weights.get(f"{PREFIX}{path}.lora_B.weight")
            r = 0 if down is None or up is None else len(down)
            if r > self.rank:
                raise ValueError(f"{path} has rank {r}, this stack has room for {self.rank}")
            if down is not None and up is not None:
                self.down[path][person, :r].copy_(down)
                self.up[path][person, :, :r].copy_(up)
            if r < self.rank:  # a call on nothing costs as much as one on something
                self.down[path][person, r:].zero_()
                self.up[path][person, :, r:].zero_()

    @contextmanager
    def on(
        self, model: Any, strength: float = 1.0, rows: Tensor | Callable[[], Tensor] | None = None
    ) -> Iterator[Any]:
        """Attach inside the block. `rows` (B,) gives each batch row its person, default the first;
        a negative number leaves that row to the base model. At strength 0 nothing is attached.

        A function is asked at every pass who is in it: the same tensor as long as nobody left.
        """
        handles = []
        ask: Callable[[], Tensor] | None = rows if not isinstance(rows, Tensor) else lambda: rows
        try:
            if strength:
                layers = targets(model, self.names)
                for path in self.down:
                    hook = _hook(self.down[path], self.up[path], strength, ask)
                    handles.append(layers[path].register_forward_hook(hook))
            yield model
        finally:
            for handle in handles:
                handle.remove()


def _hook(down: Tensor, up: Tensor, strength: float, ask: Callable[[], Tensor] | None) -> Any:
    if ask is None:
        a, b = down[0], up[0]

        def alone(_module: Any, inputs: Any, output: Tensor) -> Tensor:
            added = (inputs[0].to(a.dtype) @ a.T) @ b.T
            moved: Tensor = output + (strength * added).to(output.dtype)
            return moved

        return alone
    part = _Part(down, up, strength)

    def stacked(_module: Any, inputs: Any, output: Tensor) -> Tensor:
        a_t, b_t, nobody = part.of(ask())
        x = inputs[0].to(a_t.dtype)
        # A layer that reads time and conditions has one row a picture, without places.
        flat = x.ndim == 2
        added = torch.bmm(torch.bmm(x[:, None] if flat else x, a_t), b_t).to(output.dtype)
        moved = output + (added[:, 0] if flat else added)
        if nobody is None:
            return moved
        return torch.where(nobody[:, 0] if flat else nobody, output, moved)

    return stacked


class _Part:
    """The matrices of one layer for the people of a batch, gathered anew only when they change."""

    def __init__(self, down: Tensor, up: Tensor, strength: float) -> None:
        self.down, self.up, self.strength = down, up, strength
        self.rows: Tensor | None = None
        self.found: tuple[Tensor, Tensor, Tensor | None]

    def of(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """(B, inputs, rank), (B, rank, outputs), and (B, 1, 1) true where nobody is, or None."""
        if rows is not self.rows:
            nobody, chosen = rows < 0, rows.clamp(min=0)
            size = torch.where(nobody, 0.0, self.strength).to(self.up.dtype)[:, None, None]
            free = nobody[:, None, None] if bool(nobody.any()) else None
            self.found = self.down[chosen].mT, (self.up[chosen] * size).mT, free
            self.rows = rows
        return self.found
