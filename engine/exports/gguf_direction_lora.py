"""A steering direction as a LoRA, for programs without control vectors.

A LoRA is linear in a layer's input, without a constant: it cannot add the same to every token, nor
a share of each token's own length. What it can do is read the wanted addition off the input. For
the output matrix of a steered block's MLP, whose result is added to the residual where the studio
steers, the best LoRA of a given rank in least squares over some tokens is known in closed form:
regress the additions on the inputs, then keep the main directions of the prediction (reduced rank
regression; Izenman 1975). Here: rank 1, a little ridge, the additions that the studio makes in the
passages that ship. How alike the two steer is measured on other passages, and below ALIKE or above
LOST there is no export. Unlike an overwritten neuron it is linear in the scale, so that a program's
own slider still works.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoTokenizer

from engine.adapter import Adapter
from engine.backbones.causal_lm import CausalLM
from engine.exports import EXPORTS
from engine.exports.base import Expected, Export, Loaded, Material, Probe, Refused
from engine.exports.checks import llama, text
from engine.lora import PREFIX
from engine.steering.activation import Direction, activation

LEARNT, MEASURED, LONGEST = 48, 16, 160
RIDGE = 1e-2
# Cosine of the changes of the next word, and the share of the steering's KL that is lost.
ALIKE, LOST = 0.95, 0.1
Layers = dict[int, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Fit:
    """`adapter` at scale 1 is strength 1. alike and lost: on texts it was not fitted on."""

    adapter: Adapter
    alike: float
    lost: float


def fitted(what: Material) -> Fit:
    """The best one, or Refused when the best is not close."""
    assert what.direction
    direction = what.direction
    key = tuple((k, v.tobytes()) for k, v in sorted(direction.layers.items()))
    weights, alike, lost = _fit(str(what.model), direction.model, key, what.facts.strength)
    if not (alike >= ALIKE and lost <= LOST):
        raise Refused(
            f"the closest LoRA changes the next word as the steering does to {alike:.0%} and loses "
            f"{lost:.0%} of it, where {ALIKE:.0%} and {LOST:.0%} are asked; use the control vector"
        )
    card = {"answers": what.facts.answers, "objective": "steering direction"}
    return Fit(Adapter(what.base, weights, card), alike, lost)


@lru_cache(maxsize=1)
def _fit(
    model: str, name: str, key: tuple[tuple[int, bytes], ...], strength: float
) -> tuple[Mapping[str, Any], float, float]:
    """(weights, alike, lost): asked for twice in one export, worked out once."""
    llama.config(model)
    direction = Direction(name, {k: np.frombuffer(v, np.float32) for k, v in key})
    backbone = CausalLM(name, text.load(model), AutoTokenizer.from_pretrained(
        model, local_files_only=True))  # fmt: skip
    learn, other = _texts(backbone)
    layers = _learnt(backbone, direction, strength, learn)
    alike, lost = _alike(backbone, direction, strength, layers, other)
    paths = {id(m): path for path, m in backbone.model.named_modules()}
    weights: dict[str, Any] = {}
    for k, (down, up) in layers.items():
        stem = f"{PREFIX}{paths[id(_layer(backbone, k))]}"
        weights |= {f"{stem}.lora_A.weight": down.numpy(), f"{stem}.lora_B.weight": up.numpy()}
    return weights, alike, lost


def _texts(backbone: CausalLM) -> tuple[list[list[int]], list[list[int]]]:
    """Token rows to learn from and to measure on, of different tasks: passages as the studio asks
    for them and, every other one, bare.
    """
    from engine.starter.pool import passages

    records = passages().records
    tasks = sorted({r["task"] for r in records})
    kept = set(tasks[::4])

    def rows(wanted: Callable[[Any], bool], most: int) -> list[list[int]]:
        found = [r for r in records if wanted(r)]
        found = found[:: max(1, len(found) // most)][:most]
        asked = [[] if n % 2 else backbone.prompt_ids(r["prompt"]) for n, r in enumerate(found)]
        told = (backbone.tokenizer(r["text"], add_special_tokens=False)["input_ids"] for r in found)
        return [[*a, *t][:LONGEST] for a, t in zip(asked, told, strict=True)]

    return rows(lambda r: r["task"] not in kept, LEARNT), rows(
        lambda r: r["task"] in kept, MEASURED
    )


def _layer(backbone: CausalLM, k: int) -> Any:
    """What a block's MLP ends in; Refused where a block is built another way."""
    found = getattr(getattr(backbone.blocks()[k], "mlp", None), "down_proj", None)
    if found is None:
        raise Refused("the blocks of this model have no mlp.down_proj; use the control vector")
    return found


def _learnt(
    backbone: CausalLM, direction: Direction, strength: float, rows: Sequence[Sequence[int]]
) -> Layers:
    """Per block (A (1, inputs), B (outputs, 1)) of the studio's additions at +-strength."""
    seen: dict[int, list[tuple[Tensor, Tensor]]] = {k: [] for k in direction.layers}
    for size in (strength, -strength):
        with _watching(backbone, direction, size, seen), torch.inference_mode():
            for row in rows:
                backbone.model(torch.tensor([list(row)]), use_cache=False)
    return {k: _best(torch.cat([x for x, _ in both]), torch.cat([y for _, y in both]))
            for k, both in seen.items()}  # fmt: skip


@contextmanager
def _watching(
    backbone: CausalLM, direction: Direction, size: float, seen: dict[int, list[Any]]
) -> Iterator[None]:
    """Inputs of the layers and what the steering adds there, for strength 1, float64."""
    inputs: dict[int, Tensor] = {}
    before: dict[int, Tensor] = {}
    blocks, handles = backbone.blocks(), []

    def state(output: Any) -> Tensor:
        whole = output[0] if isinstance(output, tuple) else output
        return torch.as_tensor(whole[0].double())

    def end(k: int) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            seen[k].append((inputs[k], (state(output) - before[k]) / size))

        return hook

    for k in seen:
        handles += [
            _layer(backbone, k).register_forward_pre_hook(
                lambda _m, given, k=k: inputs.__setitem__(k, given[0][0].double())),
            blocks[k].register_forward_hook(
                lambda _m, _i, output, k=k: before.__setitem__(k, state(output))),
        ]  # fmt: skip
    try:
        with activation(backbone, direction, size):
            handles += [blocks[k].register_forward_hook(end(k)) for k in seen]
            yield
    finally:
        for handle in handles:
            handle.remove()


def _best(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """min |x A' B' - y|^2 over rank 1 with ridge: x (n, f), y (n, d) to A (1, f), B (d, 1)."""
    gram = x.T @ x
    gram.diagonal().add_(RIDGE * float(gram.diagonal().mean()))
    full = torch.linalg.solve(gram, x.T @ y)  # (f, d)
    told = x @ full
    main = torch.linalg.eigh(told.T @ told).eigenvectors[:, -1:]  # (d, 1)
    down = (full @ main).T
    said = x @ down.T @ main.T
    # Ridge makes it small; the size is the one that fits best.
    size = (said * y).sum() / (said * said).sum().clamp_min(1e-30)
    return down.float().contiguous(), (main * size).float().contiguous()


def _alike(
    backbone: CausalLM, direction: Direction, strength: float, layers: Layers,
    rows: Sequence[Sequence[int]],
) -> tuple[float, float]:  # fmt: skip
    """Cosine of the changes of log-probabilities, and KL to the steering as a share of its own."""
    dots, steered_size, own_size, lost, moved = (torch.zeros((), dtype=torch.float64)
                                                 for _ in range(5))  # fmt: skip
    for row in rows:
        base = _told(backbone, row)
        with activation(backbone, direction, strength):
            wanted = _told(backbone, row)
        with _adding(backbone, layers, strength):
            got = _told(backbone, row)
        a, b = (_centred(w - base) for w in (wanted, got))
        dots, steered_size, own_size = dots + (a * b).sum(), steered_size + (a * a).sum(), (
            own_size + (b * b).sum())  # fmt: skip
        lost = lost + (wanted.exp() * (wanted - got)).sum()
        moved = moved + (wanted.exp() * (wanted - base)).sum()
    size = float((steered_size * own_size).sqrt().clamp_min(1e-30))
    return float(dots) / size, float(lost / moved.clamp_min(1e-30))


@torch.inference_mode()
def _told(backbone: CausalLM, row: Sequence[int]) -> Tensor:
    """(T - 1, vocabulary) log-probabilities; the first position is a sink and left out."""
    logits = backbone.model(torch.tensor([list(row)]), use_cache=False).logits[0, 1:]
    return torch.as_tensor(logits.double().log_softmax(-1))


def _centred(change: Tensor) -> Tensor:
    """What moves all words alike is no change."""
    return change - change.mean(-1, keepdim=True)


@contextmanager
def _adding(backbone: CausalLM, layers: Layers, strength: float) -> Iterator[None]:
    def hook(down: Tensor, up: Tensor) -> Any:
        return lambda _m, given, output: output + strength * (given[0] @ down.T) @ up.T

    handles = [_layer(backbone, k).register_forward_hook(hook(*both)) for k, both in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def write(what: Material, folder: Path) -> None:
    EXPORTS["gguf_lora"].load().write(replace(what, adapter=fitted(what).adapter), folder)


def expect(what: Material) -> Expected:
    """Ours at scale 1 from the numbers in memory, and how like the studio's own steering it is."""
    fit = fitted(what)
    made = text.with_adapter(replace(what, adapter=fit.adapter))
    note = (f"A LoRA cannot add a constant; on passages it was not fitted on, at strength "
            f"{what.facts.strength:g}, it changes the next word as the studio's steering does to "
            f"{fit.alike:.1%} and loses {fit.lost:.1%} of it.")  # fmt: skip
    return replace(made, note=note)


def reload(folder: Path, probe: Probe) -> Loaded:
    read: Loaded = EXPORTS["gguf_lora"].load().reload(folder, probe)
    return read


GGUF_DIRECTION_LORA = Export(
    write, reload, expect, "GGUF LoRA of the steering", frozenset({"direction"}),
    "`llama-server -m BASE.gguf --lora-scaled adapter.gguf:{strength}`, where there are no control "
    "vectors. Scale {full} is the studio's slider at full, scale 1 is {share} of that.",
    library="gguf",
)  # fmt: skip
