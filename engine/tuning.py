"""The job "tune": a person's answers into an adapter of the language model, watched as it learns.

Reads job.json and examples.json, checks every few steps what was learnt (held-out answers, distance
from the base, repetition, samples), stops by itself when more would be worse, and stages a PEFT
folder in out/. Knows nothing of people beyond their examples.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.adapter import Adapter, Base
from engine.data import Progress, Request
from engine.objectives.base import Example
from engine.reference import DiskCache

PROBES, PAIRS, HELD, TOKENS = 3, 4, 12, 48
# Beside the examples where the run goes on from an adapter.
START = "start.safetensors"
# How often a person's answer is what they meant, for the best ranking that can be hoped for.
STEADY = 0.9
SMALLER = "memory is short: it learns in smaller parts"


class Tuning:
    """A Task of engine.worker. `request` is what `order` made."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        from engine.backbones.causal_lm import CausalLM
        from engine.training import Settings, Training

        self.folder, self.request = folder, request
        people = json.loads((folder / "examples.json").read_text())
        self.cache = DiskCache(Path(request["cache"]))
        self.training = Training(
            CausalLM.load(request["model"], request["cpu"]),
            [[read_example(e) for e in examples] for examples in people],
            Settings(**request["settings"]),
            self.cache,
            giving_way(request.get("slot")),
        )
        if (folder / START).exists():
            self._begin(folder / START)
        self.history: list[dict[str, Any]] = []
        self.best: tuple[int, dict[str, Any]] = (0, {})
        self.said: dict[str, Any] = {}

    def _begin(self, path: Path) -> None:
        """Go on from an adapter; ValueError when it was trained with other layers or rank."""
        import torch
        from safetensors.numpy import load_file

        lora = self.training.lora
        given = {k: torch.from_numpy(v) for k, v in load_file(str(path)).items()}
        if {k: v.shape for k, v in given.items()} != {k: v.shape for k, v in lora.named().items()}:
            raise ValueError("the adapter to go on from has other layers or another rank")
        for person in range(lora.people):
            lora.put(given, person)

    def prepare(self) -> Iterator[Progress]:
        """Reference values, then what the base model writes, to be seen beside the samples."""
        yield from self.training.prepare_references()
        self.cache.keep()
        if not (self.folder / "samples.jsonl").exists():
            self._samples(0, 0.0)
        yield Progress(0, self.training.settings.steps, "ready")

    def run(self) -> Iterator[Progress]:
        """Steps with their checks; ends early when the verdict says so."""
        training = self.training
        every = training.settings.check_every
        while training.step < training.settings.steps and not self.said.get("stop"):
            metrics = training.one()
            if training.step % every == 0 or training.step == training.settings.steps:
                metrics |= self._check()
            words = self.said.get("words", "learning")
            if training.micro < training.settings.micro:
                words = f"{words} ({SMALLER})"
            yield Progress(training.step, training.settings.steps, words, metrics)

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        tensors, numbers = self.training.state()
        best = {f"best.{k}": v for k, v in self.best[1].items()}
        more = {"history": self.history, "best": self.best[0], "said": self.said}
        return {**tensors, **best}, {**numbers, **more}

    def restore(self, tensors: dict[str, Any], numbers: dict[str, Any]) -> None:
        best = {k[5:]: tensors.pop(k) for k in list(tensors) if k.startswith("best.")}
        self.training.restore(tensors, numbers)
        self.history, self.said = numbers["history"], numbers["said"]
        self.best = (int(numbers["best"]), best)

    def finish(self, out: Path) -> str:
        """Stage one PEFT folder a person; the kept step when the run was stopped for its own good.

        The card carries what was measured at the step that is kept.
        """
        training = self.training
        alone = training.lora.people == 1
        back = alone and self.said.get("stop") and self.best[1]
        kept = self.best[0] if back else training.step
        for person in range(training.lora.people):
            name = f"person-{person}"
            weights = self.best[1] if back else training.lora.named(person)
            arrays = {k: v.float().cpu().numpy().copy() for k, v in weights.items()}
            Adapter(self._base(), arrays, self._card(kept)).save(out / name)
        return str(self.said.get("words", "done"))

    # checks

    def _check(self) -> dict[str, float]:
        from engine.gauges import verdict

        found = self._measured()
        found["distinct2"] = self._samples(self.training.step, found["kl"])
        self.history.append({"step": self.training.step, **found})
        said = verdict(self.history)
        self.said = {"words": said.words, "advice": said.advice, "stop": said.stop,
                     "state": said.state}  # fmt: skip
        if said.keep == self.training.step or not self.best[1]:
            self.best = (self.training.step, {k: v.clone() for k, v in self._first().items()})
        return {k: float(v) for k, v in found.items() if v is not None}

    def _first(self) -> dict[str, Any]:
        return self.training.lora.named(0)

    def _measured(self) -> dict[str, Any]:
        """Held-out agreement, rankings, drift of chosen and rejected, distance from the base."""
        import torch

        from engine import gauges

        training, who = self.training, self.training.people[0]
        found: dict[str, Any] = {"agreement": None}
        with torch.no_grad():
            if who.held:
                held = paired(training, who.held[:HELD])
                found |= {"agreement": gauges.implicit_accuracy(held), "held": len(held.a)}
            seen = paired(training, who.learn[:PAIRS])
            beta = float(getattr(training.knobs, "beta", 1.0))
            found |= {
                "degradation": gauges.degradation(seen),
                "drop": gauges.drop(seen),
                "dispersion": gauges.dispersed(seen),
                "train_accuracy": gauges.implicit_accuracy(seen),
                "ranking": gauges.ranking_accuracy(seen),
                "possible": gauges.best_possible(seen, [STEADY] * len(seen.a), beta),
                "kl": self.distance(),
            }
        return found

    def distance(self) -> float:
        """Mean KL(tuned || base) in nats a token on texts that were not chosen for training."""
        import torch

        from engine.packing import pack, token_states

        training = self.training
        who = training.people[0]
        rows = [who.rows[g] for g in (who.held or who.learn)[:PROBES]]
        total, count = 0.0, 0
        head = training.model.get_output_embeddings().weight
        for row in rows:
            packed = pack([row], training.backbone.device)
            base = (token_states(training.model, packed) @ head.T).float().log_softmax(-1)
            with training.lora.on(training.model):
                tuned = (token_states(training.model, packed) @ head.T).float().log_softmax(-1)
            total += float((tuned.exp() * (tuned - base)).sum().to(torch.float64))
            count += len(base)
        return total / max(count, 1)

    def _samples(self, step: int, kl: float) -> float:
        """Write what it writes now; distinct-2 relative to the base model's on the same prompts."""
        from engine.coherence import distinct2

        training = self.training
        asked = [Request(p, n=1, seed=7 + i, max_tokens=TOKENS, temperature=0.5)
                 for i, p in enumerate(self.request["prompts"])]  # fmt: skip
        with training.lora.on(training.model, 1.0 if step else 0.0):
            texts = training.backbone.write(asked) if asked else []
        row = {"step": step, "kl": kl, "texts": texts, "prompts": self.request["prompts"]}
        with open(self.folder / "samples.jsonl", "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        if not texts:
            return 1.0
        first = json.loads((self.folder / "samples.jsonl").read_text().splitlines()[0])
        mine, plain = (sum(map(distinct2, t)) / len(t) for t in (texts, first["texts"]))
        return mine / max(plain, 1e-9)

    def _base(self) -> Base:
        return Base(**{**self.request["base"], "name": self.training.backbone.name})

    def _card(self, kept: int) -> dict[str, Any]:
        return {
            **self.request["card"],
            "steps": kept,
            "objective": self.training.settings.objective,
            "settings": asdict(self.training.settings),
            "measured": measured_at(self.history, kept),
            "verdict": self.said.get("words", ""),
        }


def paired(training: Any, groups: list[int], strength: float = 1.0) -> Any:
    """Best and next of each group as one Batch with reference; few passes, as in training."""
    import torch

    from engine.objectives.base import Batch

    size, parts = training.micro, []
    for start in range(0, len(groups), size):
        part = [(0, g) for g in groups[start : start + size]]
        parts.append(training.measure(part, against=True, strength=strength))
    a, b, n = (torch.cat([getattr(p, k)[:, :2] for p in parts]) for k in ("a", "b", "n"))
    return Batch.pairs(a, b, n)


def measured_at(history: list[dict[str, Any]], kept: int) -> dict[str, Any]:
    """The last check at or before the step that is kept."""
    return next((h for h in reversed(history) if h["step"] <= kept), {})


def giving_way(slot: str | None) -> Callable[[], None]:
    """A call that waits while someone else is generating: the lock is theirs for that long."""
    if slot is None:
        return lambda: None
    from filelock import FileLock

    lock = FileLock(slot)

    def wait() -> None:
        with lock:
            return

    return wait


def write_examples(people: list[list[Example]]) -> str:
    """JSON of examples.json."""
    return json.dumps([[asdict(e) for e in examples] for examples in people])


def read_example(found: dict[str, Any]) -> Example:
    """The inverse, tuples restored."""
    for name in ("texts", "labels", "prompts"):
        found[name] = tuple(found[name])
    return Example(**found)
