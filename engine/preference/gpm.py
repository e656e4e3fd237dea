"""GPM: liking that runs in circles, A over B over C over A (Zhang et al., arXiv 2410.02197).

Item i has a vector v_i in R^2r; s(i over j) = v_i' R v_j with R block-skew [0 -1; 1 0], and
P(i over j) = sigma(s / tau): antisymmetric by construction, no item has a score of its own. Fitted
here for the items one person (or group) compared, from a start by the leading planes of the skew
matrix of log odds, then logistic steps with L2. `loop` names the circle that is best supported.
Assumes every item was compared a few times; it does not reach items nobody compared, and where
choices are consistent a scalar score says the same with half the numbers.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine import laplace

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    planes: int = field(default=2, metadata={"help": "planes to turn in", "low": 1, "high": 8})
    tau: float = field(default=0.1, metadata={"help": "temperature", "low": 0.01, "high": 10.0})
    pull: float = field(default=0.02, metadata={"help": "L2 on the vectors", "low": 0.0})
    steps: int = field(default=300, metadata={"help": "steps of the fit", "low": 0})
    rate: float = field(default=0.02, metadata={"help": "size of a step (Adam)", "low": 1e-4})


def turned(v: Float) -> Float:
    """R v: in every plane (a, b) becomes (-b, a). v (n, 2r)."""
    out = np.empty_like(v)
    out[:, 0::2], out[:, 1::2] = -v[:, 1::2], v[:, 0::2]
    return out


def prob(v: Float, tau: float) -> Float:
    """(n, n) chance that the row is liked more than the column; with its transpose it makes 1."""
    s = v @ turned(v).T
    return laplace.sigmoid(0.5 * (s - s.T) / tau)


def fit(wins: Float, settings: Settings | None = None) -> Float:
    """Vectors (n, 2r) from wins (n, n): how often the row was picked over the column."""
    s = settings or Settings()
    v = _start(wins, s)
    first, second = np.zeros_like(v), np.zeros_like(v)
    for t in range(1, s.steps + 1):
        miss = wins * (1.0 - prob(v, s.tau))  # d log sigma(s_ij / tau) / d s_ij, times tau
        slope = (miss - miss.T) / s.tau
        # s_ij = v_i' R v_j: the gradient in v_i is slope_ij R v_j, both roles at once.
        grad = slope @ turned(v) / max(1.0, wins.sum()) - s.pull * v / len(v)
        first, second = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad**2
        size = np.sqrt(second / (1 - 0.999**t)) + 1e-8
        v = v + s.rate * first / (1 - 0.9**t) / size
    return v


def _start(wins: Float, s: Settings) -> Float:
    """Leading planes of the skew log odds: i S is Hermitian, its eigenvectors are the planes."""
    odds = s.tau * np.log((wins + 0.5) / (wins.T + 0.5))
    values, vectors = np.linalg.eigh(1j * odds)
    v = np.zeros((len(wins), 2 * s.planes))
    for p, at in enumerate(np.argsort(-values)[: s.planes]):
        if values[at] > 1e-12:
            size = np.sqrt(2.0 * values[at])
            v[:, 2 * p], v[:, 2 * p + 1] = size * vectors[:, at].real, size * vectors[:, at].imag
    agree = float((odds * (v @ turned(v).T)).sum())
    return v if agree >= 0 else v * np.tile([1.0, -1.0], s.planes)


def circular(wins: Float) -> tuple[int, float]:
    """Circular triads among fully compared triples, and their share there; 1/4 is pure chance
    (Kendall & Babington Smith 1940). (0, 0) when no triple was compared in full.
    """
    over = (wins > wins.T).astype(np.float64)
    told = over + over.T
    triples = np.trace(told @ told @ told) / 6.0
    loops = np.trace(over @ over @ over) / 3.0
    return int(round(loops)), float(loops / triples) if triples else 0.0


def loop(wins: Float) -> tuple[int, int, int] | None:
    """The circle a over b over c over a whose weakest link was said most clearly; None without."""
    lead = wins - wins.T
    lead = np.where(lead > 0, lead, 0.0)
    weakest = np.minimum(np.minimum(lead[:, :, None], lead[None, :, :]), lead.T[:, None, :])
    if weakest.max(initial=0.0) <= 0:
        return None
    a, b, c = np.unravel_index(int(weakest.argmax()), weakest.shape)
    return int(a), int(b), int(c)
