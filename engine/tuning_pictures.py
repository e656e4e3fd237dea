"""The job "tune_pictures": a person's answers into an adapter of a picture model, watched by eye.

Reads job.json, examples.json, belief.safetensors and pictures/HASH; draws the same things on the
same seeds every few steps, has the person's belief compare them with the base model's, keeps the
step that is liked most, stops when what was chosen is drawn worse, and stages an adapter in out/.
Knows nothing of people beyond these files.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine import gauges, gauges_pictures
from engine.adapter import Adapter, Base
from engine.album import Album
from engine.checkpoints import sync
from engine.data import Draw, Progress
from engine.reference import DiskCache
from engine.tasting import Tasting, show
from engine.tuning import giving_way, measured_at, paired, read_example

PROBES, PAIRS, HELD = 4, 6, 12
PLAIN = "plain.npy"


def model_of(request: dict[str, Any]) -> Any:
    """The picture model of an order: the starter model knows its own words."""
    from engine.backbones.diffusion import Diffusion
    from engine.starter.drawer.known import ships, starter

    where = Path(request["model"])
    if ships(where):
        return starter(where)
    made = Diffusion.load(str(where), request["cpu"], request.get("title", ""))
    made.size = request.get("size")
    return made


class PictureTuning:
    """A Task of engine.worker. `request` is what the studio's order made."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        from engine.training import Settings, Training

        self.folder, self.request = folder, request
        self.wait = giving_way(request.get("slot"))
        examples = [read_example(e) for e in json.loads((folder / "examples.json").read_text())[0]]
        backbone = model_of(request)
        # Made once, for this size, device and kind of number: another has other numbers.
        latents, cache = (Path(request[k]) for k in ("latents", "cache"))
        self.album = Album(backbone.encode, folder / "pictures", latents / backbone.reads())
        backbone.album = self.album
        self.cache = DiskCache(cache.with_name(f"{cache.stem}-{backbone.reads()}.bin"))
        settings = Settings(**request["settings"])
        self.training = Training(backbone, [examples], settings, self.cache, self.wait)
        self.tasting = Tasting.of(backbone, request["prompts"], request["judge"],
                                  folder / "belief.safetensors",
                                  Draw("", **request.get("draw", {})))  # fmt: skip
        # How much longer than it was learnt the adapter is tried and kept.
        self.full = float(request.get("full", 1.0))
        self.history: list[dict[str, Any]] = []
        self.best: tuple[int, dict[str, Any]] = (0, {})
        self.said: dict[str, Any] = {}

    def prepare(self) -> Iterator[Progress]:
        """Latents, reference values, then what the base model draws."""
        rows = self._ahead()
        names = list(dict.fromkeys(p for row in rows for p in row.pictures))
        for done, name in enumerate(names, 1):
            self.album(name)
            yield Progress(done, len(names), "reading your answers")
        yield from self.training.prepare_references(rows)
        self.cache.keep()
        if not (self.folder / PLAIN).exists():
            self._base_drawn()
        self.plain = np.load(self.folder / PLAIN, allow_pickle=False)
        yield Progress(0, self.training.settings.steps, "ready")

    def _ahead(self) -> list[Any]:
        """Rows with the draws that steps and checks will look at, and no more."""
        from engine.training import order

        training = self.training
        who, at = training.people[0], training.reading.at
        rows = [who.rows[g] for g in self._watched()]
        return rows + [at(who.rows[g], step) for step in range(training.settings.steps)
                       for g in order(who.learn, step, training.settings)]  # fmt: skip

    def _watched(self) -> list[int]:
        who = self.training.people[0]
        return [*who.held[:HELD], *who.learn[:PAIRS]]

    def run(self) -> Iterator[Progress]:
        """Steps with their checks; ends early when the verdict says so."""
        training = self.training
        every, steps = training.settings.check_every, training.settings.steps
        while training.step < steps and not self.said.get("stop"):
            metrics = training.one()
            if training.step % every == 0 or training.step == steps:
                metrics |= self._check()
            yield Progress(training.step, steps, self.said.get("words", "learning"), metrics)

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
        """Stage the adapter of the step whose samples were liked most."""
        kept, weights = self.best
        if not weights:
            kept, weights = self.training.step, self.training.lora.named(0)
        arrays = {k: v.float().cpu().numpy().copy() for k, v in weights.items()}
        for name, values in arrays.items():
            if name.endswith("lora_B.weight"):
                values *= np.float32(self.full)
        base = Base(**{**self.request["base"], "name": self.training.backbone.name})
        Adapter(base, arrays, self._card(kept)).save(out / "person-0")
        return str(self.said.get("words", "done"))

    def _card(self, kept: int) -> dict[str, Any]:
        settings = self.training.settings
        return {
            **self.request["card"], "medium": "picture", "steps": kept,
            "objective": settings.objective, "settings": asdict(settings),
            "measured": measured_at(self.history, kept), "verdict": self.said.get("words", ""),
        }  # fmt: skip

    # checks

    def _check(self) -> dict[str, float]:
        training = self.training
        found = self._measured()
        pictures = self._drawn(self.full)
        found |= self.tasting.against(self.tasting.seen(pictures), self.plain)
        self._show(training.step, pictures, found["win"])
        self.history.append({"step": training.step, **found})
        said = gauges_pictures.verdict(self.history)
        self.said = {"words": said.words, "advice": said.advice, "stop": said.stop,
                     "state": said.state}  # fmt: skip
        if said.keep == training.step or not self.best[1]:
            kept = {k: v.clone() for k, v in training.lora.named(0).items()}
            self.best = (training.step, kept)
        return {k: float(v) for k, v in found.items() if v is not None}

    def _measured(self) -> dict[str, Any]:
        """Held-out agreement, the winner's error, distance from the base."""
        import torch

        training = self.training
        who = training.people[0]
        found: dict[str, Any] = {"agreement": None}
        with torch.no_grad():
            if who.held:
                held = paired(training, who.held[:HELD], self.full)
                found |= {"agreement": gauges.implicit_accuracy(held), "held": len(held.a)}
            seen = paired(training, who.learn[:PAIRS], self.full)
            found |= {"winner": gauges_pictures.winner(seen),
                      "train_accuracy": gauges.implicit_accuracy(seen),
                      "distance": self._distance(-gauges.floats(seen.b)[:, 0].mean())}  # fmt: skip
        return found

    def _distance(self, error: float) -> float:
        training = self.training
        who = training.people[0]
        rows = [training.reading.at(who.rows[g], 0) for g in (who.held or who.learn)[:PROBES]]
        base = training.reading.guesses(rows, lambda: training.lora.on(training.model, 0.0))
        tuned = training.reading.guesses(rows, lambda: training.lora.on(training.model, self.full))
        return gauges_pictures.distance(tuned, base, error)

    def _drawn(self, strength: float) -> Sequence[Any]:
        self.wait()
        with self.training.lora.on(self.training.model, strength):
            return self.tasting.drawn()

    def _base_drawn(self) -> None:
        """The first row of samples; its features are what every later row is compared with."""
        pictures = self._drawn(0.0)
        self._show(0, pictures, 0.5)
        np.save(self.folder / ".plain.npy", self.tasting.seen(pictures))
        sync(self.folder / ".plain.npy")
        (self.folder / ".plain.npy").replace(self.folder / PLAIN)

    def _show(self, step: int, pictures: Sequence[Any], win: float) -> None:
        names = show(pictures, self.folder / "samples", step)
        row = {"step": step, "win": win, "pictures": names,
               "prompts": list(self.request["prompts"])[: len(names)]}  # fmt: skip
        with open(self.folder / "samples.jsonl", "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
