"""bench train: LoRA-DPO seconds a step and memory beside TRL, step by step in turns.

SmolLM2-135M, float32, the same token ids (96 of prompt, 96 of each completion), batch, first
weights, learning rate and order. One process a side; each waits while the others work. TRL runs
twice: as it comes, and with precomputed reference values and no gradient checkpointing, its best
documented configuration here. Its environment is made beside the studio's on first use.
"""

import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

from engine.starter.pool import passages

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / ".models" / "SmolLM2-135M-Instruct"
PEERS = ROOT / ".venv-bench-train"
BATCH, LENGTH, RANK, MANY = 4, 96, 8, 16


class Side:
    """One process that takes a step when told to."""

    def __init__(self, name: str, words: list[str]) -> None:
        self.name, self.times, self.losses, self.rss = name, [], [], 0.0  # type: ignore[var-annotated]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._heard("ready")

    def _heard(self, key: str) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("@"):
                told = json.loads(line[1:])
                if key in told or "over" in told:
                    return dict(told)
        raise RuntimeError(f"{self.name} ended early; see its output above")

    def step(self) -> None:
        assert self.process.stdin
        begun = time.perf_counter()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        told = self._heard("step")
        self.times.append(time.perf_counter() - begun)
        self.losses.append(told["loss"])
        self.rss = told["rss_mb"]
        self._heard("ready")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures, rows per side."""
    steps = 4 if quick else 12
    python = peer_python()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_plan(folder, steps, seed)
        peer = [str(python), str(ROOT / "tests/bench/train_peer.py"), str(folder)]
        ours = [sys.executable, "-m", "tests.bench.train_ours", str(folder)]
        sides = [Side("ours", [*ours, "1"]), Side("trl default", [*peer, "default"]),
                 Side("trl precomputed", [*peer, "precomputed"])]  # fmt: skip
        try:
            for _ in range(steps):
                for side in sides:
                    side.step()
        finally:
            for side in sides:
                side.close()
        many = together(ours, 1 if quick else 3)
    return _told(sides, many)


def together(ours: list[str], steps: int) -> list[float]:
    """Seconds of a step of MANY people over one pass of the base."""
    side = Side("together", [*ours, str(MANY)])
    try:
        for _ in range(steps):
            side.step()
    finally:
        side.close()
    return side.times


def _told(sides: list[Side], many: list[float]) -> dict[str, Any]:
    mine, default, best = sides
    ratio = lambda a, b: float(np.median(np.array(a.times) / np.array(b.times)))  # noqa: E731
    gap = np.abs(np.array(mine.losses) - np.array(best.losses))
    figures = {
        "ratio_trl_default": ratio(mine, default),
        "ratio_trl_precomputed": ratio(mine, best),
        "rss_ratio": mine.rss / best.rss,
        "rss_ratio_default": mine.rss / default.rss,
        "loss_gap": float(gap.max()),
        "people16_ratio": float(np.median(many)) / (MANY * float(np.median(default.times))),
        "ref_passes_added_10": float(added_passes()),
    }
    rows = [{"side": s.name, "s_per_step": float(np.median(s.times)), "rss_mb": s.rss,
             "losses": [round(x, 6) for x in s.losses]} for s in sides]  # fmt: skip
    rows.append({"side": f"ours, {MANY} people together", "s_per_step": float(np.median(many))})
    return {"figures": figures, "rows": rows}


def added_passes() -> int:
    """Reference passes when a person with 500 pairs adds 10, on a tiny model."""
    from engine.objectives.base import Example
    from engine.training import Cache, Settings, Training
    from tests.tiny import tiny_lm

    lm, cache = tiny_lm(layers=2), Cache()
    # Letters only: the tiny model knows no digits, and unknown ones would all be one text.
    words = ["".join("abcdefghij"[int(d)] for d in f"{i:03d}") for i in range(510)]
    pairs = [Example(f"say {w}", (f"yes {w}", f"no {w}")) for w in words]
    first = Training(lm, [pairs[:500]], Settings(micro=50), cache)
    list(first.prepare_references())
    again = Training(lm, [pairs], Settings(), cache)
    list(again.prepare_references())
    return again.passes


def write_plan(folder: Path, steps: int, seed: int) -> None:
    """Token ids cut from the starter passages, and the first weights of both sides."""
    from safetensors.torch import save_file

    from engine.backbones.causal_lm import CausalLM
    from engine.lora import Lora

    backbone = CausalLM.load(str(MODEL), cpu=True)
    tokens = [list(backbone.tokenizer(r["text"] * 3)["input_ids"]) for r in passages().records]
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(steps * BATCH):
        parts = rng.choice(len(tokens), 3, replace=False)
        rows.append([tokens[i][:LENGTH] for i in parts])
    lora = Lora(backbone.model, RANK)
    save_file({k: v.contiguous() for k, v in lora.named().items()}, folder / "init.safetensors")
    plan = {"model": str(MODEL), "rows": rows, "steps": steps, "batch": BATCH, "rank": RANK,
            "rate": 1e-4, "beta": 0.1, "threads": 2, "targets": list(lora.names)}  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))


def peer_python() -> Path:
    """TRL's own environment."""
    python = PEERS / "bin" / "python"
    stamp = PEERS / "ready"
    wanted = (Path(__file__).parent / "requirements-train.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(PEERS, with_pip=True)
        words = [str(python), "-m", "pip", "install", "-q", "-r",
                 str(Path(__file__).parent / "requirements-train.txt")]  # fmt: skip
        subprocess.run(words, check=True)
        stamp.write_text(wanted)
    return python
