"""The pools on the named axes of engine/rewards: measured once, shipped, and standardised.

`axes.safetensors` is made by build_axes.py. One unit of a coordinate is the pool's deviation of
that axis, 0 its mean (of texts: of the passages that are the ruler, see text_space.py, so that a
taste learnt on these axes stays what it was when passages join); values further than CLIP count as
CLIP, so that one odd item cannot decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from engine.data import Array, Kind
from engine.preference.base import Prior
from engine.rewards import REWARDS
from engine.rewards.base import Axis
from engine.starter.text_space import RULED

FILE = Path(__file__).with_name("axes.safetensors")
CLIP = 3.0
# Two random items of the pool differ by so many prior deviations of liking, as in text_space.py.
SPREAD = 2.0


@dataclass(frozen=True)
class PoolAxes:
    """raw (n, k) in the axes' own units, in the order of the pool's records; mean, sd (k,)."""

    space: str
    names: tuple[str, ...]
    raw: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]

    def standard(self, raw: NDArray[Any]) -> Array:
        """(n, k) coordinates of measured values (n, k)."""
        z = (np.asarray(raw, np.float64) - self.mean) / self.sd
        return np.asarray(np.clip(z, -CLIP, CLIP), np.float32)


def names(kind: Kind) -> tuple[str, ...]:
    return tuple(name for name, entry in REWARDS.items() if kind in entry.traits)


@cache
def axes(kind: Kind) -> tuple[Axis, ...]:
    """The axes of a medium, in the order of the table."""
    return tuple(REWARDS[name].load() for name in names(kind))


def measured(kind: Kind, items: Sequence[Any]) -> NDArray[np.float64]:
    """(n, k) in the axes' own units, of texts or PIL pictures."""
    return np.stack([axis.measure(items) for axis in axes(kind)], 1)


@cache
def pool_axes(kind: Kind) -> PoolAxes:
    """The shipped measures of a pool; an axis that came since then is an error with its cure."""
    with safe_open(str(FILE), "numpy") as file:
        made = tuple((file.metadata() or {}).get(kind, "").split(","))
        raw = file.get_tensor(kind).astype(np.float64)
    if made != names(kind):
        raise ValueError(
            f"the {kind} axes changed since {FILE.name} was made; run "
            "`python -m engine.starter.build_axes`"
        )
    ruler = raw if kind == "picture" else raw[:RULED]
    return PoolAxes(f"axes:{kind}", made, raw, ruler.mean(0), ruler.std(0).clip(1e-6))


def prior(kind: Kind) -> Prior:
    """No taste, the same doubt about every axis."""
    pool = pool_axes(kind)
    spread = pool.standard(pool.raw).astype(np.float64).var(0).sum()
    k = len(pool.names)
    return Prior(pool.space, np.zeros(k), np.full(k, SPREAD**2 / (2.0 * float(spread))))
