"""Does a person go in a circle, A over B over C over A, more clearly than slips of the hand do?

The circle is the one whose weakest link was said most often (engine/preference/gpm.py, Zhang et
al., arXiv 2410.02197, names it; Kendall & Babington Smith 1940 count such triads). The control is a
person without circles: Bradley-Terry scores fitted to the same comparisons, answers drawn anew,
their own best circle taken. p is the share of draws whose weakest link is as clear as the one seen.
Assumes that answers are independent; kinds compared fewer than a few times show no circle.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import laplace

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Circle:
    """loop: a over b over c over a; wins (3, 2): times for and against along it; p as above."""

    loop: tuple[int, int, int]
    wins: tuple[tuple[int, int], ...]
    p: float


def circle(wins: Float, rng: np.random.Generator, draws: int = 400) -> Circle | None:
    """wins (n, n): how often the row was picked over the column. None where nothing goes round."""
    seen, loop = _clearest(wins[None])
    if seen[0] <= 0:
        return None
    score = _scores(wins)
    chance = laplace.sigmoid(score[:, None] - score[None, :])
    total = (wins + wins.T).astype(np.int64)
    upper = np.triu(np.ones_like(total, bool), 1)
    drawn = np.zeros((draws, *wins.shape))
    drawn[:, upper] = rng.binomial(total[upper], chance[upper], (draws, int(upper.sum())))
    drawn += np.where(upper.T, total - drawn.swapaxes(1, 2), 0.0)
    control, _ = _clearest(drawn)
    a, b, c = (int(i) for i in loop[0])
    told = tuple((int(wins[x, y]), int(wins[y, x])) for x, y in ((a, b), (b, c), (c, a)))
    return Circle((a, b, c), told, float((1 + (control >= seen[0]).sum()) / (1 + draws)))


def _clearest(wins: Float) -> tuple[Float, NDArray[np.int64]]:
    """Of each matrix (m, n, n): the weakest link of its clearest circle, in wins over losses, and
    the circle (m, 3).
    """
    lead = (wins - wins.swapaxes(1, 2)).clip(0.0)
    weakest = np.minimum(
        np.minimum(lead[:, :, :, None], lead[:, None, :, :]),
        lead.swapaxes(1, 2)[:, :, None, :],
    )
    flat = weakest.reshape(len(wins), -1)
    best = flat.argmax(1)
    return flat.max(1), np.stack(np.unravel_index(best, weakest.shape[1:]), 1)


def _scores(wins: Float, var: float = 4.0, rounds: int = 50) -> Float:
    """(n,) Bradley-Terry scores at the mode, N(0, var) before them."""
    n = len(wins)
    total, score = wins + wins.T, np.zeros(n)
    for _ in range(rounds):
        p = laplace.sigmoid(score[:, None] - score[None, :])
        grad = (wins - total * p).sum(1) - score / var
        bend = total * p * (1 - p)
        step = np.linalg.solve(np.diag(bend.sum(1) + 1 / var) - bend, grad)
        score = score + step
        if np.abs(step).max() < 1e-8:
            break
    return score
