"""Between two steps of a drawing: where the latents stand, and which picture they lead to.

Latents are a x0 + s n, picture and noise in shares that the scheduler knows. Two points of a path
that an ordinary solver walks (Euler, DDIM) are two equations in x0 and n, so that the picture they
lead to costs no pass of the model; with solvers of higher order it is an estimate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.denoising import Denoiser


@dataclass(frozen=True)
class Stage:
    """After step `number` (from 0) of `total`: `latents` (B, c, h, w), which are `kept` of the
    picture and `noise` of the noise; `leads` (B, c, h, w) the clean latents ahead, None when not
    yet known; `part`: the rows of the call that are here.
    """

    face: Denoiser
    number: int
    total: int
    latents: Tensor
    kept: float
    noise: float
    leads: Tensor | None
    part: tuple[int, ...]

    def stop(self) -> None:
        """No step after this one."""
        self.face.pipe._interrupt = True


# New latents, or None to leave them as they are.
Touch = Callable[[Stage], Tensor | None]


def shares(face: Denoiser, point: int) -> tuple[float, float]:
    """(kept, noise) of the latents before step `point`; after the last step (1, 0)."""
    scheduler = face.pipe.scheduler
    sigmas = getattr(scheduler, "sigmas", None)
    if sigmas is not None:
        s = float(sigmas[point]) if point < len(sigmas) else 0.0
        if face.straight or scheduler.config.get("use_flow_sigmas"):
            return 1.0 - s, s
        # Solvers that scale what they hand to the model keep the picture whole.
        kept = (1 + s * s) ** -0.5 if hasattr(scheduler, "_sigma_to_alpha_sigma_t") else 1.0
        return kept, s * kept
    if point >= len(scheduler.timesteps):
        return 1.0, 0.0
    left = float(scheduler.alphas_cumprod[int(scheduler.timesteps[point])])
    return left**0.5, (1 - left) ** 0.5


class Course:
    """Follows the rows of one call. `size` is (height, width) in pixels."""

    def __init__(self, face: Denoiser, part: list[int], size: tuple[int, int]) -> None:
        self.face, self.part, self.size = face, tuple(part), size
        self.before: tuple[Tensor, float, float] | None = None

    def at(self, step: int, latents: Tensor, touches: list[Touch]) -> tuple[Stage, Tensor]:
        """What lies after this step, and the latents to go on with."""
        loose = self.face.loose(latents, self.size)
        kept, noise = shares(self.face, step + 1)
        stage = Stage(self.face, step, self.face.pipe.num_timesteps, loose, kept, noise,
                      self._leads(loose, kept, noise), self.part)  # fmt: skip
        found, touched = loose, False
        for touch in touches:
            made = touch(stage)
            if made is not None:
                found, touched = made, True
                stage = Stage(**{**vars(stage), "latents": found})
        self.before = found, kept, noise
        return stage, self.face.tight(found).to(latents.dtype) if touched else latents

    def _leads(self, latents: Tensor, kept: float, noise: float) -> Tensor | None:
        if self.before is None:
            return None
        earlier, a, s = self.before
        gap = kept * s - a * noise
        if noise <= 0 or gap <= 1e-6:
            return None
        return (s * latents - noise * earlier) / gap


def side_of(pipe: Any, given: dict[str, Any]) -> tuple[int, int]:
    """(height, width) that a call with these settings draws."""
    default = getattr(pipe, "default_sample_size", None) or pipe.unet.config.sample_size
    side = int(default) * int(pipe.vae_scale_factor)
    return int(given.get("height") or side), int(given.get("width") or side)


def grown(latents: Tensor) -> Tensor:
    """A copy that gradients may pass through, also inside a drawing."""
    with torch.inference_mode(False):
        return latents.detach().clone()


def as_bytes(pixels: torch.Tensor) -> NDArray[np.uint8]:
    """(B, 3, H, W) in -1..1 to (B, H, W, 3) uint8."""
    whole = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    found: NDArray[np.uint8] = whole.permute(0, 2, 3, 1).cpu().numpy()
    return found
