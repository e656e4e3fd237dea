"""Honest accuracy: every answer is predicted before it is learnt from, and the hits are counted.

Interval: Wilson score, 90 % (Wilson 1927). Dawid 1984 for the prequential principle.
"""

from dataclasses import dataclass, field
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


@dataclass
class Trace:
    """How a tally grew: (answers, right, n) evenly spread over all of it, at most `most` of them,
    so that a long history takes no more room than a short one. Where it is full, every other point
    goes, and from then on every other new one is taken.
    """

    most: int = 240
    points: list[tuple[int, float, int]] = field(default_factory=list)
    step: int = 1
    seen: int = 0

    def add(self, answers: int, tally: Tally) -> None:
        self.seen += 1
        if self.seen % self.step:
            return
        self.points.append((answers, tally.right, tally.n))
        if len(self.points) >= self.most:
            del self.points[::2]
            self.step *= 2

    def spread(self, most: int) -> list[tuple[int, float, int]]:
        """A copy of at most about twice `most` points, evenly spread, without the first few."""
        step = max(1, len(self.points) // most)
        return self.points[step - 1 :: step]
