"""bench serve: one decode step for many people at once, beside the base model and beside PEFT.

64 rows, each its own adapter of rank 4, 8 or 16, after a prompt of 32 tokens; steering vectors
likewise. Steps alternate in one process. PEFT gets the same weights as named adapters in one mixed
batch. Rows for all seven linear layers (what the studio tunes) and for q and v alone.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.backbones.causal_lm import CausalLM
from engine.lora import LINEAR, Lora
from engine.steering.activation import Direction, activation, layers_of

MODEL = Path(__file__).resolve().parents[2] / ".models" / "SmolLM2-135M-Instruct"
PEOPLE, PROMPT, RANKS = 64, 32, (4, 8, 16)


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; rows per set of layers."""
    rounds = 3 if quick else 11
    backbone = CausalLM.load(str(MODEL), cpu=True)
    generator = torch.Generator().manual_seed(seed)
    step = Step(backbone, generator)
    rows, figures = [], {}
    for label, names in (("all seven", LINEAR), ("q and v", ("q_proj", "v_proj"))):
        told = _layers(step, names, generator, rounds, with_peft=not quick)
        rows.append({"layers": label, **told})
        if label == "all seven":
            figures = dict(told)
    figures["steer64_ratio_base"] = _steering(step, rounds, seed)
    return {"figures": figures, "rows": rows}


class Step:
    """One token for every row on a cache that is put back afterwards."""

    def __init__(self, backbone: CausalLM, generator: torch.Generator) -> None:
        from transformers import DynamicCache

        self.backbone, self.model = backbone, backbone.model
        vocabulary = self.model.config.vocab_size
        self.cache = DynamicCache(config=self.model.config)
        prompt = torch.randint(5, vocabulary, (PEOPLE, PROMPT), generator=generator)
        self.ids = torch.randint(5, vocabulary, (PEOPLE, 1), generator=generator)
        with torch.inference_mode():
            self.model(prompt, past_key_values=self.cache, use_cache=True, logits_to_keep=1)

    @torch.inference_mode()
    def __call__(self, model: Any = None, **more: Any) -> torch.Tensor:
        made = (model or self.model)(
            self.ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1, **more
        )
        # The one token of this step; transformers no longer takes the length to keep.
        self.cache.crop(-1)
        return made.logits[:, -1]  # type: ignore[no-any-return]


def _layers(
    step: Step, names: Sequence[str], generator: torch.Generator, rounds: int, with_peft: bool
) -> dict[str, float]:
    ranks = [RANKS[i % len(RANKS)] for i in range(PEOPLE)]
    stack = Lora.blank(step.model, max(RANKS), PEOPLE, names)
    singles = [_random(step.model, r, names, generator) for r in ranks]
    for i, single in enumerate(singles):
        stack.put(single.named(), i)
    with stack.on(step.model, 1.0, torch.arange(PEOPLE)):
        together = step()
    alone = torch.stack([_alone(step, s, i) for i, s in enumerate(singles[:8])])
    told = {"max_diff": float((together[:8] - alone).abs().max())}
    held = Held(lambda: stack.on(step.model, 1.0, torch.arange(PEOPLE)))
    told["lora64_ratio_base"], told["base_ms"] = _ratio(step, held, rounds)
    told["swap_ms"] = _swap(step.model, names, singles)
    if with_peft:
        told["lora64_ratio_peft"] = _peft(step, singles, ranks, names, stack, 3)
    return told


def _ratio(step: Step, held: "Held", rounds: int) -> tuple[float, float]:
    """Median of paired ratios; entering the block (once a batch) is not part of a step."""
    a, b = [], []
    step()
    for _ in range(rounds):
        b.append(_timed(step))
        with held:
            step()
            a.append(_timed(step))
    return float(np.median(np.array(a) / np.array(b))), 1e3 * float(np.median(b))


class Held:
    """A context manager that can be entered again and again."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __enter__(self) -> Any:
        self.now = self.make()
        return self.now.__enter__()

    def __exit__(self, *wrong: Any) -> None:
        self.now.__exit__(*wrong)


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _random(model: Any, rank: int, names: Sequence[str], generator: torch.Generator) -> Lora:
    made = Lora(model, rank, 1, int(torch.randint(1 << 30, (1,), generator=generator)), names)
    for up in made.up.values():
        up.copy_(torch.randn(up.shape, generator=generator) * 0.01)
    return made


def _alone(step: Step, single: Lora, row: int) -> torch.Tensor:
    with single.on(step.model, 1.0):
        return step()[row]


def _swap(model: Any, names: Sequence[str], singles: Sequence[Lora]) -> float:
    """Milliseconds to make another person's adapter the one in use."""
    stack = Lora.blank(model, max(RANKS), 1, names)
    weights = [s.named() for s in singles[:3]]
    return 1e3 * float(np.median([_timed(partial(stack.put, w)) for w in weights * 3]))


def _peft(step: Step, singles: Any, ranks: Any, names: Any, stack: Lora, rounds: int) -> float:
    """Ours against PEFT's mixed batch on the same weights."""
    from peft import LoraConfig, get_peft_model
    from peft.utils import set_peft_model_state_dict

    fresh = CausalLM.load(str(MODEL), cpu=True)
    model: Any = None
    for i, (single, rank) in enumerate(zip(singles, ranks, strict=True)):
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(names))
        if model is None:
            model = get_peft_model(fresh.model, config, adapter_name="p0")
        else:
            model.add_adapter(f"p{i}", config)
        set_peft_model_state_dict(model, single.named(), adapter_name=f"p{i}")
    model.eval()
    people = [f"p{i}" for i in range(PEOPLE)]
    theirs = partial(step, model, adapter_names=people)
    theirs()
    a, b = [], []
    for _ in range(rounds):
        with stack.on(step.model, 1.0, torch.arange(PEOPLE)):
            a.append(_timed(step))
        b.append(_timed(theirs))
    return float(np.median(np.array(a) / np.array(b)))


def _steering(step: Step, rounds: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    layers, width = layers_of(step.backbone), step.model.config.hidden_size
    rows = []
    for _ in range(PEOPLE):
        made = {k: rng.standard_normal(width).astype(np.float32) for k in layers}
        units = {k: v / np.linalg.norm(v) for k, v in made.items()}
        rows.append(Direction(step.backbone.name, units))
    held = Held(lambda: activation(step.backbone, rows, 1.0))
    return _ratio(step, held, rounds)[0]
