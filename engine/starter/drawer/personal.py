"""Teach the starter model to draw for a person: PPD over thousands of simulated people.

A few answers of a simulated person (crowd.py) become a vector (engine/preference/ppd.py). Two
things teach the adapter at once: the person's choices among other drawings of one thing, by
Diffusion-DPO (founding papers 8 and 23) with a price on drawing the chosen one worse; and what the
model itself draws when it is told a lean to that vector beside the words, which is steadier than
choices. Only the adapter learns; person dropout leaves some rows to nobody. What is kept is the
step whose drawings were liked most by people who taught nothing, never the one whose loss was
lowest (founding paper 8's reproduction: implicit accuracy rises while drawings get worse).
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data import Array, Draw, Progress
from engine.objectives.base import Batch
from engine.objectives.diffusion_dpo import DIFFUSION_DPO
from engine.objectives.diffusion_dpo import Settings as Knobs
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import WHITE, WORDS, Told
from engine.starter.drawer.crowd import APART, SPACE, Crowd, Lot
from engine.steering.cross_attention import Personal, personal

COMMAND = "launch.py train-starter --personal"
FILE = Path(__file__).parent / "personal.safetensors"
GROUP, DROPPED = 4, 0.1
# Full strength of the slider; on whom it was chosen stands in docs/decisions/0006.
FULL = 1.5
# The length of a vector after 24 pairs, the most that a teacher gave. Longer ones, of somebody well
# known, pulled drawings to pieces (docs/log.md).
LONGEST = 2.5
# Of eight steps the first three are the words' own (docs/decisions/0006).
LATE = 0.6
WATCHED, PROMPTS = 16, 6
# Going on from an adapter: its rate only falls, and its people are others than the first ones.
ON_RATE, ON_SEED, LEAST = 1e-3, 11, 0.02


@dataclass(frozen=True)
class Plan:
    """`minutes`, or `steps` where those are given; `check`: seconds between two looks; `shipped`:
    go on from the adapter that ships.
    """

    minutes: float = 30.0
    steps: int = 0
    beta: float = 100.0
    floor: float = 100.0
    lean: float = 300.0
    rate: float = 3e-3
    pairs: int = 8
    check: float = 300.0
    people: int = 3000
    seed: int = 0
    shipped: bool = False


class Lesson:
    """One run on a backbone. `adapter` is what learns."""

    def __init__(self, backbone: Any, lot: Lot, crowd: Crowd, plan: Plan) -> None:
        self.backbone, self.lot, self.crowd, self.plan = backbone, lot, crowd, plan
        made = adapter(backbone) if plan.shipped else Personal.fresh(
            backbone, SPACE, lot.features.shape[1], plan.seed)  # fmt: skip
        self.adapter = replace(made, late=LATE)
        self.steps = 0
        for tensor in self.adapter.tensors():
            tensor.requires_grad_(True)
        backbone.trainable().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.adapter.tensors(), lr=plan.rate, weight_decay=0.0)
        self.told = backbone.face.conditions([Told(f"a {w}", {}, WHITE) for w in lot.words])
        self.rng = np.random.default_rng(plan.seed + 5)
        self.noise = torch.Generator().manual_seed(plan.seed + 6)
        self.rows = [np.flatnonzero(lot.concept == c) for c in range(len(lot.words))]
        if min(map(len, self.rows)) < GROUP:
            raise ValueError(f"every thing needs {GROUP} drawings to choose among; vary them more")

    def run(self) -> Iterator[Progress]:
        clock, told, sums = Clock(self.plan.minutes, self.plan.steps), time.monotonic(), []
        while not clock.over(self.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate(clock)
            sums.append(self.step())
            if time.monotonic() - told > 10 or clock.over(self.steps):
                mean = {k: float(np.mean([s[k] for s in sums])) for k in sums[0]}
                yield Progress(self.steps, 0, "learning people",
                               {**mean, "share": clock.share(self.steps)})  # fmt: skip
                told, sums = time.monotonic(), []

    def rate(self, clock: Clock) -> float:
        """Of the next step."""
        if self.plan.shipped:
            return self.plan.rate * max(LEAST, 1 - clock.share(self.steps))
        return self.plan.rate * clock.rate(self.steps)

    def step(self) -> dict[str, float]:
        """One step over `pairs` people, a pair each: the best and the worst of GROUP drawings."""
        count = self.plan.pairs
        who = self.rng.integers(0, len(self.crowd.liking), count)
        things = self.rng.integers(0, len(self.rows), count)
        groups = np.stack([self.rng.choice(self.rows[c], GROUP, replace=False) for c in things])
        liked = self.crowd.liking[who[:, None], groups]
        pairs = np.stack([groups[np.arange(count), liked.argmax(1)],
                          groups[np.arange(count), liked.argmin(1)]], 1)  # fmt: skip
        a, b, gaps = self.errors(pairs, torch.from_numpy(who), torch.from_numpy(things))
        losses, metrics = DIFFUSION_DPO.loss(Batch.pairs(-a, -b, torch.ones_like(a)),
                                             Knobs(self.plan.beta, self.plan.floor))  # fmt: skip
        losses = losses + self.plan.lean * gaps.mean(1)
        torch.autograd.backward(losses.mean())
        torch.nn.utils.clip_grad_norm_(self.adapter.tensors(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1
        told = {"loss": losses.mean(), "gap": gaps.mean(), **metrics}
        return {k: float(v.detach()) for k, v in told.items()}

    def errors(
        self, pairs: NDArray[Any], who: torch.Tensor, things: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, 2) errors of the adapter, of the base, and how far the adapter's guess lies from the
        base's when that is told the lean; one noise and one time a pair.
        """
        face, place = self.backbone.face, self.backbone.device
        clean = self.lot.latents[torch.from_numpy(pairs).flatten()].to(place)
        noise = torch.randn(len(pairs), *clean.shape[1:], generator=self.noise).to(place)
        times = torch.sigmoid(torch.randn(len(pairs), generator=self.noise) + 0.5).to(place)
        twice = torch.arange(len(pairs)).repeat_interleave(2)
        told = {k: v[things[twice].to(place)] for k, v in self.told.items()}
        people = self.crowd.vectors[who].to(place)
        dropped = torch.from_numpy(self.rng.random(len(pairs)) < DROPPED)
        rows = torch.where(dropped, -1, torch.arange(len(pairs)))[twice].to(place)
        mixed, steps, target = face.noised(clean, noise[twice], times[twice])
        with torch.no_grad():
            base = face.predict(mixed, steps, told)
            leans = (self.crowd.leans[who] * ~dropped[:, None]).to(place)
            told_more = {**told, "pooled_projections": _added(told, leans[twice])}
            leaned = face.predict(mixed, steps, told_more)
        with self.adapter.on(self.backbone.trainable(), people, rows, late=1.0):
            mine = face.predict(mixed, steps, told)
        a, b, gap = _far(mine, target), _far(base, target), _far(mine, leaned)
        return a, b, gap


def _far(guess: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """(B, 2) mean squares of (2 B, ...)."""
    return (guess - true).square().flatten(1).mean(1).view(-1, 2)


def _added(told: Mapping[str, torch.Tensor], leans: torch.Tensor) -> torch.Tensor:
    """The conditions with a lean in the part behind the words."""
    return told["pooled_projections"] + torch.nn.functional.pad(leans, (WORDS, 0))


def ships() -> bool:
    """Whether an adapter ships for the model beside it."""
    return FILE.exists()


def within(vector: Array) -> Array:
    """The vector (d,), cut to LONGEST: being better known turns drawings, it pulls no more."""
    size = float(np.linalg.norm(vector))
    return vector if size <= LONGEST else (vector * np.float32(LONGEST / size))


def adapter(backbone: Any) -> Personal:
    """The shipped adapter, for the shipped model. FileNotFoundError, WrongSpace."""
    if not ships():
        raise FileNotFoundError(f"no personal adapter ships; teach one with {COMMAND}")
    made = Personal.load(FILE, backbone.device)
    made.fits(backbone)
    return made


class Watch:
    """What people who taught nothing think of the drawings: plain ones are drawn once."""

    def __init__(self, backbone: Any, crowd: Crowd, words: Sequence[str], encode: Any) -> None:
        self.backbone, self.crowd, self.encode = backbone, crowd, encode
        some = words[:: max(1, len(words) // PROMPTS)][:PROMPTS]
        self.told = [Told(f"a {w}", {}, WHITE) for w in some]
        # A style cannot be read off a drawing; those who care about one are not asked.
        self.people = [p for p in range(len(crowd.liking)) if not crowd.styles[p].any()][:WATCHED]
        self.plain: Array | None = None

    def look(self, adapter: Personal, strength: float = 1.0) -> Mapping[str, float]:
        """Share of drawings liked more than the plain one of the same seed, and by how much."""
        if self.plain is None:
            self.plain = self._drawn(adapter, [None] * len(self.told), 0.0)
        vectors = [self.crowd.vectors[p].numpy() for p in self.people for _ in self.told]
        mine = self._drawn(adapter, vectors, strength)
        gaps = np.stack([
            self.crowd.utility(p, mine[i * len(self.told) : (i + 1) * len(self.told)] - self.plain)
            / np.linalg.norm(self.crowd.weights[p])
            for i, p in enumerate(self.people)
        ])  # fmt: skip
        return {"win": float((gaps > 0).mean()), "gain": float(gaps.mean())}

    def _drawn(self, adapter: Personal, vectors: list[Any], strength: float) -> Array:
        from PIL import Image

        told = self.told * (len(vectors) // len(self.told))
        seeds = list(range(len(self.told))) * (len(vectors) // len(self.told))
        with personal(self.backbone, adapter, vectors, strength):
            drawn = sorted((s for s in self.backbone.stream(told, seeds, Draw("")) if s.done),
                           key=lambda s: s.index)  # fmt: skip
        found: Array = self.encode([Image.fromarray(s.pixels) for s in drawn])
        return found


def learn(plan: Plan, out: Path, say: Callable[[str], None], words: Any = None,
          device: str = "") -> Path:  # fmt: skip
    """Teach from the shipped weights; `out` always holds the best adapter so far, which is the one
    that ships where `plan` goes on from it. ValueError when none could be judged.
    """
    from engine.encoders.starter_picture import StarterPicture
    from engine.starter.drawer.known import starter
    from engine.starter.prior import prior

    out.mkdir(parents=True, exist_ok=True)
    backbone, encode = starter(words=words, device=device), StarterPicture().encode
    lot = Lot.of(backbone.face.pipe.vae, encode, 8, plan.seed)
    crowd = Crowd.of(lot, plan.people, prior("picture"), plan.seed + 1)
    others = Crowd.of(lot, 4 * WATCHED, prior("picture"), plan.seed + 2)
    watch, lesson = Watch(backbone, others, lot.words, encode), Lesson(backbone, lot, crowd, plan)
    old = lesson.adapter.card
    before = old.get("pairs", 0) + old.get("before", 0)
    best, path = -np.inf, out / FILE.name
    if plan.shipped:
        best = _offered(lesson.adapter, old, watch.look(lesson.adapter), best, path)
        say(f"before the first step: gain {best:.4f}")
    looked = time.monotonic()
    for each in lesson.run():
        over = each.metrics["share"] >= 1
        say(f"step {each.done}: " + ", ".join(f"{k} {v:.4f}" for k, v in each.metrics.items()))
        if not over and time.monotonic() - looked < plan.check:
            continue
        seen, looked = watch.look(lesson.adapter), time.monotonic()
        say(f"step {each.done}: {json.dumps(seen)}")
        card = {"people": plan.people, "steps": each.done, "pairs": each.done * plan.pairs,
                "before": before, "apart": list(APART)}  # fmt: skip
        best = _offered(lesson.adapter, card, seen, best, path)
    if best == -np.inf:
        raise ValueError(
            "no look at the drawings gave a number, so that no adapter was kept; teach it again "
            "with more pairs a step, or go on from the one that ships"
        )
    return path


def _offered(
    adapter: Personal, card: Mapping[str, Any], seen: Mapping[str, float], best: float, path: Path
) -> float:
    """The best gain so far; the adapter that has it lies at `path`. What is no number is none."""
    if not seen["gain"] > best:
        return best
    replace(adapter, card={**card, **seen}).save(path)
    return seen["gain"]
