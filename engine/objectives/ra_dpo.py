"""Reward-augmented DPO: "good, but not for me" stays writable, under a lower goal.

Every pair is used twice with a goal in its opening words: at the goal of the chosen it wins, at the
goal of the rejected the other wins; then plain DPO. Zhang et al. 2024, "Reward-Augmented Data
Enhances Direct Preference Alignment", arXiv 2410.08067 (founding paper 55). Assumes labels on one
scale over all examples. A model trained so must be asked with the highest goal: `goal(10)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives.base import Batch, Example, Objective, knob

HIGHEST = 10


@dataclass(frozen=True)
class Settings:
    beta: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")


def goal(score: int) -> str:
    """The opening words that ask for a text this good, 1 to 10."""
    return f"Write a text that this person would give {score} of {HIGHEST}."


def twice(examples: Sequence[Example], _: Settings) -> list[Example]:
    """(x, goal of w): w before l, and (x, goal of l): l before w."""
    labels = [v for e in examples for v in e.labels[:2]]
    low, high = min(labels, default=0.0), max(labels, default=1.0)
    made = []
    for e in examples:
        high_goal, low_goal = (_score(v, low, high) for v in e.labels[:2])
        if high_goal != low_goal:  # or no goal tells them apart
            made += [_aimed(e, (0, 1), high_goal), _aimed(e, (1, 0), low_goal)]
    return made


def _score(label: float, low: float, high: float) -> int:
    """A liking between low and high as 1 to 10."""
    share = (label - low) / (high - low) if high > low else 1.0
    return 1 + round(share * (HIGHEST - 1))


def _aimed(e: Example, order: tuple[int, int], score: int) -> Example:
    """The pair in this order, asked for with this goal."""
    system = f"{e.system}\n{goal(score)}" if e.system else goal(score)
    texts = tuple(e.texts[k] for k in order)
    prompts = tuple(e.prompts[k] for k in order) if e.prompts else ()
    return replace(e, texts=texts, labels=(1.0, 0.0), system=system, prompts=prompts)


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    margin = settings.beta * batch.h
    return -logsigmoid(margin), {"margin": margin.mean()}


RA_DPO = Objective(loss, Settings, prepare=twice)
