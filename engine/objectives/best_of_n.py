"""Best of n: write n texts, keep the one this person would like best, and learn to write that.

L = -a_1 / n_1, the first being argmax_i v . r(x, y_i) for a direction v of tastes, which stands in
words before the prompt (`in_words` of steering/prompt.py). Wang et al. 2024, "Directional
Preference Alignment", arXiv 2402.18571 (founding paper 16). Assumes that the labels are the likings
in that direction. It learns nothing from what was not kept, and repeats itself when the same few
texts are always the best.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from engine.objectives.base import Batch, Example, Objective


@dataclass(frozen=True)
class Settings:
    direction: str = field(
        default="", metadata={"help": "the person's direction in words, said before every prompt"}
    )


def best(examples: Sequence[Example], settings: Settings) -> list[Example]:
    """The best text of each group, after the direction in words. The least liked one stays beside
    it where there is one, to be measured against and never learnt from.
    """
    return [_ends(e, settings.direction) for e in examples]


def _ends(e: Example, direction: str) -> Example:
    order = sorted(range(len(e.texts)), key=lambda i: -e.labels[i])
    kept = list(dict.fromkeys((order[0], order[-1])))
    return replace(
        e,
        texts=tuple(e.texts[k] for k in kept),
        labels=tuple(e.labels[k] for k in kept),
        system="\n".join(filter(None, (e.system, direction))),
        prompts=tuple(e.prompts[k] for k in kept) if e.prompts else (),
    )


def loss(batch: Batch, _: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    kept = batch.a[:, 0] / batch.n[:, 0]
    return -kept, {"kept": kept.mean()}


BEST_OF_N = Objective(loss, Settings, prepare=best, reference=False)
