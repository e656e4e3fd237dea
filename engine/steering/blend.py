"""Two tastes in one picture: a point on the line between two people, and how evenly it moves.

Anything that can be scaled and added can be blended: taste vectors, directions, leans. ISTD
(founding paper 60, Smooth Diffusion) is the deviation of the distances between neighbouring
pictures on the way; beside their mean it says whether the change comes evenly or in jumps. What
trains a model to move evenly is engine/objectives/smooth.py, an option of tuning pictures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.data import Array


def blend(mine: Any, other: Any, share: float) -> Any:
    """`mine` at share 0, `other` at 1, the very same values at both ends."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of {share:g} lies outside 0 to 1")
    if share in (0.0, 1.0):
        return other if share else mine
    return mine * (1.0 - share) + other * share


def istd(path: Sequence[Array] | Array) -> tuple[float, float]:
    """Deviation and mean of the distances of neighbours on a path (k, d) of perceptual features."""
    steps = np.linalg.norm(np.diff(np.asarray(path, np.float64), axis=0), axis=1)
    return float(steps.std()), float(steps.mean())
