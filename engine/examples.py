"""Answers become groups to learn from: what was chosen over what, and what the belief adds.

A few dozen answers cover a few of the passages; the belief learnt from them has an opinion on all,
with the slips smoothed out. Both are kept apart by `source`: a person's own picks are never
overwritten, and only they are held out to be predicted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.data import Array, Candidate, Comparison, Kind
from engine.objectives.base import Example

# What a person tapped and wrote about an answer, by its seq.
Why = Mapping[int, tuple[Sequence[str], str]]


def from_answers(
    comparisons: Sequence[Comparison],
    candidates: Mapping[int, Candidate],
    kind: Kind = "text",
    why: Why | None = None,
) -> list[Example]:
    """Every pick over every thing of this kind that was shown beside it and not picked. Words
    ("both good", "skip") prefer nothing and make no pair. A picture goes by its hash. The reason
    of an answer goes with all its pairs.
    """
    made = []
    for answer in comparisons:
        shown = answer.question.items
        if answer.question.kind != kind or not answer.outcome.picks:
            continue
        rest = [candidates[i] for i in shown if i not in answer.outcome.picks]
        reason = sentence(*(why or {}).get(answer.seq, ((), "")))
        for pick in answer.outcome.picks:
            chosen = candidates[pick]
            made += [replace(_pair(chosen, other, answer.strength), rationale=reason)
                     for other in rest]  # fmt: skip
    return [e for e in made if all(t.strip() for t in e.texts)]


def sentence(taps: Sequence[str], words: str) -> str:
    """What a person would say to "Why A?"; empty when they said nothing."""
    told = ""
    if taps:
        *first, last = taps
        told = f"It is {', '.join(first)} and {last}." if first else f"It is {last}."
    own = words.strip()
    if own and own[-1] not in ".!?":
        own += "."
    return f"{told} {own}".strip()


def _pair(chosen: Candidate, rejected: Candidate, strength: float) -> Example:
    prompts: tuple[str, ...] = ()
    if chosen.prompt != rejected.prompt:
        prompts = (chosen.prompt, rejected.prompt)
    texts = (_told(chosen), _told(rejected))
    return Example(chosen.prompt, texts, strength=strength, prompts=prompts)


def _told(candidate: Candidate) -> str:
    return candidate.hash if candidate.kind == "picture" else candidate.text or ""


def from_belief(
    candidates: Sequence[Candidate], mean: Array, std: Array, pairs: int = 1
) -> list[Example]:
    """For each prompt the `pairs` best-liked texts over the least-liked ones, by the belief.

    mean, std: (n,) predicted liking and its doubt. A pair whose order is a coin toss (the gap
    under half the larger doubt) is left out: a belief that knows nothing teaches nothing.
    """
    prompts = np.array([c.prompt for c in candidates])
    made = []
    for prompt in dict.fromkeys(prompts.tolist()):
        rows = np.flatnonzero(prompts == prompt)
        order = rows[np.argsort(-mean[rows], kind="stable")]
        for k in range(min(pairs, len(order) // 2)):
            best, worst = int(order[k]), int(order[-1 - k])
            if sure(mean, std, best, worst):
                texts = (_told(candidates[best]), _told(candidates[worst]))
                made.append(Example(prompt, texts, source="belief"))
    return made


def sure(mean: NDArray[np.float32], std: NDArray[np.float32], best: int, worst: int) -> bool:
    """The gap is at least half the larger doubt."""
    return bool(mean[best] - mean[worst] > 0.5 * max(std[best], std[worst]))
