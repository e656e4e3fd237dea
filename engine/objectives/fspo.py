"""FSPO: other choices of the same person stand before the question, and the loss is IPO's.

L = (h - 1 / (2 tau))^2 given up to k labelled pairs of the person. Singh et al. 2025, arXiv
2502.19312 (founding paper 49), summed log-probabilities as in its code. Assumes that all examples
are one person's. `asked` builds the same text for writing. It drops whole shots that do not fit and
never the question; it does not write a description of the person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from engine.objectives.base import Batch, Example, Objective, knob
from engine.shots import TASK, Shot, one


@dataclass(frozen=True)
class Settings:
    tau: float = knob(0.1, 0.001, 5.0, "how closely the model is held to where it started")
    shots: int = field(
        default=4, metadata={"range": (0, 8), "help": "other choices shown before the question"}
    )
    room: int = field(
        default=4000, metadata={"range": (200, 40000), "help": "letters before the question"}
    )
    per_token: bool = field(
        default=False, metadata={"help": "measure by the token, so that length does not count"}
    )


def asked(prompt: str, shots: Sequence[Example], settings: Settings) -> str:
    """The prompt after as many of the shots as there is room for, first ones first."""
    made: list[str] = []
    for e in shots:
        if len(made) == settings.shots:
            break
        text = _shot(len(made) + 1, e)
        if sum(map(len, made)) + len(text) <= settings.room:
            made.append(text)
    return "".join(made) + TASK + prompt if made else prompt


def _question(e: Example) -> str:
    return e.prompts[0] if e.prompts else e.prompt


def _shot(number: int, e: Example) -> str:
    return one(number, Shot(_question(e), e.texts[0], e.texts[1]))


def with_shots(examples: Sequence[Example], settings: Settings) -> list[Example]:
    """Every pair after the pairs that follow it in a ring, none of which shares a text with it.

    A comparison across prompts has no one question and is no shot.
    """
    made = []
    for i, e in enumerate(examples):
        ring = [o for o in (*examples[i + 1 :], *examples[:i]) if len(set(o.prompts)) < 2]
        others = [o for o in ring if not set(o.texts) & set(e.texts)]
        prompts = tuple(asked(p, others, settings) for p in e.prompts)
        made.append(replace(e, prompt=asked(e.prompt, others, settings), prompts=prompts))
    return made


def loss(batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    mean = batch.delta[:, :2] / batch.n[:, :2]
    h = mean[:, 0] - mean[:, 1] if settings.per_token else batch.h
    return (h - 1 / (2 * settings.tau)) ** 2, {"margin": h.mean()}


FSPO = Objective(loss, Settings, prepare=with_shots)
