"""Teach the decoder what the sampler leaves: flat fills and clean rims out of drawn latents.

The last errors of the denoiser are smears, not the noise that autoencoder.py teaches the decoder to
forgive. So drawings are noised part of the way and drawn back by the model's own steps, with its
own guidance; what comes out lies over the drawing that went in (Meng et al. 2022, SDEdit,
arXiv 2108.01073, section 3), and from it the decoder learns that drawing. The encoder stays, and
with it what latents mean: transformer, adapters and tunings go on as they are.
"""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data import Progress
from engine.starter.drawer.autoencoder import EDGES, NOISE, as_tensor, latents_of
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.clock import Clock
from engine.starter.drawer.conditions import Scale, Told
from engine.starter.drawer.data import FACTS, STYLES, Drawings
from engine.starter.drawer.face import Drawer
from engine.starter.drawer.known import GUIDANCE, STEPS, lesson
from engine.starter.drawer.pipeline import load
from engine.starter.drawer.recipe import Given, Wanted, going_on, in_16_bits, unmeasured
from engine.starter.pool import pictures

BATCH, PART, RATE, DECAY = 8, 16, 6e-4, 0.995
# A GPU draws so many at once.
WIDE = 256
# From which of the steps a drawing is drawn on: the later ones, where shapes are settled. And how
# often each drawing is shown: as it is, recoloured, on other grounds.
FIRST, COPIES = 4, 4
# A step's share of drawings that went through the autoencoder alone, so that real ones stay true.
STILL = 0.2
# The more was drawn anew, the less the drawing that went in is the right answer.
DOUBT = 4.0
TELL_STYLE, TELL_FACT = 0.7, 0.6


@dataclass(frozen=True, eq=False)
class Redrawn:
    """latents (n, c, h, w) as the sampler leaves them, `clean` as the encoder gives them, and the
    drawings (n, side, side, 3); noise (n,) how much was put in, 0..1. All on the CPU.
    """

    latents: torch.Tensor
    clean: torch.Tensor
    pixels: NDArray[np.uint8]
    noise: torch.Tensor


def told(drawings: Drawings, rows: Any, said: Captions, scale: Scale, rng: Any) -> list[Told]:
    """What is said of drawings when they are drawn back."""
    facts, found = scale.apply(drawings.facts[rows]), []
    for row, measured in zip(rows, facts, strict=True):
        style = {STYLES[drawings.style[row]]: 1.0} if rng.random() < TELL_STYLE else {}
        known = {name: (float(value), 1.0) for name, value in zip(FACTS, measured, strict=True)
                 if name.startswith("ground")
                 or (drawings.altered[row] and rng.random() < TELL_FACT)}  # fmt: skip
        texts = said.table[drawings.concept[row], drawings.style[row]]
        found.append(Told(said.texts[rng.choice(texts)], style, known))
    return found


@torch.inference_mode()
def redraw(face: Any, drawings: Drawings, said: Captions, scale: Scale, seed: int = 0,
           say: Callable[[str], None] = print) -> Redrawn:  # fmt: skip
    """Every drawing once, each PART (on a GPU: WIDE) from another share of noise. `face`: a Drawer;
    `said` by the numbers that the drawings give their things.
    """
    rng, order = np.random.default_rng(seed), np.random.default_rng(seed).permutation(len(drawings))
    made = torch.Generator().manual_seed(seed)
    levels = np.append(np.linspace(1, 1 / 1000, STEPS), 0.0)
    parts: list[tuple[Any, ...]] = []
    begun = time.monotonic()
    part = PART if str(face.module.device) == "cpu" else WIDE
    for start in range(0, len(order), part):
        rows = order[start : start + part]
        clean = latents_of(face.pipe.vae, drawings.pixels[rows])
        first = int(rng.integers(FIRST, STEPS))
        noise = torch.randn(clean.shape, generator=made).to(clean.device)
        mixed = (1 - levels[first]) * clean + levels[first] * noise
        drawn = drawn_on(face, mixed, told(drawings, rows, said, scale, rng), levels[first:])
        level = torch.full((len(rows),), float(levels[first]))
        parts.append((drawn.half().cpu(), clean.half().cpu(), drawings.pixels[rows], level))
        if time.monotonic() - begun > 5:
            begun = time.monotonic()
            say(f"drawn back: {start + len(rows)} of {len(order)}")
    latents, clean, level = (torch.cat([p[k] for p in parts]) for k in (0, 1, 3))
    return Redrawn(latents, clean, np.concatenate([p[2] for p in parts]), level)


def drawn_on(face: Any, x: torch.Tensor, prompts: list[Told], levels: Any) -> torch.Tensor:
    """Euler's steps from the first of `levels` to the last, with guidance, as the pipeline does."""
    with_words = face.conditions(prompts)
    both = {k: torch.cat([torch.zeros_like(v), v]) for k, v in with_words.items()}
    for here, there in zip(levels[:-1], levels[1:], strict=True):
        t = torch.full((2 * len(x),), float(here) * 1000, device=x.device)
        none, words = face.module(
            hidden_states=torch.cat([x, x]), timestep=t, **both
        ).sample.chunk(2)  # fmt: skip
        x = x + float(there - here) * (none + GUIDANCE * (words - none))
    return x


def teach(vae: Any, redrawn: Redrawn, clock: Clock, seed: int = 0,
          batch: int = BATCH) -> Iterator[Progress]:  # fmt: skip
    """Train the decoder in place until the clock says enough; its average over the last steps is
    what stays. Reports about every five seconds.
    """
    torch.manual_seed(seed)
    decoder, rng = vae.decoder.train(), np.random.default_rng(seed)
    average = deepcopy(decoder).requires_grad_(False)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=RATE, betas=(0.9, 0.99),
                                  weight_decay=0.0)  # fmt: skip
    steps, said, sums = 0, time.monotonic(), []
    while not clock.over(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * clock.rate(steps)
        loss = loss_of(vae, redrawn, rng, batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        steps += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(decoder.parameters()),
                                 1 - min(DECAY, (steps + 1) / (steps + 10)))  # fmt: skip
        sums.append(loss.detach())
        if time.monotonic() - said > 5 or clock.over(steps):
            numbers = {"loss": float(torch.stack(sums).mean())}
            yield Progress(steps, 0, "learning to draw clean", numbers)
            said, sums = time.monotonic(), []
    decoder.load_state_dict(average.state_dict())
    vae.eval()


def loss_of(vae: Any, redrawn: Redrawn, rng: Any, batch: int) -> torch.Tensor:
    rows = rng.choice(len(redrawn.latents), min(batch, len(redrawn.latents)), replace=False)
    still = torch.from_numpy(rng.random(len(rows)) < STILL)
    z = torch.where(still[:, None, None, None], redrawn.clean[rows], redrawn.latents[rows])
    trust = torch.where(still, 1.0, 1 / (1 + DOUBT * redrawn.noise[rows])).to(vae.device)
    z = z.float().to(vae.device)
    z = z + NOISE * torch.randn_like(z)
    x = as_tensor(redrawn.pixels[rows]).to(vae.device)
    y = vae.decode(z / vae.config.scaling_factor + vae.config.shift_factor).sample
    gap = (y - x).abs().mean((1, 2, 3)) + (y - x).square().mean((1, 2, 3))
    for d in (-1, -2):
        gap = gap + EDGES * (y - x).diff(dim=d).abs().mean((1, 2, 3))
    loss: torch.Tensor = (gap * trust).mean()
    return loss


def finer(wanted: Wanted, minutes: float, say: Callable[[str], None]) -> Path:
    """The finished model in `wanted.out`, or the one that ships, with a decoder that has learnt on;
    its folder.
    """
    folder = going_on(wanted)
    names = wanted.concepts or tuple(sorted({r["concept"] for r in pictures().records}))
    given = Given.of(replace(wanted, concepts=names, copies=min(COPIES, wanted.copies)))
    pipe, known = load(folder).to(wanted.device), lesson(folder)
    face, said = Drawer(pipe, given.words), Captions(wanted.seed, given.names)
    redrawn = redraw(face, given.drawings, said, Scale(known.mean, known.std), wanted.seed, say)
    # A step of the denoiser's is about eight of the decoder's, which works on whole pictures.
    clock, batch = Clock(minutes, wanted.steps), max(BATCH, wanted.batch // 8)
    for each in teach(pipe.vae, redrawn, clock, wanted.seed, batch):
        say(f"decoder step {each.done}: loss {each.metrics['loss']:.4f}")
    unmeasured(folder)
    in_16_bits(pipe.vae, folder / "vae")
    return folder
