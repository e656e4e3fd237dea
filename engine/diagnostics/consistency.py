"""Which answers fit the rest of a person's answers least: the ones to look at again.

The strength of an answer is the mean gap, in liking, between what it said yes and no to, over
models that were each fitted on half of the answers; its deviation says whether the models agree
(Secrets of RLHF II, arXiv 2401.06080: there M whole reward models judge their own training pairs;
here an answer is judged by the halves without it alone: that finds the same ones, and the gap is
then a prediction that a chance and a rate of slips can be read from). Assumes the taste the belief
assumes: what one direction cannot express looks inconsistent too. Contrastive and meta-learning
terms of the paper are not done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Comparison, Features
from engine.diagnostics import base

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    rounds: int = field(
        default=10, metadata={"help": "models, each on half of the answers", "low": 2, "high": 100}
    )
    least: int = field(
        default=12,
        metadata={"help": "answers before one of them can stand out", "low": 2, "high": 1000},
    )


@dataclass(frozen=True)
class Strengths:
    """mean (n,) and sd (n,) of the gap of every answer, in logits; nan for a skip."""

    mean: Float
    sd: Float

    def doubtful(self, k: int) -> list[int]:
        """Places of at most k answers that the rest speaks against, the least consistent first."""
        order = np.argsort(self.mean, kind="stable")  # nan comes last
        return [int(i) for i in order[:k] if self.mean[i] < 0]


def look(
    comparisons: Sequence[Comparison],
    features: Features,
    prior: laplace.Gaussian,
    log_tie: float,
    rng: np.random.Generator,
    settings: Settings | None = None,
) -> Strengths:
    """`prior` and `log_tie` as the belief has them. Cost: `rounds` fits of half the answers."""
    settings = settings or Settings()
    told = base.stack(comparisons, features)
    if sum(len(p) for p in told.places) < settings.least:
        nothing = np.full(told.n, np.nan)
        return Strengths(nothing, nothing)
    return strengths(base.halves(told, prior, log_tie, settings.rounds + settings.rounds % 2, rng))


def strengths(gaps: Float) -> Strengths:
    """Of gaps (n, rounds) as `base.halves` gives them."""
    spoken = ~np.isnan(gaps).all(1)
    mean, sd = np.full((2, len(gaps)), np.nan)
    mean[spoken] = np.nanmean(gaps[spoken], 1)
    sd[spoken] = np.nanstd(gaps[spoken], 1)
    return Strengths(mean, sd)


def flipped(comparison: Comparison) -> Comparison:
    """The opposite answer to a question about two; ValueError where there is none."""
    other = comparison.outcome.opposite(comparison.question.items)
    return replace(comparison, outcome=other)
