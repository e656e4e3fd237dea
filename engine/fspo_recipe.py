"""Teaching a language model to read a person's pairs: FSPO's meta-training.

min over one adapter of E_i E_{(x, y_w, y_l), shots ~ D_i} (h - 1 / (2 beta))^2, h the log-ratio of
chosen over rejected against the model without the adapter, both after the shots (Singh et al. 2025,
arXiv 2502.19312; summed log-probabilities, as its code). The loop is engine/training.py: every
lesson is a pair after other pairs of the same person, half of them after a line about the person
too. A checkpoint a minute; a run taken up again goes on with the same lessons. Judged on people who
were held out as a whole: without anything, with shots, with the adapter, with the line, and with
somebody else's shots. Assumes a chat model whose window holds the shots.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine import checkpoints, shots
from engine.adapter import Adapter, Base
from engine.fspo_people import Person
from engine.objectives.base import Example
from engine.preference.fspo_text import FewShot, Settings
from engine.training import Settings as Run
from engine.training import Training

Say = Callable[[str], None]
EVERY, TOLD = 60.0, 20


@dataclass(frozen=True)
class Plan:
    """What a run is made of. `minutes` of learning; what is judged comes on top."""

    out: Path
    minutes: float = 60.0
    resume: bool = False
    steps: int = 100_000
    shots: int = 4
    objective: str = "ipo"
    beta: float = 0.1
    rate: float = 2e-4
    batch: int = 4
    lessons: int = 2000
    rows: int = 4
    seed: int = 0
    base: dict[str, str] = field(default_factory=dict)


def lessons(lm: Any, people: Sequence[Person], plan: Plan) -> list[Example]:
    """At most plan.lessons of all there are, drawn once; every other one after the person's line.

    The pair that is held out is never among its own shots.
    """
    every = [(who, given, held) for n, who in enumerate(people)
             for given, held in shots.chunks(who.rows, plan.shots, plan.seed + n)]  # fmt: skip
    order = np.random.default_rng(plan.seed).permutation(len(every))[: plan.lessons]
    made = []
    for n, at in enumerate(order):
        who, given, held = every[at]
        person = FewShot(tuple(given), who.told if n % 2 else "", Settings(shots=plan.shots))
        answers = (held.chosen, held.rejected)
        made.append(Example(person.prompt(lm, held.question, answers), answers, source="belief"))
    return made


def training(lm: Any, people: Sequence[Person], plan: Plan) -> Training:
    """One adapter for everybody: to the loop they are one person with many lessons."""
    knobs: dict[str, float] = {"tau": plan.beta, "per_token": False}
    if plan.objective == "dpo":
        knobs = {"beta": plan.beta}
    run = Run(plan.objective, knobs, steps=plan.steps, batch=plan.batch, micro=plan.batch,
              rate=plan.rate, floor=1.0, seed=plan.seed, held_out=0.0)  # fmt: skip
    made = Training(lm, [lessons(lm, [p for p in people if not p.held], plan)], run)
    if plan.resume and (found := checkpoints.newest(plan.out / "checkpoints")):
        made.restore(*found)
    return made


def learn(lm: Any, people: Sequence[Person], plan: Plan, say: Say) -> Path:
    """Learn for plan.minutes, judge, and write adapter/ and report.json into plan.out."""
    plan.out.mkdir(parents=True, exist_ok=True)
    run = training(lm, people, plan)
    taught = sum(not p.held for p in people)
    say(f"{len(run.people[0].rows)} lessons of {taught} people; from step {run.step}")
    for line in _until(run, plan):
        say(line)
    weights = {k: v.cpu().numpy() for k, v in run.lora.named().items()}
    card = {"medium": "text", "method": "fspo", "steps": run.step, "plan": _plain(plan),
            "people": "constructed personas and simulated people"}  # fmt: skip
    Adapter(Base(**{**plan.base, "name": lm.name}), weights, card).save(plan.out / "adapter")
    held = [p for p in people if p.held] if plan.rows else []
    told = report(lm, run.lora, held, plan)
    checkpoints.write_atomic(plan.out / "report.json", json.dumps(told, indent=1))
    say(json.dumps(told))
    return plan.out / "adapter"


def _until(run: Training, plan: Plan) -> Iterator[str]:
    """Steps until the time or the steps are over; a state a minute and at the end."""
    place, began, kept = plan.out / "checkpoints", time.monotonic(), time.monotonic()
    recent: list[float] = []
    for progress in run.run():
        recent = [*recent, progress.metrics["loss"]][-TOLD:]
        now = time.monotonic()
        if progress.done % TOLD == 0:
            yield f"step {progress.done}: loss {np.mean(recent):.2f}"
        if now - kept > EVERY:
            checkpoints.save(place, run.step, *run.state())
            kept = now
        if now - began > 60.0 * plan.minutes:
            break
    checkpoints.save(place, run.step, *run.state())


def _plain(plan: Plan) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(plan).items() if k != "base"}


def report(lm: Any, lora: Any, held: Sequence[Person], plan: Plan) -> dict[str, Any]:
    """Share of held-out pairs whose chosen text is the likelier, by kind of people and way."""
    found: dict[str, dict[str, list[float]]] = {}
    for n, who in enumerate(held):
        kind = _kind(who)
        other = next((p for p in [*held[n + 1 :], *held[:n]] if _kind(p) == kind), who)
        for way, rate in _ways(lm, lora, (who, other), plan).items():
            found.setdefault(kind, {}).setdefault(way, []).append(rate)
    return {kind: {way: {"accuracy": round(float(np.mean(v)), 4), "people": len(v)}
                   for way, v in ways.items()} for kind, ways in found.items()}  # fmt: skip


def _kind(person: Person) -> str:
    return "voices" if person.name.startswith("voices") else "personas"


def _ways(lm: Any, lora: Any, pair: tuple[Person, Person], plan: Plan) -> dict[str, float]:
    """Accuracy of one person by each way, over the first plan.rows that are no shots."""
    who, other = pair
    given, later = who.rows[: plan.shots], who.rows[plan.shots :][: plan.rows]
    settings = Settings(shots=plan.shots)
    own = FewShot(given, "", settings)
    theirs = FewShot(other.rows[: plan.shots], "", settings)
    ways = {"prompted": (own, False), "fspo": (own, True), "fspo, somebody else's": (theirs, True),
            "fspo and a line": (own.described(who.told), True)}  # fmt: skip
    ways = {"base": (FewShot(), False)} | ways
    told = {}
    for way, (person, bent) in ways.items():
        with lora.on(lm.model) if bent else nullcontext():
            leads = [person.score(lm, s.question, (s.chosen, s.rejected)) for s in later]
        told[way] = float(np.mean([0.5 + 0.5 * np.sign(a - b) for a, b in leads]))
    return told
