"""One training loop for every objective: groups of completions in, a small adapter out.

The loop knows no method and no medium: the backbone turns examples into rows, `engine.packing`
into log-probabilities, the objective into a loss. Everything that happens at step s follows from
(settings, examples, s) alone, so that a run taken up from a checkpoint is the same run, bit for
bit. Several people train together over one pass of the base model.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.data import Progress
from engine.lora import RANK, Lora
from engine.memory import ran_out
from engine.objectives import OBJECTIVES, TERMS
from engine.objectives.base import Batch, Example


@dataclass(frozen=True)
class Settings:
    """What a run is made of, besides its examples. `mirror`: the share of steps at which both
    pictures of a pair are shown with left and right changed. `smooth`: the weight of even steps
    (engine/objectives/smooth.py), 0 for none.
    """

    objective: str = "rpo"
    knobs: Mapping[str, float] = field(default_factory=dict)
    steps: int = 60
    batch: int = 4
    micro: int = 4
    rate: float = 1e-3
    warmup: int = 5
    floor: float = 0.1
    order: str = "shuffled"
    rank: int = RANK
    seed: int = 0
    clip: float = 1.0
    check_every: int = 20
    held_out: float = 0.15
    checkpointing: bool = False
    mirror: float = 0.0
    smooth: float = 0.0


@dataclass
class Person:
    """Rows of one person: to learn from, and held out to be predicted."""

    examples: list[Example]
    rows: list[Any]
    learn: list[int]
    held: list[int]


class Training:
    """One run over one frozen model. `people` holds the examples of each.

    `between` is called before every pass: there the run gives way to work that is more urgent.
    """

    def __init__(
        self,
        backbone: Any,
        people: Sequence[Sequence[Example]],
        settings: Settings,
        references: "References | None" = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.backbone, self.settings, self.between = backbone, settings, between
        self.model = backbone.trainable()
        self.model.requires_grad_(False)
        self.objective = OBJECTIVES[settings.objective].load()
        self.reading = backbone.reading(self.objective)
        if settings.mirror:
            self.reading = self.reading.mirroring(settings.mirror, settings.seed)
        if settings.smooth:
            self.reading = self.reading.smoothing(settings.seed)
        self.smooth = TERMS["smooth"].load()(settings.smooth)
        self.reading.check(self.model)
        self.knobs = replace(self.objective.defaults, **settings.knobs)
        self.people = [self._person(examples) for examples in people]
        self.cache: References = references or Cache()
        self.lora = Lora(self.model, settings.rank, len(people), settings.seed,
                         self.reading.names, backbone.device).train()  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.lora.tensors(), lr=settings.rate, weight_decay=0.0)
        self.step = 0
        self.micro = settings.micro
        self.passes = 0
        if settings.checkpointing:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
            self.model.train()

    def _person(self, examples: Sequence[Example]) -> Person:
        learn, held = split(examples, self.settings.held_out, self.settings.seed)
        # The data rule sees only what is learnt: it may show one comparison beside another.
        prepared = self.objective.prepare([examples[i] for i in learn], self.knobs)
        if not prepared:
            raise ValueError(
                "there is nothing to learn from: no answer prefers one text to another"
            )
        if self.objective.rationales and not any(e.rationale for e in prepared):
            raise ValueError("this objective learns from reasons, and no answer has one")
        every = [*prepared, *(examples[i] for i in held)]
        rows = [self.reading.row(e) for e in every]
        first = len(prepared)
        return Person(every, rows, list(range(first)), list(range(first, len(every))))

    # running

    def run(self) -> Iterator[Progress]:
        """To the end from wherever the state stands; one Progress a step, after the step."""
        while self.step < self.settings.steps:
            metrics = self.one()
            yield Progress(self.step, self.settings.steps, "learning", metrics)

    def one(self) -> dict[str, float]:
        """One optimizer step over `batch` groups of each person; out of memory halves the parts."""
        while True:
            means = self.smooth.state()
            try:
                return self._one()
            except (RuntimeError, MemoryError) as wrong:
                self.optimizer.zero_grad()
                self.smooth.restore(means)
                if self.micro == 1 or not ran_out(wrong):
                    raise
                self.micro = max(1, self.micro // 2)

    def _one(self) -> dict[str, float]:
        settings = self.settings
        picked = [(p, g) for p, who in enumerate(self.people) for g in self._order(who)]
        picked.sort(key=lambda pg: len(self.people[pg[0]].rows[pg[1]]))
        total: dict[str, float] = {}
        for start in range(0, len(picked), self.micro):
            self.between()
            part = picked[start : start + self.micro]
            losses, metrics = self._losses(part)
            # Mean over a person's groups, summed over people: each learns as if alone.
            torch.autograd.backward(losses.sum() / settings.batch)
            for name, value in metrics.items():
                share = float(value) * len(part) / len(picked)
                total[name] = total.get(name, 0.0) + share
        for person in range(self.lora.people):
            self._clip(person)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * schedule(self.step, settings)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return {**total, "micro": float(self.micro)}

    def _order(self, who: Person) -> list[int]:
        return order(who.learn, self.step, self.settings)

    def _losses(self, part: Sequence[tuple[int, int]]) -> tuple[Tensor, dict[str, Tensor]]:
        batch = self.measure(part, step=self.step)
        losses, metrics = self.objective.loss(batch, self.knobs)
        metrics = {"loss": losses.mean(), **metrics}
        if batch.a.shape[1] > 1:
            metrics["train_accuracy"] = (batch.delta[:, 0] > batch.delta[:, 1]).float().mean()
        if self.smooth.weight:
            term = self._uneven(part)
            losses, metrics["uneven"] = losses + term, term.mean()
        return losses, {name: value.detach() for name, value in metrics.items()}

    def _uneven(self, part: Sequence[tuple[int, int]]) -> Tensor:
        """(m,) what is paid for steps of another size than the mean of the run."""
        self.between()
        rows = [self.reading.at(self.people[p].rows[g], self.step) for p, g in part]
        who = [p for p, _ in part]
        index = None
        if self.lora.people > 1:
            index = torch.tensor([*who, *who], device=self.backbone.device)
        speeds = self.reading.speeds(rows, self.step, lambda: self.lora.on(self.model, 1.0, index))
        term: Tensor = self.smooth.term(speeds, who)
        return term

    def measure(
        self, part: Sequence[tuple[int, int]], against: bool | None = None,
        step: int | None = None, strength: float = 1.0,
    ) -> Batch:  # fmt: skip
        """The Batch of (person, group) numbers under the adapters as they stand.

        `against`: with reference values also where the objective itself needs none. `step`: as
        that step sees them; None for all there is to see. `strength`: of the adapters.
        """
        rows = [self.people[p].rows[g] for p, g in part]
        if step is not None:
            rows = [self.reading.at(row, step) for row in rows]
        examples = [self.people[p].examples[g] for p, g in part]
        a, n = self._under(rows, [p for p, _ in part], strength)
        wanted = self.objective.reference if against is None else against
        b = self.reference(rows, a.shape[1]) if wanted else torch.zeros_like(a)
        why, why_n = self._reasons(examples, [p for p, _ in part])
        labels = torch.zeros_like(a)
        for i, example in enumerate(examples):
            labels[i, : len(example.labels)] = torch.tensor(example.labels)
        strengths = torch.tensor([e.strength for e in examples], device=a.device)
        return Batch(a, b, n.clamp(min=1), labels, n > 0, strengths, why, why_n)

    def _under(self, rows: Sequence[Any], who: Sequence[int], strength: float = 1.0) -> Any:
        index = None
        if self.lora.people > 1:
            index = self.reading.index(rows, who, self.backbone.device)
        return self.reading.measure(
            self.model, rows, lambda: self.lora.on(self.model, strength, index)
        )

    def _reasons(self, examples: Sequence[Example], who: Sequence[int]) -> Any:
        zeros = torch.zeros(len(examples), device=self.backbone.device)
        with_reason = [i for i, e in enumerate(examples) if e.rationale]
        if not (self.objective.rationales and with_reason):
            return zeros, zeros
        rows = [self.backbone.reason(examples[i]) for i in with_reason]
        a, n = self._under(rows, [who[i] for i in with_reason])
        place = torch.tensor(with_reason, device=zeros.device)
        return zeros.index_add(0, place, a[:, 0]), zeros.index_add(0, place, n[:, 0])

    # reference

    def reference(self, rows: Sequence[Any], width: int) -> Tensor:
        """(m, K) log-probabilities of the untouched base, each text of a prompt once for good."""
        for _ in self._read([r for r in rows if not self.cache.has(r.keys(self._named))]):
            pass
        out = torch.zeros(len(rows), width, device=self.backbone.device)
        for i, row in enumerate(rows):
            values = row.folded(self.cache.get(row.keys(self._named)))
            out[i, : len(values)] = torch.tensor(values)
        return out

    @property
    def _named(self) -> str:
        """What a reference value belongs to: the weights, and how they are asked."""
        return f"{self.backbone.name}{' inner' if self.objective.perceptual else ''}"

    def _read(self, rows: Sequence[Any]) -> Iterator[tuple[int, int]]:
        """Compute what is missing: texts of one prompt side by side, each only once."""
        todo = self.reading.gathered(rows, lambda row: self.cache.has(row.keys(self._named)))
        for start in range(0, len(todo), self.micro):
            self.between()
            part = todo[start : start + self.micro]
            with torch.no_grad():
                found = self.reading.each(self.model, part, nullcontext)
            for row, values in zip(part, found, strict=True):
                self.cache.put(row.keys(self._named), values.cpu().tolist())
            self.passes += len(part)
            yield start + len(part), len(todo)

    def prepare_references(self, rows: Sequence[Any] | None = None) -> Iterator[Progress]:
        """Reference values ahead of the first step: of these rows, or of all there are."""
        if not self.objective.reference:
            return
        every = [r for who in self.people for r in who.rows] if rows is None else rows
        for done, total in self._read(every):
            yield Progress(done, total, "reading your answers")

    # state

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and numbers from which `restore` goes on bit for bit."""
        tensors: dict[str, Tensor] = {}
        for i, tensor in enumerate(self.lora.tensors()):
            tensors[f"{i:04d}.value"] = tensor.detach()
            for name, value in self.optimizer.state.get(tensor, {}).items():
                tensors[f"{i:04d}.{name}"] = value
        more = {"smooth": self.smooth.state()} if self.smooth.weight else {}
        return tensors, {"step": self.step, "micro": self.micro, **more}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Take up a state; ValueError when it belongs to another run."""
        for i, tensor in enumerate(self.lora.tensors()):
            mine = {k.partition(".")[2]: v for k, v in tensors.items() if k.startswith(f"{i:04d}.")}
            if "value" not in mine or mine["value"].shape != tensor.shape:
                raise ValueError("this checkpoint belongs to another run; start a new one")
            with torch.no_grad():
                tensor.copy_(mine.pop("value"))
            if mine:
                self.optimizer.state[tensor] = {k: v.clone() for k, v in mine.items()}
        self.step, self.micro = int(numbers["step"]), int(numbers["micro"])
        self.smooth.restore(numbers.get("smooth", {}))

    def _clip(self, person: int) -> None:
        """Each person's gradient is cut on its own, as it would be alone."""
        grads = [t.grad[person] for t in self.lora.tensors() if t.grad is not None]
        norm = torch.stack([g.norm() for g in grads]).norm()
        scale = (self.settings.clip / norm.clamp(min=1e-12)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(scale)


class References(Protocol):
    """Reference log-probabilities by key (Row.keys); `has` and `get` take the keys of one row."""

    def has(self, keys: Sequence[bytes]) -> bool: ...

    def get(self, keys: Sequence[bytes]) -> list[float]: ...

    def put(self, keys: Sequence[bytes], values: Sequence[float]) -> None: ...


class Cache:
    """Reference values by key, in memory; engine.reference keeps them on disk."""

    def __init__(self) -> None:
        self.values: dict[bytes, float] = {}

    def has(self, keys: Sequence[bytes]) -> bool:
        return all(k in self.values for k in keys)

    def get(self, keys: Sequence[bytes]) -> list[float]:
        return [self.values[k] for k in keys]

    def put(self, keys: Sequence[bytes], values: Sequence[float]) -> None:
        self.values.update(zip(keys, values, strict=True))


def order(learn: Sequence[int], step: int, settings: Settings) -> list[int]:
    """Groups of this step: each epoch its own seeded order, every group once."""
    n, batch = len(learn), settings.batch
    if settings.order == "given":
        return [learn[k % n] for k in range(step * batch, (step + 1) * batch)]
    found = []
    for k in range(step * batch, (step + 1) * batch):
        rng = np.random.default_rng([settings.seed, k // n])
        found.append(learn[int(rng.permutation(n)[k % n])])
    return found


def schedule(step: int, settings: Settings) -> float:
    """Share of the full rate: linear up, then a cosine down to `floor`."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.floor + (1 - settings.floor) * 0.5 * (1 + math.cos(math.pi * done))


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices to learn from and to hold out. Only a person's own answers are held out, and no
    text of a held-out prompt is learnt from by way of them.
    """
    own = sorted({e.prompt for e in examples if e.source == "person"})
    rng = np.random.default_rng([seed, len(own)])
    count = int(round(share * len(own))) if len(own) >= 5 else 0
    apart = {own[i] for i in rng.choice(len(own), count, replace=False)} if count else set()
    held = [i for i, e in enumerate(examples) if e.source == "person" and e.prompt in apart]
    learn = [i for i, e in enumerate(examples) if e.prompt not in apart]
    return learn, held
