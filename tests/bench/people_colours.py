"""What can be measured of a set of colours, in OKLab (Ottosson 2020)."""

from collections.abc import Sequence

import numpy as np

from tests.bench.people_data import Float

TO_CONE = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                    [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                   [1.9779984951, -2.4285922050, 0.4505937099],
                   [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def measure(sets: Sequence[Sequence[str]]) -> Float:
    """(n, 12) of sets of eight "#rrggbb": how light, how vivid, which hues, how far apart."""
    lab = np.array([[_oklab(c) for c in s] for s in sets])
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    gaps = np.linalg.norm(lab[:, :, None] - lab[:, None], axis=-1)
    apart = gaps[:, *np.triu_indices(lab.shape[1], 1)]
    made = np.column_stack([lab.mean(1), lab.std(1), chroma.mean(1), chroma.std(1), chroma.max(1),
                            np.ptp(lab[..., 0], 1), apart.mean(1), apart.min(1)])  # fmt: skip
    return np.asarray((made - made.mean(0)) / made.std(0).clip(1e-9))


def _oklab(colour: str) -> Float:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    return np.asarray(TO_LAB @ np.cbrt(TO_CONE @ linear))
