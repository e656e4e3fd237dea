"""bench pictures: the starter model beside the plain diffusers pipeline, and a training step.

Same weights, scheduler, steps, seeds, threads, 32 bits, in turns in one process; `four_pictures_s`
and `rss_mb` are taken in a process of their own. `people8_ratio`: eight people's vectors in one
batch against one person's eight times. `ppd_zero_overhead`: strength 0 against no person at all.
`dpo_step_ratio`: a Diffusion-DPO LoRA step of the one trainer (reference values read once, before)
against the step of the diffusers research script restated on the same model: PEFT LoRA of the same
rank and layers, the reference by a second pass with the adapter off, as many rows a step.
`samples_s` and `roofline_share`: see roofline.py.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import roofline

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, QUICK = 15, 4
PAIRS, DRAWS, RANK, RATE, BETA = 4, 2, 8, 1e-4, 200.0
THINGS = ("bear", "bus", "star", "tulip")


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; a row per pair of sides with both medians."""
    from engine.starter.drawer.known import starter
    from engine.starter.drawer.personal import adapter

    rounds, backbone = QUICK if quick else ROUNDS, starter()
    made = adapter(backbone)
    alone = _alone()
    compared = {
        "ratio_diffusers": _beside_diffusers(backbone, rounds),
        "people8_ratio": _eight(backbone, made, (rounds, seed)),
        "ppd_zero_overhead": _nothing(backbone, made, rounds),
        "dpo_step_ratio": _steps(backbone, rounds, seed),
    }
    figures = {k: ratio for k, (ratio, _) in compared.items()}
    figures["ppd_zero_overhead"] -= 1
    figures |= {
        **roofline.figures(backbone),
        **alone,
        "s_per_picture": alone["four_pictures_s"] / 4,
    }
    rows = [{"what": k, "ours_s": a, "other_s": b} for k, (_, (a, b)) in compared.items()]
    return {"figures": figures, "rows": rows}


def turns(ours: Callable[[], Any], other: Callable[[], Any],
          rounds: int) -> tuple[float, tuple[float, float]]:  # fmt: skip
    """Median of the ratios of paired rounds, and both medians in seconds."""
    times = []
    for each in (ours, other):
        each()
    for k in range(rounds):
        pair = {}
        for name in ((0, 1), (1, 0))[k % 2]:
            begun = time.perf_counter()
            (ours, other)[name]()
            pair[name] = time.perf_counter() - begun
        times.append((pair[0], pair[1]))
    table = np.array(times)
    return float(np.median(table[:, 0] / table[:, 1])), tuple(map(float, np.median(table, 0)))  # type: ignore[return-value]


def _beside_diffusers(backbone: Any, rounds: int) -> Any:
    import torch

    from engine.data import Draw
    from engine.starter.drawer.known import GUIDANCE, STEPS

    asked, pipe = Draw("a cat", n=4, seed=1), backbone.face.pipe
    told = backbone.face.call(["a cat"] * 4, "")

    @torch.inference_mode()
    def plain() -> None:
        made = [torch.Generator().manual_seed(7919 + k) for k in range(4)]
        pipe(**told, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=made,
             output_type="np", height=backbone.side(), width=backbone.side())  # fmt: skip

    return turns(lambda: list(backbone.generate(asked)), plain, rounds)


def _eight(backbone: Any, made: Any, how: tuple[int, int]) -> Any:
    rounds, seed = how
    vectors = list(np.random.default_rng(seed).standard_normal((8, 64)).astype(np.float32))
    return turns(lambda: _drawn(backbone, made, vectors, 1.0),
                 lambda: _drawn(backbone, made, [vectors[0]] * 8, 1.0), rounds)  # fmt: skip


def _nothing(backbone: Any, made: Any, rounds: int) -> Any:
    from engine.data import Draw

    vectors, asked = [np.ones(64, np.float32)] * 4, Draw("a cat", n=4)
    return turns(lambda: _drawn(backbone, made, vectors, 0.0),
                 lambda: list(backbone.stream(["a cat"] * 4, range(4), asked)), rounds)  # fmt: skip


def _drawn(backbone: Any, made: Any, vectors: list[Any], strength: float) -> None:
    from engine.data import Draw
    from engine.steering.cross_attention import personal

    count = len(vectors)
    with personal(backbone, made, vectors, strength):
        list(backbone.stream(["a cat"] * count, range(count), Draw("a cat", n=count)))


# a training step


def _steps(backbone: Any, rounds: int, seed: int) -> Any:
    """Peer first: PEFT's layers must come off again before ours go on."""
    import torch

    from engine.starter.drawer.shape import CHANNELS

    made = torch.Generator().manual_seed(seed)
    latents = torch.randn(8, CHANNELS, 24, 24, generator=made).to(backbone.device)
    theirs = Peer(backbone, latents)
    times = {"theirs": _timed(theirs.step, rounds)}
    theirs.close()
    times["ours"] = _timed(_ours(backbone, latents, seed), rounds)
    a, b = (np.array(times[k]) for k in ("ours", "theirs"))
    return float(np.median(a) / np.median(b)), (float(np.median(a)), float(np.median(b)))


def _timed(step: Callable[[], Any], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        step()
        found.append(time.perf_counter() - begun)
    return found[1:]


def _ours(backbone: Any, latents: Any, seed: int) -> Callable[[], Any]:
    from engine.objectives.base import Example
    from engine.training import Settings, Training

    backbone.album = lambda name: latents[int(name)]
    examples = [Example(f"a {t}", (str(2 * k), str(2 * k + 1))) for k, t in enumerate(THINGS)]
    settings = Settings(objective="diffusion_dpo", knobs={"beta": BETA, "floor": 0.0}, steps=1000,
                        batch=PAIRS, micro=PAIRS, rate=RATE, rank=RANK, held_out=0.0,
                        seed=seed)  # fmt: skip
    training = Training(backbone, [examples], settings)
    list(training.prepare_references())
    return training.one


class Peer:
    """The inner step of diffusers' research script for Diffusion-DPO with LoRA."""

    def __init__(self, backbone: Any, latents: Any) -> None:
        import torch
        from peft import LoraConfig

        from engine.picturing import LAYERS

        self.face, self.model = backbone.face, backbone.trainable()
        self.model.requires_grad_(False)
        self.model.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(LAYERS),
                                          init_lora_weights="gaussian"))  # fmt: skip
        self.latents = latents.repeat_interleave(DRAWS, 0)
        told = self.face.conditions([f"a {t}" for t in THINGS])
        self.told = {k: v.repeat_interleave(2 * DRAWS, 0) for k, v in told.items()}
        weights = [p for p in self.model.parameters() if p.requires_grad]
        self.weights = weights
        self.optimizer = torch.optim.AdamW(weights, lr=RATE)

    def step(self) -> None:
        import torch

        half = len(self.latents) // 2
        place = self.latents.device
        noise = torch.randn(half, *self.latents.shape[1:], device=place).repeat_interleave(2, 0)
        times = torch.rand(half, device=place).repeat_interleave(2)
        errors = self.face.errors(self.latents, noise, times, self.told).view(-1, 2)
        self.model.disable_adapters()
        with torch.no_grad():
            base = self.face.errors(self.latents, noise, times, self.told).view(-1, 2)
        self.model.enable_adapters()
        gap = (errors[:, 0] - errors[:, 1]) - (base[:, 0] - base[:, 1])
        loss = -torch.nn.functional.logsigmoid(-BETA * gap).mean()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        float(loss.detach())  # on a GPU the step is over only now

    def close(self) -> None:
        self.model.delete_adapters("default")
        self.face.pipe.unload_lora_weights()


# a process of its own


def _alone() -> dict[str, float]:
    words = [sys.executable, "-m", "tests.bench.pictures"]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    four, load, peak = map(float, made.stdout.split()[-3:])
    return {"four_pictures_s": four, "load_s": load, "rss_mb": peak}


def main() -> None:
    """Seconds for four pictures (median of five), seconds to load, peak memory in MB."""
    from engine.data import Draw
    from engine.starter.drawer.known import starter

    begun = time.perf_counter()
    backbone = starter()
    load, times = time.perf_counter() - begun, []
    for k in range(6):
        begun = time.perf_counter()
        list(backbone.generate(Draw("a cat", n=4, seed=k)))
        times.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(float(np.median(times[1:])), load, peak)


if __name__ == "__main__":
    main()
