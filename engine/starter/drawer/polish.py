"""Teach the denoiser by what a reader of styles says of its drawings.

Learnt from icons alone, a style is told least where its thing was never shown in it: the thing
brings the styles it was shown in along. So the model draws things in styles dealt at random, a
reader of pixels (reader.py) says what style it sees, and that is learnt through the last steps of
the drawing: a few steps of it pass gradients (DRaFT-K, Clark et al. 2024, arXiv 2309.17400, section
4), from a step chosen at random on and finished in one (ReFL, Xu et al. 2023, arXiv 2304.05977,
section 3.2), with a class for a reward. The icons go on being learnt beside it, so that drawings
stay drawings.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.data import Progress
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import WHITE, Scale, Told, vector
from engine.starter.drawer.data import STYLES
from engine.starter.drawer.data import lesson as words_of
from engine.starter.drawer.known import GUIDANCE, STEPS, lesson
from engine.starter.drawer.pipeline import load
from engine.starter.drawer.reader import SHIFT, Icons, Reader
from engine.starter.drawer.reader import teach as teach_reader
from engine.starter.drawer.recipe import Given, Wanted, dealt, going_on, in_16_bits, unmeasured
from engine.starter.drawer.teach import Deck, Said, loss_of, times
from engine.starter.pool import pictures

# A reader teaches when it reads so many styles of icons that it was not shown.
READS = 0.5


@dataclass(frozen=True)
class Plan:
    """`batch` drawings a step, `icons` of the deck beside them; `reward`: weight of what is read.
    A drawing's steps from `first` or later pass gradients, `through` of them; then it is finished
    in one.
    """

    minutes: float = 2.0
    steps: int = 0
    batch: int = 64
    icons: int = 256
    rate: float = 1e-4
    reward: float = 0.05
    through: int = 2
    first: int = 2
    seed: int = 0


class Polish:
    """One run. `average` of the weights is what ships."""

    def __init__(self, pipe: Any, reader: Any, deck: Deck, said: Any, plan: Plan) -> None:
        self.model, self.vae, self.reader = pipe.transformer, pipe.vae, reader
        self.deck, self.said, self.plan = deck, said, plan
        self.halved = deck.latents.is_cuda
        self.vae.requires_grad_(False)
        self.model.requires_grad_(True)
        self.average = deepcopy(self.model).eval()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=plan.rate,
                                           betas=(0.9, 0.99), weight_decay=0.0)  # fmt: skip
        self.rng, self.steps = np.random.default_rng(plan.seed + 11), 0
        names = said.captions.names
        _, apart = words_of()
        self.free = [(c, s) for c, name in enumerate(names) for s in range(len(STYLES))
                     if (name, STYLES[s]) not in apart]  # fmt: skip
        words = [said.captions.things(n)[-1] for n in names]
        self.texts = [f"a {w}" for w in words]
        said.words.of(self.texts)

    def run(self) -> Iterator[Progress]:
        """Steps until the clock says enough; a report about every five seconds."""
        torch.manual_seed(self.plan.seed)
        clock, told, sums = Clock(self.plan.minutes, self.plan.steps), time.monotonic(), []
        self.model.train()
        while not clock.over(self.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self.plan.rate * clock.rate(self.steps)
            sums.append(self.step())
            if time.monotonic() - told > 5 or clock.over(self.steps):
                mean = {k: float(np.mean([float(s[k]) for s in sums])) for k in sums[0]}
                yield Progress(self.steps, 0, "learning to tell styles apart",
                               {**mean, "share": clock.share(self.steps)})  # fmt: skip
                told, sums = time.monotonic(), []

    def step(self) -> dict[str, torch.Tensor]:
        """One step: of the drawings `wrong` (cross entropy, nats) and the share read `right`, of
        the icons `flow`, the error of the direction.
        """
        place = self.deck.latents.device
        # Nothing is cached: a copy in 16 bits that was made without gradients would be used again
        # where they are wanted.
        with torch.autocast(place.type, torch.bfloat16, enabled=self.halved, cache_enabled=False):
            style, drawn = self.drawn()
            read = self.reader(shifted(drawn.clamp(-1, 1)))
            wrong = torch.nn.functional.cross_entropy(read, style)
            x, states, vectors = self.deck.deal(self.plan.icons)
            flow = loss_of(self.model, x, states, vectors, times(len(x), place),
                           torch.randn_like(x)).mean()  # fmt: skip
        self.optimizer.zero_grad()
        torch.autograd.backward(flow + self.plan.reward * wrong)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()),
                                 1 - min(0.995, (self.steps + 1) / (self.steps + 10)))  # fmt: skip
        right = (read.argmax(1) == style).float().mean()
        return {"wrong": wrong.detach(), "right": right, "flow": flow.detach()}

    def drawn(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Styles (n,) that were asked and drawings (n, 3, h, w), with gradients."""
        place = self.deck.latents.device
        rows = self.rng.choice(len(self.free), self.plan.batch)
        things, styles = np.array(self.free)[rows].T
        told = [Told(self.texts[c], {STYLES[s]: 1.0}, WHITE)
                for c, s in zip(things, styles, strict=True)]  # fmt: skip
        states, sentences = self.said.words.of([t.text for t in told])
        words = states.to(place), vector(told, sentences).to(place)
        x = torch.randn(len(rows), *self.deck.latents.shape[1:], device=place)
        first = int(self.rng.integers(self.plan.first, STEPS - self.plan.through + 1))
        levels = [*np.linspace(1, 1 / 1000, STEPS).tolist(), 0.0]
        with torch.no_grad():
            for k in range(first):
                x = x + (levels[k + 1] - levels[k]) * self.guided(x, levels[k], words)
        for k in range(first, first + self.plan.through):
            there = levels[k + 1] if k + 1 < first + self.plan.through else 0.0
            x = x + (there - levels[k]) * self.guided(x, levels[k], words)
        z = x / self.vae.config.scaling_factor + self.vae.config.shift_factor
        return torch.from_numpy(styles).to(place), self.vae.decode(z).sample

    def guided(self, x: torch.Tensor, level: float, words: Sequence[torch.Tensor]) -> torch.Tensor:
        """The direction with the words and without them; gradients pass through the former."""
        states, vectors = words
        t = torch.full((len(x),), level * 1000, device=x.device)
        with torch.no_grad():
            none = self.direction(x, t, torch.zeros_like(states), torch.zeros_like(vectors))
        out: torch.Tensor = none + GUIDANCE * (self.direction(x, t, states, vectors) - none)
        return out

    def direction(self, x: torch.Tensor, t: torch.Tensor, states: torch.Tensor,
                  vectors: torch.Tensor) -> torch.Tensor:  # fmt: skip
        """(n, c, h, w) from noise to drawing's opposite, as the transformer guesses it; t (n,)."""
        found: torch.Tensor = self.model(
            hidden_states=x, encoder_hidden_states=states, pooled_projections=vectors, timestep=t
        ).sample  # fmt: skip
        return found.float()


def shifted(x: torch.Tensor) -> torch.Tensor:
    """The whole batch moved a little, so that what is read is no trick of the grid."""
    down, right = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
    wide = torch.nn.functional.pad(x, (SHIFT,) * 4, mode="replicate")
    side = x.shape[-1]
    return wide[..., SHIFT + down : SHIFT + down + side, SHIFT + right : SHIFT + right + side]


def polished(wanted: Wanted, minutes: float, say: Callable[[str], None]) -> Path:
    """The finished model in `wanted.out`, or the one that ships, with a transformer that has learnt
    on; its folder. A quarter of the time is the reader's. FileNotFoundError where there is no
    model, ValueError where the reader learnt too little to teach by.
    """
    folder = going_on(wanted)
    names = wanted.concepts or tuple(sorted({r["concept"] for r in pictures().records}))
    given, pipe, known = (
        Given.of(replace(wanted, concepts=names)),
        load(folder).to(wanted.device),
        lesson(folder),
    )
    said = Said(Captions(wanted.seed, given.names), given.words)
    deck = dealt(wanted, given, pipe.vae, Scale(known.mean, known.std), said)
    reader = Reader().to(wanted.device)
    icons, clock = Icons.of(pipe.vae, given.drawings), Clock(minutes / 4, wanted.steps)
    for each in teach_reader(reader, icons, clock, wanted.seed):
        say(f"reader of styles, step {each.done}: {numbers(each)}")
    right = each.metrics["apart"]
    if not wanted.steps and right < READS:
        raise ValueError(f"the reader of styles is right on {right:.2f} of icons it was not shown "
                         f"and would teach nonsense (at least {READS}); give it more "
                         "--style-minutes")  # fmt: skip
    plan = Plan(0.75 * minutes, wanted.steps, max(8, wanted.batch // 8), wanted.batch // 2,
                seed=wanted.seed)  # fmt: skip
    polish = Polish(pipe, reader, deck, said, plan)
    for each in polish.run():
        say(f"style step {each.done}: {numbers(each)}")
    unmeasured(folder)
    in_16_bits(polish.average, folder / "transformer")
    return folder


def numbers(progress: Progress) -> str:
    """What a report holds, in one line."""
    return ", ".join(f"{k} {v:.3f}" for k, v in progress.metrics.items())
