"""Our side of bench train: the studio's own loop, in turns with the peers.

`python -m tests.bench.train_ours FOLDER PEOPLE`: the plan's rows, PEOPLE times over when several
train together. Speaks like train_peer.py.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from engine.backbones.causal_lm import CausalLM
from engine.objectives.base import Example
from engine.packing import Row
from engine.training import Settings, Training


def say(**told: Any) -> None:
    print("@" + json.dumps(told), flush=True)


class Fixed(CausalLM):
    """Examples are numbers of the plan's rows: both sides train on the same token ids."""

    rows: list[Row] = []

    def row(self, example: Any) -> Row:
        return self.rows[int(example.prompt)]


def main(folder: Path, people: int) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    torch.set_num_threads(plan["threads"])
    loaded = CausalLM.load(plan["model"], cpu=True)
    backbone = Fixed(loaded.name, loaded.model, loaded.tokenizer, loaded.device)
    Fixed.rows = [Row(tuple(h), (tuple(c), tuple(r))) for h, c, r in plan["rows"]]
    examples = [Example(str(i), ("chosen", "rejected")) for i in range(len(Fixed.rows))]
    settings = Settings(
        objective="dpo", knobs={"beta": plan["beta"]}, steps=plan["steps"], batch=plan["batch"],
        micro=plan["batch"], rate=plan["rate"], warmup=0, floor=1.0, held_out=0.0,
        rank=plan["rank"], order="given",
    )  # fmt: skip
    training = Training(backbone, [examples] * people, settings)
    list(training.prepare_references())
    while training.step < settings.steps:
        say(ready=training.step)
        sys.stdin.readline()
        metrics = training.one()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        say(step=training.step, loss=metrics["loss"], rss_mb=peak)
    say(over=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
