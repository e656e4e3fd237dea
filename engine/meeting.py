"""One answer as several beliefs meet it: what each foretells, and the step each takes from it.

A step is that of `laplace.update` for each belief by itself. What foretelling and learning both
ask for (where the answer stands in a belief, and how unsure that is) is worked out once, and
the modes are sought for all beliefs at once: small arrays cost by their number, not their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np

from engine import laplace
from engine.data import Array, Outcome
from engine.laplace import TIE, Float, Gaussian


@dataclass(frozen=True)
class View:
    """A belief (D,), and the items of a question in its own columns (m, D - 2)."""

    belief: Gaussian
    items: Array
    log_tie: float


class Meeting:
    """c `views` of one answer; `shown` its item ids in display order. ValueError for a skip."""

    def __init__(self, views: Sequence[View], shown: Sequence[int], outcome: Outcome) -> None:
        self.views, self.everything = views, len(outcome.picks) == len(shown)
        read = [laplace.read(v.items, shown, outcome, 1.0) for v in views]
        answers = [a for a in read if a is not None]
        if not answers:
            raise ValueError("a skip says nothing; only picks and ties are predicted")
        self.form = answers[0].form
        pairs = list(zip(answers, views, strict=True))
        self.lifted = [a.rows @ v.belief.cov for a, v in pairs]  # (q, D) each
        self.start: Float = np.array([a.rows @ v.belief.mean for a, v in pairs])  # (c, q)
        grams = [up @ a.rows.T for up, a in zip(self.lifted, answers, strict=True)]
        self.gram: Float = np.array(grams)  # (c, q, q)
        self.log_tie = np.array([[v.log_tie] for v in views])

    @cached_property
    def told(self) -> Float:
        """(c,) probability of the outcome by each belief, before it is learnt; see foretell."""
        var = self.gram.diagonal(axis1=1, axis2=2)
        if self.form[0] == "grid":
            return self._grid(var)
        if self.form[0] == "pick":
            return laplace.chance(self.start[:, 0], var[:, 0])
        shrunk = self.start / np.sqrt(1.0 + np.pi * var / 8.0)
        return np.asarray(np.exp(laplace.local(self.form, shrunk, self.log_tie)[0]))

    def _grid(self, var: Float) -> Float:
        """Mean over (picked, unpicked) pairs. Rows stand in click order, each minus the last item,
        which has none: a row is the gap to it.
        """
        if self.everything:
            return np.full(len(self.views), 0.5)
        k, y = self.form[2], self.start
        mean = y[:, :k, None] - y[:, None, k:]
        spread = var[:, :k, None] + var[:, None, k:] - 2.0 * self.gram[:, :k, k:]
        mean = np.concatenate([mean, y[:, :k, None]], 2)
        spread = np.concatenate([spread, var[:, :k, None]], 2)
        return np.asarray(laplace.chance(mean, spread.clip(0.0)).mean((1, 2)))

    def steps(self, strength: float) -> list[Gaussian]:
        """Each belief after the answer; see laplace.update."""
        start, gram = strength * self.start, strength**2 * self.gram
        lifted = [strength * up for up in self.lifted]
        if self.form[0] == "pick":
            return [
                laplace.after_pick(v.belief, lifted[i][0], start[i, 0], gram[i, 0, 0],
                                   exp(v.log_tie))
                for i, v in enumerate(self.views)
            ]  # fmt: skip
        alpha, bend = laplace.modes(self.form, start, gram, self.log_tie)
        return [
            laplace.after(v.belief, lifted[i], gram[i], (alpha[i], bend[i]))
            for i, v in enumerate(self.views)
        ]


def foretell(
    belief: Gaussian, z: Array, shown: Sequence[int], outcome: Outcome, log_tie: float = log(TIE)
) -> float:
    """Probability of an outcome before it is learnt; z (m, d) in display order, `shown` their ids.

    Pick of a pair: side bias included, given that one is picked. Grid: mean over (picked,
    unpicked) pairs. A tie: its probability among the four outcomes.
    """
    return float(Meeting([View(belief, z, log_tie)], shown, outcome).told[0])
