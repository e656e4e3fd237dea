"""Even steps: a small change of the noise changes the picture as much here as anywhere.

Added to any objective for pictures: + weight (s - m)^2, s how fast the clean picture that the model
guesses moves with the noised one, m the running mean of s. Founding paper 60, Smooth Diffusion: Guo
et al. 2023, arXiv 2312.04410, has s = ||J^T n|| for n ~ N(0, I), which is learnt by differentiating
twice through attention. Ours is s = ||guess(x + d n) - guess(x)|| / d, near ||J n||: one more pass
and a plain gradient. As E ||J n||^2 = ||J||_F^2 = E ||J^T n||^2, both hold the same size of J. The
norm is a mean over the numbers of a latent, so that a weight means the same at every size, and m
begins at the first s and moves by a tenth (the authors' code: by a hundredth, from 0).

Assumes that the guess moves about as fast at every time, as it does on the starter model (s is .26
to .28 at times .3 to .9, .40 at .13): m is one for all times. What evenness gains the fit pays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

# Length of a step in deviations of the noise: well above the grain of 16-bit numbers.
STEP = 0.1
MOVES = 0.1


def speed(guess: Callable[[Tensor], Tensor], x: Tensor, n: Tensor) -> Tensor:
    """(m,) root mean square change of `guess` per unit of n at x, both (m, ...).

    `guess` gets (2 m, ...), x and then x + STEP n, so that both ends are of one pass.
    """
    here, there = guess(torch.cat([x, x + STEP * n])).chunk(2)
    moved = ((there - here) / STEP).flatten(1).square().mean(1)
    # Where nothing moves the root has no gradient.
    return moved.clamp(min=1e-12).sqrt()


@dataclass
class Smooth:
    """`weight` of the term, 0 for none. `means`: the running mean of each person's speeds."""

    weight: float = 0.0
    means: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight < float("inf"):
            raise ValueError(f"smooth is {self.weight:g}; it must be 0 (off) or more")

    def term(self, speeds: Tensor, who: Sequence[int]) -> Tensor:
        """(m,) what is added to the losses of these people; their means move first."""
        seen = speeds.detach().cpu().tolist()
        for person in dict.fromkeys(who):
            own = [s for s, p in zip(seen, who, strict=True) if p == person]
            now = sum(own) / len(own)
            mean = self.means.get(person, now)
            self.means[person] = mean + MOVES * (now - mean)
        aim = speeds.new_tensor([self.means[p] for p in who])
        return self.weight * (speeds - aim).square()

    def state(self) -> dict[str, float]:
        """As JSON has it, whose keys are texts."""
        return {str(person): mean for person, mean in self.means.items()}

    def restore(self, state: Mapping[str, float]) -> None:
        self.means = {int(person): float(mean) for person, mean in state.items()}
