"""How far a training by minutes or by steps has come, and the rate that belongs there."""

import math
import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Ends after `minutes`, or after `steps` where those are given (tests count steps).

    `before` is the share that an earlier, interrupted run has behind it.
    """

    minutes: float = 0.0
    steps: int = 0
    before: float = 0.0
    warm: int = 100
    _begun: float = field(default_factory=time.monotonic)

    def share(self, done: int) -> float:
        """0 at the start, 1 at the end."""
        if self.steps:
            return min(1.0, done / self.steps)
        here = (time.monotonic() - self._begun) / max(60 * self.minutes, 1e-9)
        return min(1.0, self.before + (1 - self.before) * here)

    def over(self, done: int) -> bool:
        return self.share(done) >= 1.0

    def rate(self, done: int) -> float:
        """1 after the first steps, then flat, and down to nothing over the last third."""
        share = self.share(done)
        fall = 1.0 if share < 2 / 3 else 0.5 * (1 + math.cos(math.pi * (share - 2 / 3) * 3))
        return min(1.0, (done + 1) / self.warm) * fall
