"""The few-shot reader that ships, from SIMULATED people: python -m engine.starter.build_fewshot

Writes fewshot.safetensors (fp32, 18 kB) after two to three minutes of one core. No person's answer
is in it: what it has met is in engine/fewshot.py, `simulated`.
"""

import numpy as np
from safetensors.numpy import save_file

from engine import fewshot
from engine.preference.fspo import FILE, Learning, Meta, Shared

STEPS = 12_000


def main(meta: Meta | None = None) -> None:
    meta = meta or Meta(steps=STEPS)
    core = fewshot.fresh(np.random.default_rng(meta.seed))
    nothing = np.zeros((0, 0), np.float32)
    learning = Learning(Shared("", nothing, nothing[0:0].ravel(), core), meta)
    losses = [p.metrics["loss"] for p in learning.run(fewshot.simulated)]
    save_file({k: np.asarray(v) for k, v in learning.shared().core.items()}, str(FILE))
    print(f"{FILE.stat().st_size / 1e3:.0f} kB, loss {np.mean(losses[-200:]):.4f}")


if __name__ == "__main__":
    main()
