"""How far apart two sets of pictures lie as sets: a distance like FID, for a few hundred pictures.

Frechet distance of two normal distributions, |m - n|^2 + tr(C + D - 2 (C D)^(1/2)) (Heusel et al.
2017, eq. 6), over DIM principal components of Lite0's pooled features instead of Inception's 2,048:
a covariance of a few hundred pictures has no more to say. Components are scaled to deviation 1 over
the real pictures, so that a distance of DIM is a mean off by one deviation in each.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DIM = 32


class Space:
    """Components of the features of real pictures (n, f)."""

    def __init__(self, real: NDArray[Any]) -> None:
        self.middle = real.mean(0)
        _, size, rows = np.linalg.svd(real - self.middle, full_matrices=False)
        self.rows = rows[:DIM] / (size[:DIM, None] / np.sqrt(len(real)))

    def apart(self, one: NDArray[Any], two: NDArray[Any]) -> float:
        """Of features (n, f) and (m, f); 0 for the same set."""
        x, y = ((v - self.middle) @ self.rows.T for v in (one, two))
        a, b = np.cov(x.T), np.cov(y.T)
        # The eigenvalues of a product of two covariances are real and not negative.
        both = np.sqrt(np.linalg.eigvals(a @ b).real.clip(min=0)).sum()
        gap = ((x.mean(0) - y.mean(0)) ** 2).sum()
        return float(max(0.0, gap + np.trace(a) + np.trace(b) - 2 * both))
