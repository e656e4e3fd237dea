"""Honest accuracy: every answer is predicted before it is learnt from, and the hits are counted.

Interval: Wilson score, 90 % (Wilson 1927). Dawid 1984 for the prequential principle.
"""

from dataclasses import dataclass
from math import sqrt

Z = 1.645


@dataclass(frozen=True)
class Tally:
    """Right guesses out of n."""

    right: float = 0
    n: int = 0

    def add(self, predicted: float) -> "Tally":
        """`predicted` is the probability given to what then happened; 0.5 counts half."""
        hit = 0.5 if predicted == 0.5 else float(predicted > 0.5)
        return Tally(self.right + hit, self.n + 1)

    def interval(self) -> tuple[float, float]:
        """(low, high) of the hit rate; (0, 1) when nothing was counted."""
        if not self.n:
            return 0.0, 1.0
        p, n = self.right / self.n, self.n
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)
