"""What an objective is: one pure function from log-probabilities to a loss per group.

A group is a prompt with K completions, best first; a pair is a group of two. The
trainer knows nothing of the method: it makes a `Batch`, calls `loss(batch, settings)` and steps on
the mean. For a diffusion model a and b are negative, scaled denoising errors; nothing else changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Example:
    """One group before it becomes tokens.

    `texts` are best first, `labels` how much each is liked (falling; 1 and 0 for a plain pair).
    `system` replaces the backbone's own opening words (a goal, a direction, shots). `prompts`,
    where given, has one prompt per text, and what is scored is prompt and text together (joint).
    `rationale` is the person's reason. `source` says who judged: "person" or "belief".
    """

    prompt: str
    texts: tuple[str, ...]
    labels: tuple[float, ...] = (1.0, 0.0)
    strength: float = 1.0
    system: str = ""
    prompts: tuple[str, ...] = ()
    rationale: str = ""
    source: str = "person"

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(f"{len(self.texts)} texts with {len(self.labels)} labels")
        if self.prompts and len(self.prompts) != len(self.texts):
            raise ValueError("a joint example has one prompt for each text")


@dataclass(frozen=True)
class Batch:
    """m groups of at most K completions.

    a, b: (m, K) summed log-probabilities under the model and the reference. n: (m, K) tokens.
    labels: (m, K) liking, falling. valid: (m, K) False where a group is shorter than K.
    strength: (m,) of the answer, 1 plain. rationale, rationale_n: (m,) log-probability and tokens
    of the person's reason, zeros where there is none.
    """

    a: Tensor
    b: Tensor
    n: Tensor
    labels: Tensor
    valid: Tensor
    strength: Tensor
    rationale: Tensor
    rationale_n: Tensor

    @classmethod
    def pairs(cls, a: Tensor, b: Tensor, n: Tensor) -> "Batch":
        """Plain pairs, chosen first: (m, 2) each."""
        m = len(a)
        labels = torch.tensor([1.0, 0.0], dtype=a.dtype).expand(m, 2)
        ones, zeros = torch.ones(m, dtype=a.dtype), torch.zeros(m, dtype=a.dtype)
        return cls(a, b, n, labels, torch.ones_like(a, dtype=torch.bool), ones, zeros, zeros)

    @property
    def delta(self) -> Tensor:
        """(m, K) log-ratio to the reference."""
        return self.a - self.b

    @property
    def h(self) -> Tensor:
        """(m,) delta of the chosen minus delta of the rejected."""
        return self.delta[:, 0] - self.delta[:, 1]


Loss = Callable[[Batch, Any], tuple[Tensor, dict[str, Tensor]]]
Prepare = Callable[[Sequence[Example], Any], list[Example]]


def as_they_are(examples: Sequence[Example], _: Any) -> list[Example]:
    return list(examples)


def one_caption(examples: Sequence[Example], _: Any) -> list[Example]:
    """Only groups of which every picture stands under one prompt; dcpo takes the others."""
    return [e for e in examples if not e.prompts]


@dataclass(frozen=True)
class Objective:
    """A method: its settings, its loss, and what it does to the examples before training.

    `loss(batch, settings)` gives ((m,) loss per group, metrics of 0-d tensors). `prepare` is its
    data rule. `reference`: needs b. `lists`: reads all K columns, not only the first two;
    `rationales`: learns nothing without reasons. `media`: what it can be used for. For pictures,
    `perceptual`: errors in the frozen model's features; `captions`: each under its own caption.
    """

    loss: Loss
    settings: type
    prepare: Prepare = as_they_are
    reference: bool = True
    lists: bool = False
    rationales: bool = False
    media: tuple[str, ...] = ("text",)
    perceptual: bool = False
    captions: bool = False
    defaults: Any = field(default=None)

    def __post_init__(self) -> None:
        if self.defaults is None:
            object.__setattr__(self, "defaults", self.settings())


def knob(default: float, low: float, high: float, help: str) -> Any:
    """A setting with its range and the words the form shows."""
    return field(default=default, metadata={"range": (low, high), "help": help})
