"""A ring of eight blobs in the plane and a denoiser small enough to train in seconds.

The world of the founding papers' picture toys: eps-prediction in 40 steps, drawn with
fresh noise at every step (Ho et al. 2020; without it a tuned model's small faults add up along the
way and sides swap at random). What is known here and of no real picture: on which side a sample
lies and whether it lies on the ring. Simulated choices only; nothing here is shown to anybody.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from engine.objectives import OBJECTIVES
from engine.objectives.base import Batch

STEPS, WIDTH, RADIUS, SPREAD = 40, 64, 2.0, 0.15
EARLIER = 6  # of 40, as engine/picturing.py goes back 0.15 of the way
KEPT = torch.cumprod(1 - torch.linspace(1e-3, 0.25, STEPS), 0)
WAVES = torch.arange(STEPS)[:, None] / STEPS * math.pi * torch.tensor([0.5, 1.0, 2.0, 4.0])
CLOCK = torch.cat((WAVES.sin(), WAVES.cos()), 1)  # (40, 8) what the model is told of the time


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(which: Tensor, g: torch.Generator, radius: float = RADIUS) -> Tensor:
    """(n, 2) points of the blobs `which` (n,), 0..7 from just above the right, left around."""
    angle = (which + 0.5) * math.pi / 4
    centre = radius * torch.stack((angle.cos(), angle.sin()), 1)
    return centre + SPREAD * torch.randn(len(which), 2, generator=g)


def ring(n: int, g: torch.Generator, radius: float = RADIUS) -> Tensor:
    return blobs(torch.randint(8, (n,), generator=g), g, radius)


class Denoiser(nn.Module):
    """Two layers of 64 that guess the noise; told the time, a caption (2,) and who asks (2,).

    The person enters as founding paper 8 has it: an added projection that starts at zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, WIDTH)
        self.time = nn.Linear(CLOCK.shape[1], WIDTH, bias=False)
        self.caption = nn.Linear(2, WIDTH, bias=False)
        self.second, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)
        self.person = nn.ModuleList(nn.Linear(2, WIDTH, bias=False) for _ in range(2))
        for layer in self.person:
            nn.init.zeros_(layer.weight)

    def inner(self, x: Tensor, t: Tensor, c: Tensor, u: Tensor) -> Tensor:
        """(n, 64) the last inner layer: what founding paper 1 compares."""
        one, two = self.person
        h = torch.tanh(self.first(x) + self.time(CLOCK[t]) + self.caption(c) + one(u))
        return torch.tanh(self.second(h) + two(u))

    def forward(self, x: Tensor, t: Tensor, c: Tensor, u: Tensor) -> Tensor:
        found: Tensor = self.last(self.inner(x, t, c, u))
        return found


@dataclass(frozen=True)
class Pairs:
    """n pairs, chosen first: x, c and u are (n, 2, 2)."""

    x: Tensor
    c: Tensor
    u: Tensor

    @classmethod
    def of(cls, chosen: Tensor, rejected: Tensor) -> "Pairs":
        x = torch.stack((chosen, rejected), 1)
        return cls(x, torch.zeros_like(x), torch.zeros_like(x))

    def __len__(self) -> int:
        return len(self.x)

    def at(self, rows: Tensor) -> "Pairs":
        return Pairs(self.x[rows], self.c[rows], self.u[rows])


def noised(x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    kept = KEPT[t][:, None]
    return kept.sqrt() * x + (1 - kept).sqrt() * noise


def cleaned(mixed: Tensor, guess: Tensor, t: Tensor) -> Tensor:
    kept = KEPT[t][:, None]
    return (mixed - (1 - kept).sqrt() * guess) / kept.sqrt()


@cache
def _trained(seed: int, steps: int) -> Denoiser:
    """The model before anybody's taste; half of what it saw had its blob's angle as caption."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Denoiser()
    g = generator(seed + 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        which = torch.randint(8, (512,), generator=g)
        x, noise = blobs(which, g), torch.randn(512, 2, generator=g)
        t = torch.randint(STEPS, (512,), generator=g)
        told = caption(which) * (torch.rand(512, 1, generator=g) < 0.5)
        guess = model(noised(x, noise, t), t, told, torch.zeros(512, 2))
        optimiser.zero_grad()
        (guess - noise).square().mean().backward()
        optimiser.step()
        plan.step()
    return model.requires_grad_(False)


def base() -> Denoiser:
    """A copy of its own, trained once per process."""
    return copy.deepcopy(_trained(0, 3000))


def caption(which: Tensor) -> Tensor:
    """(n, 2) what a caption says of a blob: its direction."""
    angle = (which + 0.5) * math.pi / 4
    return torch.stack((angle.cos(), angle.sin()), 1)


@torch.no_grad()
def draw(model: Denoiser, n: int = 1000, u: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """(n, 2) samples of the empty caption; the same noise every time (Ho et al. 2020, eq. 7)."""
    g = generator(99)
    x, none = torch.randn(n, 2, generator=g), torch.zeros(n, 2)
    who = torch.tensor(u).expand(n, 2)
    for step in reversed(range(STEPS)):
        t = torch.full((n,), step)
        lead = cleaned(x, model(x, t, none, who), t).clamp(-6, 6)
        x = earlier(lead, x, step, g) if step else lead
    return x


def earlier(lead: Tensor, x: Tensor, step: int, g: torch.Generator) -> Tensor:
    """One step back from x towards the clean lead, with fresh noise."""
    now, then = KEPT[step], KEPT[step - 1]
    alpha = now / then
    mean = (then.sqrt() * (1 - alpha) * lead + alpha.sqrt() * (1 - then) * x) / (1 - now)
    return mean + ((1 - then) / (1 - now) * (1 - alpha)).sqrt() * torch.randn(x.shape, generator=g)


@cache
def sided() -> Pairs:
    """4000 pairs of the base's own samples, the one further right chosen."""
    both = draw(base(), 8000).view(-1, 2, 2)
    first = both[:, 0, 0] > both[:, 1, 0]
    return Pairs.of(*torch.where(first[:, None, None], both, both.flip(1)).unbind(1))


def right(x: Tensor) -> float:
    return float((x[:, 0] > 0).float().mean())


def inside(x: Tensor, radius: float = RADIUS, within: float = 0.5) -> Tensor:
    """(n,) does it lie within 3.3 spreads of the circle."""
    return (x.norm(dim=1) - radius).abs() < within


def on_ring(x: Tensor, radius: float = RADIUS) -> float:
    return float(inside(x, radius).float().mean())


Errors = Callable[[Denoiser, Denoiser, Pairs, Tensor, Tensor], Tensor]


def plain(model: Denoiser, _: Denoiser, pairs: Pairs, t: Tensor, noise: Tensor) -> Tensor:
    """(m, 2) mean squared errors at one time (m,) and noise (m, 2) for both of a pair."""
    tt, e = t.repeat_interleave(2), noise.repeat_interleave(2, 0)
    x, c, u = (v.flatten(0, 1) for v in (pairs.x, pairs.c, pairs.u))
    return (model(noised(x, e, tt), tt, c, u) - e).square().mean(1).view(-1, 2)


def seen(model: Denoiser, frozen: Denoiser, pairs: Pairs, t: Tensor, noise: Tensor) -> Tensor:
    """(m, 2) the same in the frozen model's features at an earlier time (founding paper 1)."""
    tt, e = t.repeat_interleave(2), noise.repeat_interleave(2, 0)
    x, c, u = (v.flatten(0, 1) for v in (pairs.x, pairs.c, pairs.u))
    mixed = noised(x, e, tt)
    lead, before = cleaned(mixed, model(mixed, tt, c, u), tt), (tt - EARLIER).clamp(min=0)
    ours = frozen.inner(noised(lead, e, before), before, c, u)
    theirs = frozen.inner(noised(x, e, before), before, c, u)
    return (ours - theirs).square().mean(1).view(-1, 2)


def batch(model: Denoiser, frozen: Denoiser, pairs: Pairs, g: torch.Generator,
          errors: Errors = plain) -> Batch:  # fmt: skip
    """What the trainer would hand an objective: minus the errors of model and reference."""
    t = torch.randint(STEPS, (len(pairs),), generator=g)
    noise = torch.randn(len(pairs), 2, generator=g)
    a = -errors(model, frozen, pairs, t, noise)
    with torch.no_grad():
        b = -errors(frozen, frozen, pairs, t, noise)
    return Batch.pairs(a, b, torch.ones_like(a))


@dataclass(frozen=True)
class Plan:
    objective: str
    knobs: dict[str, float]
    steps: int = 400
    rate: float = 5e-4
    decay: bool = True
    size: int = 128
    errors: Errors = plain
    only_person: bool = False


def tune(plan: Plan, pairs: Pairs) -> Iterator[tuple[int, Denoiser]]:
    """The model after every step of training from the base."""
    objective = OBJECTIVES[plan.objective].load()
    settings: Any = objective.settings(**plan.knobs)
    model, frozen, g = base(), base(), generator(7)
    moving = model.person if plan.only_person else model
    moving.requires_grad_(True)
    optimiser = torch.optim.AdamW(moving.parameters(), lr=plan.rate, weight_decay=0.0)
    for step in range(1, plan.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * (1 - (step - 1) / plan.steps if plan.decay else 1.0)
        rows = torch.randint(len(pairs), (plan.size,), generator=g)
        loss, _ = objective.loss(batch(model, frozen, pairs.at(rows), g, plan.errors), settings)
        optimiser.zero_grad()
        loss.mean().backward()
        optimiser.step()
        yield step, model


def tuned(plan: Plan, pairs: Pairs) -> Denoiser:
    *_, (_, model) = tune(plan, pairs)
    return model


@torch.no_grad()
def accuracy(model: Denoiser, pairs: Pairs, times: int = 4) -> float:
    """Implicit accuracy: share of pairs whose h is above 0, ties half, over a few draws each."""
    g, frozen = generator(55), base()
    h = torch.stack([batch(model, frozen, pairs, g).h for _ in range(times)]).mean(0)
    return float(((h > 0).float() + 0.5 * (h == 0).float()).mean())
